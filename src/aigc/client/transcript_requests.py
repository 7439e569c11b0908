"""What can be asked of recorded speech: ``transcribe`` and ``translate``, each as a request.

The functions here are the signatures and the documentation of those of `aigc`, `aigc.Client` and `aigc.AsyncClient`,
which send what they make and return a `Transcript`.

Knows: fields of OpenAI's transcript endpoints and of our extensions. Does not know: how it is sent.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from aigc.client.transcript_results import OnProgress
from aigc.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

SoundSource: TypeAlias = "str | os.PathLike[str] | bytes | tuple[Floats, int] | Any"
"""What a sound may be given as: a file's path, a file's content, (samples from -1 to 1, samples a second), or a
`aigc.Speech`."""


@dataclass(frozen=True, slots=True)
class TranscriptAsk:
    """One request for a transcript."""

    path: str
    """Below the base URL."""
    fields: dict[str, Any]
    sound: SoundSource
    on_progress: OnProgress | None

    @property
    def translated(self) -> bool:
        """Whether the text is to be English."""
        return self.path.endswith("translations")

    @property
    def body(self) -> dict[str, Any]:
        """What is sent beside the file."""
        return {**self.fields, "stream": True, "progress": True} if self.on_progress is not None else self.fields

    @contextlib.contextmanager
    def files(self) -> Iterator[dict[str, bytes | BinaryIO]]:
        """The sound, open: it is sent piece by piece. Raises: UserError: it can't be read."""
        with _opened(self.sound) as file:
            yield {"file": file}


def transcribe(
    sound: SoundSource,
    *,
    language: str | None = None,
    words: bool = False,
    prompt: str | None = None,
    temperature: float | None = None,
    model: str = "default",
    on_progress: OnProgress | None = None,
    **params: Any,
) -> TranscriptAsk:
    """Write down what is said.

    Args:
        sound: a path, the bytes of a file (any format that FFmpeg knows, films too), ``(samples, rate)`` with numbers
            from -1 to 1, or what `aigc.speak` gave.
        language: ISO 639-1, like ``en``; None: it is found out.
        words: tell when each word begins and ends.
        prompt: what was said before, or how names are spelled; at most 223 tokens.
        temperature: 0 to 1; 0 takes the likeliest words.
        model: id or alias of a model that listens.
        on_progress: called with a `TranscriptProgress` on the way, also with every sentence as soon as it is
            understood; what it raises ends the request and the work.
        **params: anything else that the API knows.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`. `InvalidSound`: no sound, or a damaged one; with
            ``on_progress``, what was understood until then has been told.
    """
    granularities = ["word", "segment"] if words else None
    return _ask("transcriptions", sound, on_progress, model, params, language, prompt, temperature, granularities)


def translate(
    sound: SoundSource,
    *,
    language: str | None = None,
    prompt: str | None = None,
    temperature: float | None = None,
    model: str = "default",
    on_progress: OnProgress | None = None,
    **params: Any,
) -> TranscriptAsk:
    """Write down in English what is said in another language.

    Args:
        sound: as for `transcribe`.
        language: that is spoken, ISO 639-1; None: it is found out.
        prompt: English text that was said before.
        temperature: 0 to 1; 0 takes the likeliest words.
        model: id or alias of a model that translates.
        on_progress: as for `transcribe`.
        **params: anything else that the API knows.

    Raises:
        AigcError: as for `transcribe`.
    """
    return _ask("translations", sound, on_progress, model, params, language, prompt, temperature, None)


def _ask(
    task: str,
    sound: SoundSource,
    on_progress: OnProgress | None,
    model: str,
    params: dict[str, Any],
    language: str | None,
    prompt: str | None,
    temperature: float | None,
    granularities: list[str] | None,
) -> TranscriptAsk:
    if "response_format" in params or "stream" in params:
        raise UserError("response_format can't be chosen here", param="response_format", hint=".format(), .save() do")
    given = {
        "language": language,
        "prompt": prompt,
        "temperature": temperature,
        "timestamp_granularities": granularities,
    }
    fields = {"model": model, "response_format": "verbose_json"}
    fields |= {name: value for name, value in {**given, **params}.items() if value is not None}
    return TranscriptAsk(f"audio/{task}", fields, sound, on_progress)


def _opened(sound: Any) -> BinaryIO:
    if isinstance(sound, bytes | bytearray | memoryview):
        return io.BytesIO(sound)
    if isinstance(sound, str | os.PathLike):
        path = Path(sound)
        try:
            if path.is_dir():
                raise UserError(f"{path} is a folder; accepted: a file with sound", param="sound")
            return path.open("rb")
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror}", param="sound") from error
    data, rate = getattr(sound, "data", None), getattr(sound, "rate", None)
    if isinstance(data, bytes) and isinstance(rate, int):
        return io.BytesIO(_wav(data, rate))
    if isinstance(sound, tuple) and len(sound) == 2:
        return io.BytesIO(_wav(_integers(sound[0]), int(sound[1])))
    raise UserError(
        f"sound is of type {type(sound).__name__}; accepted: a path, bytes of a file, (samples, rate), or aigc.Speech",
        param="sound",
    )


def _integers(samples: Any) -> bytes:
    """(n,) or (n, channels) numbers from -1 to 1, or 16-bit integers, as 16-bit integers of one channel."""
    import numpy as np

    found = np.asarray(samples)
    if found.ndim not in (1, 2) or not (found.dtype.kind == "f" or found.dtype == np.int16):
        raise UserError(
            f"samples have the shape {found.shape} and are {found.dtype}; accepted: (n,) or (n, channels), floats from "
            "-1 to 1 or int16",
            param="sound",
        )
    floats = found.astype(np.float64) / (32768 if found.dtype == np.int16 else 1)
    mono = floats if floats.ndim == 1 else floats.mean(1)
    whole: bytes = np.clip(np.rint(mono * 32768), -32768, 32767).astype("<i2").tobytes()
    return whole


def _wav(data: bytes, rate: int) -> bytes:
    import wave

    if not 1 <= rate <= 768_000:
        raise UserError(f"rate is {rate}; accepted: 1 to 768000 samples a second", param="sound")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(data)
    return out.getvalue()
