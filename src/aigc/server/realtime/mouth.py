"""The sound that goes to a client: brought to its format, in pieces that a player can take.

Knows: formats, samples. Does not know: events, models.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np

from aigc.server.realtime.config import Pcm, Pcma, Pcmu
from aigc.sounds import telephone
from aigc.sounds.resample import Resampler
from aigc.types import Samples

_PIECE_SECONDS = 0.4


class Mouth:
    """The sound of one answer."""

    def __init__(self, form: Pcm | Pcmu | Pcma) -> None:
        self._form = form
        self._rate = 24_000 if isinstance(form, Pcm) else 8_000
        self._work: dict[int, Resampler] = {}
        self.milliseconds = 0.0
        """Of all that was said."""

    def say(self, sound: Samples) -> Iterator[str]:
        """Pieces in base64."""
        if sound.rate not in self._work:
            self._work[sound.rate] = Resampler(sound.rate, self._rate)
        samples = self._work[sound.rate].feed(np.frombuffer(sound.data, "<i2"))
        self.milliseconds += len(samples) * 1000 / self._rate
        step = int(_PIECE_SECONDS * self._rate)
        for start in range(0, len(samples), step):
            yield base64.b64encode(self._coded(samples[start : start + step])).decode()

    def _coded(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> bytes:
        if isinstance(self._form, Pcm):
            return samples.astype("<i2").tobytes()
        return telephone.encode(samples, "mu" if isinstance(self._form, Pcmu) else "a")
