"""The sound that comes from a client: decoded, brought to one rate, and cut into turns.

In a session that hears turns by itself only the turn is kept, and before it as much as may belong to it; so silence
for ever takes no memory.

Knows: formats, limits, samples. Does not know: events, models.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from aigc.errors import TooLarge
from aigc.server.errors import InvalidValue
from aigc.server.realtime.config import Input, Pcm, Pcmu
from aigc.sounds import telephone
from aigc.sounds.resample import Resampler
from aigc.sounds.vad import RATE, Change, SpeechDetector
from aigc.types import Samples

MOST_SECONDS = 120.0
"""Longest turn. One that goes on is taken as it is; without turn detection, more sound is refused."""
_PCM_RATE, _PHONE_RATE = 24_000, 8_000


class Ears:
    """One session's input."""

    def __init__(self, config: Input) -> None:
        self._config = config
        self._resampler = self._new_resampler()
        self._detector = self._new_detector(config)
        self._odd = b""
        self._kept: list[NDArray[np.int16]] = []
        self._first = 0
        """Number of the first sample that is kept, since the session began."""
        self._end = 0
        self._offset = 0
        """Where the detector began to listen."""
        self.turn: int | None = None
        """Where the turn began that goes on."""

    @property
    def config(self) -> Input:
        """How it listens."""
        return self._config

    def configure(self, config: Input) -> None:
        """Listen otherwise from now on; what was heard stays."""
        if config.format != self._config.format:
            self._config, self._odd = config, b""
            self._resampler = self._new_resampler()
        if config.turn_detection != self._config.turn_detection:
            self._detector, self._offset, self.turn = self._new_detector(config), self._end, None
        self._config = config

    def hear(self, audio: str) -> list[Change]:
        """More sound in base64: what happened in it. Takes 5 ms for each second of sound.

        Raises: InvalidValue: not base64. TooLarge: the turn is longer than `MOST_SECONDS`.
        """
        samples = self._resampler.feed(self._decoded(audio))
        if self._detector is None and self._end + len(samples) - self._first > MOST_SECONDS * RATE:
            raise TooLarge(
                f"the buffer would hold more than {MOST_SECONDS:g} seconds of sound",
                param="audio",
                hint="commit or clear it",
            )
        self._kept.append(samples)
        self._end += len(samples)
        if self._detector is None:
            return []
        changes = [Change(change.kind, change.sample + self._offset) for change in self._detector.feed(samples)]
        for change in changes:
            if change.kind == "began":
                self.turn = change.sample
            elif change.kind == "ended":
                self.turn = None
        if self.turn is not None and self._end - self.turn > MOST_SECONDS * RATE:
            self.restart()
            changes.append(Change("ended", self._end))
        return changes

    def restart(self) -> None:
        """The turn is over, whatever comes next is another one."""
        self._detector, self._offset, self.turn = self._new_detector(self._config), self._end, None

    def sound(self, begin: int, end: int) -> Samples:
        """What was heard between two samples."""
        self._kept = [np.concatenate(self._kept)] if self._kept else []
        whole = self._kept[0] if self._kept else np.zeros(0, np.int16)
        return Samples(rate=RATE, data=whole[max(0, begin - self._first) : end - self._first].astype("<i2").tobytes())

    def trim(self) -> None:
        """Forget what can't belong to a turn any more; called when all changes have been seen to."""
        vad = self._config.turn_detection
        if vad is None:
            return
        need = self.turn if self.turn is not None else self._end - (vad.prefix_padding_ms + 500) * RATE // 1000
        if need - self._first > RATE:  # not for every frame
            whole = np.concatenate(self._kept)
            self._kept, self._first = [whole[need - self._first :].copy()], need

    def all(self) -> tuple[int, int]:
        """First and last sample of what was not committed."""
        return self.turn if self.turn is not None else self._first, self._end

    def clear(self) -> None:
        """Forget everything that was not committed."""
        self._kept, self._first = [], self._end
        self.restart()

    def _decoded(self, audio: str) -> NDArray[np.int16]:
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidValue("audio is not base64", param="audio") from error
        if not isinstance(self._config.format, Pcm):
            return telephone.decode(data, "mu" if isinstance(self._config.format, Pcmu) else "a")
        data = self._odd + data
        self._odd = data[len(data) - len(data) % 2 :]  # a client may cut where it likes
        return np.frombuffer(data[: len(data) - len(self._odd)], "<i2")

    def _new_resampler(self) -> Resampler:
        return Resampler(_PCM_RATE if isinstance(self._config.format, Pcm) else _PHONE_RATE, RATE)

    def _new_detector(self, config: Input) -> SpeechDetector | None:
        vad = config.turn_detection
        if vad is None:
            return None
        return SpeechDetector(
            threshold=vad.threshold, padding_ms=vad.prefix_padding_ms, silence_ms=vad.silence_duration_ms
        )
