"""A bounded queue before a bounded number of places; whoever can't even wait is told when to come back.

Knows: counts and order. Does not know: models, processes, requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aigc.errors import Busy

_SMOOTHING = 0.2
"""Weight of the newest duration in the moving average."""


class Turnstile:
    """First come, first served.

    Args:
        places: how many may be inside; a visitor may take several (one request with ``n`` choices).
        queue_size: how many may wait.
    """

    def __init__(self, places: int, queue_size: int) -> None:
        self._places = places
        self._queue_size = queue_size
        self._inside = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._mean_seconds = 1.0

    @property
    def inside(self) -> int:
        """Places taken."""
        return self._inside

    @property
    def waiting(self) -> int:
        """Visitors in the queue."""
        return sum(not place.done() for _, place in self._queue)

    @asynccontextmanager
    async def enter(self, weight: int) -> AsyncIterator[None]:
        """Wait for ``weight`` places (at most all there are) and hold them. Raises: Busy if the queue is full."""
        weight = min(weight, self._places)
        await self._take(weight)
        began = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            elapsed = asyncio.get_running_loop().time() - began
            self._mean_seconds += _SMOOTHING * (elapsed - self._mean_seconds)
            self._inside -= weight
            self._admit()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Wait until everybody inside has left, and hold all places; never refused. Later visitors wait meanwhile."""
        await self._take(self._places, bounded=False)
        try:
            yield
        finally:
            self._inside -= self._places
            self._admit()

    async def _take(self, weight: int, *, bounded: bool = True) -> None:
        if not self.waiting and self._inside + weight <= self._places:
            self._inside += weight
            return
        if bounded and self.waiting >= self._queue_size:
            raise Busy(
                f"{self.waiting} requests are waiting already; accepted: {self._queue_size}",
                hint="send it again after the time in Retry-After",
                retry_after_seconds=self._expected_wait(),
            )
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((weight, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # admitted and cancelled in the same moment
                self._inside -= weight
            self._admit()
            raise

    def _admit(self) -> None:
        """Let in whoever fits. Those who left are dropped here: many may leave before any of them is told of it."""
        self._queue = deque(entry for entry in self._queue if not entry[1].done())
        while self._queue and self._inside + self._queue[0][0] <= self._places:
            weight, place = self._queue.popleft()
            self._inside += weight
            place.set_result(None)

    def _expected_wait(self) -> float:
        return max(1.0, self._mean_seconds * (len(self._queue) + 1) / self._places)
