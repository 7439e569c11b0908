"""Cuts a sound of any length where nobody speaks, into pieces that a recogniser can take whole; silence is left out.

Knows: seconds, silence. Does not know: files, models of speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc.sounds.vad import FRAME, RATE, SpeechDetector

LONGEST = 28 * RATE
"""Samples of the longest piece: a recogniser that takes 30 seconds has room left."""
_PADDING_MS = 300
_SILENCE_MS = 500
_GAP = 2 * RATE
"""Longer silence parts two pieces; shorter one stays inside, so that the times of a piece are those of the sound."""
_SHORTEST = 5 * RATE
"""Where a piece has to be cut, it is cut at a silence, unless that is so early."""
_QUIET = RATE // 50

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the sound with speech in it."""

    start: int
    """Its first sample, counted from the beginning of the sound."""
    samples: Floats
    """(n,), at 16 kHz."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    def after(self, seconds: float) -> Piece:
        """The rest of it."""
        skipped = round(seconds * RATE)
        return Piece(self.start + skipped, self.samples[skipped:])


class Cutter:
    """Follows one sound; remembers what doesn't belong to a finished piece yet, at most half a minute."""

    def __init__(self) -> None:
        self._detector = SpeechDetector(padding_ms=_PADDING_MS, silence_ms=_SILENCE_MS)
        self._kept: Floats = np.zeros(0, np.float32)
        self._kept_from = 0
        self._now = 0
        """Samples that came."""
        self._begin: int | None = None
        """Where the piece begins that is being gathered."""
        self._end = 0
        """Where the last speech in it ended."""
        self._pause = 0
        """Where the last short silence within the speech was."""

    def feed(self, block: Floats) -> list[Piece]:
        """The pieces that are finished with this block: (n,) float32 at 16 kHz."""
        found: list[Piece] = []
        for start in range(0, len(block), RATE):
            found += self._second(block[start : start + RATE])
        return found

    def rest(self) -> list[Piece]:
        """The last piece, at the end of the sound."""
        if self._begin is None:
            return []
        return [self._piece(self._now if self._detector.speaking else self._end)]

    def _second(self, samples: Floats) -> list[Piece]:
        self._kept = np.concatenate([self._kept, samples])
        self._now += len(samples)
        found: list[Piece] = []
        for change in self._detector.feed((samples * 32767).astype(np.int16)):
            if change.kind == "began":
                if self._begin is not None and change.sample - self._end > _GAP:
                    found.append(self._piece(self._end))
                if self._begin is None:
                    self._begin = max(change.sample, self._kept_from)
            elif change.kind == "paused":
                self._pause = change.sample - FRAME
            elif change.kind == "ended":
                self._end = change.sample - (_SILENCE_MS - _PADDING_MS) * RATE // 1000
        if not self._detector.speaking and self._begin is not None and self._now - self._end > _GAP:
            found.append(self._piece(self._end))
        while self._begin is not None and self._now - self._begin > LONGEST:
            found.append(self._piece(self._best_cut(self._begin)))
        self._forget()
        return found

    def _best_cut(self, begin: int) -> int:
        """After the last silence; where there was none for long, at the quietest moment of the last seconds."""
        longest = begin + LONGEST
        for place in sorted((self._end, self._pause), reverse=True):
            if begin + _SHORTEST < place <= longest:
                return place
        last = self._kept[longest - _SHORTEST - self._kept_from : longest - self._kept_from]
        loudness = np.square(last[: len(last) // _QUIET * _QUIET]).reshape(-1, _QUIET).mean(1)
        return longest - _SHORTEST + (int(loudness.argmin()) * 2 + 1) * _QUIET // 2

    def _piece(self, end: int) -> Piece:
        assert self._begin is not None, "a piece has begun"
        begin, end = self._begin, max(self._begin, end)
        goes_on = self._detector.speaking or self._end > end
        self._begin = end if goes_on else None
        return Piece(begin, self._kept[begin - self._kept_from : end - self._kept_from].copy())

    def _forget(self) -> None:
        """Keep what is being gathered, and enough for the beginning of the next speech."""
        needed = self._now - RATE if self._begin is None else self._begin
        drop = max(0, needed - self._kept_from)
        self._kept = self._kept[drop:]
        self._kept_from += drop
