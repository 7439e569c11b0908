"""How soon a model's process may be started again after it failed: a budget, so that a crash can't become a loop.

Knows: failures, completed answers, a clock. Does not know: processes, models, requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aigc.errors import AigcError, WorkerDied

_UNASKED = 3
"""Failures in a row up to which the process starts again before anybody asks; after that only a request starts it."""
_LOAD_FAILED_SECONDS = 5.0
"""Wait after a load that failed with a reason: it will fail again, and clients retry at once."""
_LONGEST_SECONDS = 60.0
"""The longest wait: what was wrong (memory, a file) may have been put right meanwhile."""


class RestartBudget:
    """Counts failures in a row; every one doubles the wait, a completed answer clears all.

    A process that dies once starts again at once: nearly always it was killed from outside, or by one request.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")
        self.failures = 0
        """Deaths and failed loads since the last completed answer."""
        self.error: AigcError | None = None
        """The last of them."""

    def failed(self, error: AigcError) -> None:
        """Take a death or a failed load into account."""
        self.failures += 1
        self.error = error
        first = self.failures == 1
        if isinstance(error, WorkerDied):
            seconds = 0.0 if first else 2.0 ** (self.failures - 2)
        else:
            seconds = _LOAD_FAILED_SECONDS * 2.0 ** (self.failures - 1)
        self._until = self._clock() + min(seconds, _LONGEST_SECONDS)

    def succeeded(self) -> None:
        """An answer was completed: the process works."""
        self.failures, self.error, self._until = 0, None, float("-inf")

    @property
    def wait_seconds(self) -> float:
        """Until the next start is allowed; 0 when it is."""
        return max(0.0, self._until - self._clock())

    @property
    def unasked(self) -> bool:
        """Whether the process may be started again before anybody asks for it."""
        return self.failures <= _UNASKED
