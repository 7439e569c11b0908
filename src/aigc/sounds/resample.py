"""From one sample rate to another, piece by piece.

Knows: libswresample (in PyAV). Does not know: where the pieces come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Resampler:
    """One stream of one channel.

    Args:
        source: samples a second of what comes.
        target: samples a second of what is wanted.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._work: Any = None
        if source != target:
            import av

            self._work = av.AudioResampler(format="s16", layout="mono", rate=target)

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """What is ready after (n,) more samples: the filter keeps a few milliseconds back."""
        if self._work is None or not len(samples):
            return samples
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="s16", layout="mono")
        frame.sample_rate = self._source
        return self._taken(frame)

    def rest(self) -> NDArray[np.int16]:
        """What the filter kept back, at the end of the stream."""
        return np.zeros(0, np.int16) if self._work is None else self._taken(None)

    def _taken(self, frame: Any) -> NDArray[np.int16]:
        found = [out.to_ndarray()[0] for out in self._work.resample(frame)]
        return np.concatenate(found) if found else np.zeros(0, np.int16)
