"""Speech as the Python API asks for it and gives it: ``speak``, as requests of a size that every server takes.

What is asked for is samples; the file is made here, so that a text of any length becomes one sound in any format.

Knows: fields of OpenAI's speech endpoint, where a long text is cut. Does not know: how it is sent, voices.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aigc.sounds.encode import Format

RATE = 24_000
ENDINGS: dict[str, Format] = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".flac": "flac",
    ".wav": "wav",
    ".pcm": "pcm",
}
"""Endings of names of files, to the format that they stand for."""
_SECTION_CHARACTERS = 400
_MOST_CHARACTERS = 4096
_PAUSE_SECONDS = 0.32
"""Between two sections, at speed 1: as between two sentences of one."""


@dataclass(frozen=True, slots=True)
class SpeechProgress:
    """How far a text has been spoken."""

    characters: int
    """Of the sections that are done."""
    total_characters: int
    seconds: float
    """Of sound so far."""


OnProgress = Callable[[SpeechProgress], None]


@dataclass(frozen=True)
class Speech:
    """A text that was spoken."""

    data: bytes = field(repr=False)
    """24,000 samples a second: 16-bit signed integers, little-endian, one channel."""
    voices: tuple[str, ...] = ()
    """Who began to speak each section, without repetitions; empty where the server doesn't say."""

    rate = RATE
    """Samples a second."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.data) / 2 / RATE

    @cached_property
    def samples(self) -> NDArray[np.float32]:
        """The sound as numbers from -1 to 1."""
        import numpy as np

        found: NDArray[np.float32] = np.frombuffer(self.data, "<i2").astype(np.float32) / np.float32(32768)
        return found

    def file(self, format: Format = "mp3") -> bytes:
        """The sound as a file: ``mp3``, ``opus``, ``aac``, ``flac``, ``wav`` or ``pcm``."""
        from aigc.sounds.encode import encode
        from aigc.types import Samples

        return encode(Samples(rate=RATE, data=self.data), format)

    def save(self, path: str | os.PathLike[str], format: Format | None = None) -> Path:
        """Write a file, whole or not at all; one that is there is replaced.

        Args:
            path: where to; its ending says which format, see `ENDINGS`.
            format: instead of what the ending says.
        Raises:
            UserError: the name ends like no sound, or the folder can't be written to.
            StorageFull: no room; nothing stays.
        """
        from aigc.client.picture_results import write_whole

        target = Path(path)
        named = format or ENDINGS.get(target.suffix.lower())
        if named is None:
            endings = ", ".join(ENDINGS)
            raise UserError(f"{target.name!r} ends like no sound; accepted: {endings}", param="path")
        return write_whole(target, self.file(named))


@dataclass(frozen=True, slots=True)
class SpeechAsk:
    """A text on its way to be spoken."""

    sections: tuple[str, ...]
    fields: dict[str, Any]
    speed: float
    on_progress: OnProgress | None

    def body(self, section: str) -> dict[str, Any]:
        """What is sent for one section."""
        return {**self.fields, "input": section, "response_format": "pcm"}


class SpeechParts:
    """Puts the sections of an answer together."""

    def __init__(self, ask: SpeechAsk) -> None:
        self._ask = ask
        self._data = bytearray()
        self._voices: dict[str, None] = {}
        self._characters = 0

    def add(self, section: str, data: bytes, voice: str | None) -> None:
        """The sound of the next section."""
        if self._data:
            self._data += bytes(2 * round(RATE * _PAUSE_SECONDS / self._ask.speed))
        self._data += data
        if voice:
            self._voices[voice] = None
        self._characters += len(section)
        if self._ask.on_progress is not None:
            total = sum(map(len, self._ask.sections))
            self._ask.on_progress(SpeechProgress(self._characters, total, len(self._data) / 2 / RATE))

    def whole(self) -> Speech:
        """All of it."""
        return Speech(bytes(self._data), tuple(self._voices))


def speak(
    text: str,
    *,
    voice: str = "alloy",
    speed: float = 1.0,
    model: str = "default",
    on_progress: OnProgress | None = None,
    **params: Any,
) -> SpeechAsk:
    """Speak a text of any length.

    Args:
        text: English, Chinese or both; it is spoken sentence by sentence.
        voice: id of a voice; ``alloy`` and the other names of the cloud: the model's first voice for each language.
        speed: 0.25 to 4.
        model: id or alias of a model that speaks.
        on_progress: called with a `SpeechProgress` after every section of some 400 characters; what it raises ends
            the work.
        **params: anything else that the API knows.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`.
    """
    if "response_format" in params or "stream_format" in params:
        raise UserError("response_format can't be chosen here", param="response_format", hint=".save() and .file() do")
    if not text.strip():
        raise UserError("the text is empty; accepted: text with words or numbers", param="text")
    if not 0.25 <= speed <= 4:
        raise UserError(f"speed is {speed}; accepted: 0.25 to 4", param="speed")
    fields = {"model": model, "voice": voice, "speed": speed, **params}
    return SpeechAsk(tuple(sections(text)), fields, speed, on_progress)


def sections(text: str) -> list[str]:
    """A text in pieces of whole sentences that one request may carry; together they are the text."""
    from aigc.engines.voice_text import sentences

    made: list[str] = []
    for sentence in sentences(text):
        for start in range(0, len(sentence), _MOST_CHARACTERS):
            piece = sentence[start : start + _MOST_CHARACTERS]
            most = _SECTION_CHARACTERS if any(map(str.isalnum, piece)) else _MOST_CHARACTERS
            if made and len(made[-1]) + len(piece) <= most:
                made[-1] += piece
            else:
                made.append(piece)
    return made
