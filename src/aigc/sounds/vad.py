"""Is somebody speaking? Decides it for a stream, while the stream comes.

The network is Silero VAD 6 (MIT), which comes with the wheel of faster-whisper: 32 ms at a time, a state of 2 KB.
Why this one: docs/decisions/0003-hearing-speech.md.

Knows: samples, thresholds, milliseconds. Does not know: where samples come from, what is said.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aigc.errors import EngineMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000
"""Samples a second that the detector wants."""
FRAME = 512
"""Samples that are judged together: 32 ms."""
_CONTEXT = 64
"""Samples of the frame before that the network sees again."""
_WIDTH = 128
_ONSET_FRAMES = 3
"""Frames in a row that make speech of a sound: a click or a cough of 60 ms interrupts nobody."""
_RELEASE = 0.15
"""How far below the threshold a frame must be to count as silence: between the two, things stay as they are."""

Kind = Literal["began", "paused", "resumed", "ended"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened in the stream.

    ``began``: somebody speaks. ``paused``: it has been silent for `SpeechDetector.pause_ms`, which may be the end.
    ``resumed``: it was not. ``ended``: the silence lasted. A pause comes before each end.
    """

    kind: Kind
    sample: int
    """Where, in samples since the stream began: for ``began`` with the padding before it, else where it was noticed."""


class SpeechDetector:
    """Follows one stream in constant memory.

    Args:
        threshold: probability of speech, 0 to 1, above which a frame counts.
        padding_ms: how much before the first loud frame belongs to the speech.
        silence_ms: how long a silence ends it.
        pause_ms: how long a silence may be its end; at most ``silence_ms``.
    Raises:
        EngineMissing: the network or the library that computes it is not installed.
    """

    def __init__(
        self, *, threshold: float = 0.5, padding_ms: int = 300, silence_ms: int = 500, pause_ms: int = 120
    ) -> None:
        self._session = _network()
        self._threshold = threshold
        self._padding = padding_ms * RATE // 1000
        self._silence = silence_ms * RATE // 1000
        self._pause = min(pause_ms * RATE // 1000, self._silence)
        self._rest: NDArray[np.int16] = np.zeros(0, np.int16)
        self._before: NDArray[np.float32] = np.zeros(_CONTEXT, np.float32)
        self._state: NDArray[np.float32] = np.zeros((2, 1, 1, _WIDTH), np.float32)
        self._sample = 0
        self._loud = 0
        """Frames in a row above the threshold, while nobody speaks."""
        self._quiet = 0
        """Samples in a row of silence, while somebody speaks."""
        self._earliest = 0
        """Where the last speech ended: the padding of the next one goes back no further."""
        self.speaking = False

    def feed(self, samples: NDArray[np.int16]) -> list[Change]:
        """More of the stream, any length: (n,) int16 at `RATE`. What happened in it, in its order."""
        whole = np.concatenate([self._rest, samples])
        count = len(whole) // FRAME
        self._rest = whole[count * FRAME :]
        return [change for p in self._probabilities(whole[: count * FRAME]) for change in self._step(float(p))]

    def _probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """(frames * FRAME,) to (frames,)."""
        if not len(samples):
            return np.zeros(0, np.float32)
        frames = samples.astype(np.float32).reshape(-1, FRAME) / np.float32(32768)
        before = np.vstack([self._before, frames[:-1, -_CONTEXT:]])
        self._before = frames[-1, -_CONTEXT:]
        inputs = {"input": np.hstack([before, frames]), "h": self._state[0], "c": self._state[1]}
        found, hidden, cell = self._session.run(None, inputs)
        self._state = np.asarray([hidden, cell], np.float32)
        return np.asarray(found, np.float32).reshape(-1)

    def _step(self, probability: float) -> list[Change]:
        self._sample += FRAME
        if not self.speaking:
            self._loud = self._loud + 1 if probability >= self._threshold else 0
            if self._loud < _ONSET_FRAMES:
                return []
            self.speaking, self._quiet = True, 0
            return [Change("began", max(self._earliest, self._sample - self._loud * FRAME - self._padding))]
        if probability >= self._threshold and self._quiet:
            paused, self._quiet = self._quiet >= self._pause, 0
            return [Change("resumed", self._sample)] if paused else []
        if self._quiet or probability < self._threshold - _RELEASE:
            return self._silent()
        return []

    def _silent(self) -> list[Change]:
        before, self._quiet = self._quiet, self._quiet + FRAME
        found = [Change("paused", self._sample)] if before < self._pause <= self._quiet else []
        if self._quiet >= self._silence:
            self.speaking, self._loud, self._earliest = False, 0, self._sample
            found.append(Change("ended", self._sample))
        return found


@functools.lru_cache(maxsize=1)
def _network() -> Any:
    """The network, for all streams: a run keeps no state of its own, and several may run at once."""
    hint = "install faster-whisper and onnxruntime; the base install brings both"
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineMissing("onnxruntime is not installed, so nobody can hear when speech begins", hint=hint) from error
    found = importlib.util.find_spec("faster_whisper")  # not imported: all of CTranslate2 would come along
    if found is None or found.origin is None:
        raise EngineMissing("faster-whisper is not installed, so nobody can hear when speech begins", hint=hint)
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # streams come and go
    options.log_severity_level = 3
    path = Path(found.origin).parent / "assets" / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
