"""Between the runtime and the socket: hands over, in one piece, all events that are ready.

The runtime delivers events into a list; the reader is woken once and takes the list. While the socket is busy events
gather, so that under load many tokens share one write. A slow reader can't fill the memory: an answer is at most as
long as the context.

Knows: asyncio, events. Does not know: HTTP, JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from starlette.types import Receive

from aigc.types import Deliver, Event

Source = Callable[[Deliver], Coroutine[Any, Any, None]]
"""Delivers the events of one answer; returns after the last one, or raises."""


class Feed:
    """The events of several sources, each with the number of its source.

    An async context manager: leaving it cancels all sources, wherever they are.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._ready: list[tuple[int, Event]] = []
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._alarm = _Alarm(self._wake)
        self._tasks: list[asyncio.Task[None]] = []
        self._open = len(sources)

    async def __aenter__(self) -> Feed:
        self._tasks = [asyncio.create_task(self._move(i, source)) for i, source in enumerate(self._sources)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._alarm.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take(self, patience_seconds: float) -> list[tuple[int, Event]] | None:
        """All events that are ready; an empty list when none came for ``patience_seconds``; None after the last.

        Raises: whatever a source raised, after the events that came before it.
        """
        if not self._ready and self._open and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            self._alarm.set(patience_seconds)
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._ready:
            events, self._ready = self._ready, []
            return events
        if self._error is not None:
            raise self._error
        return [] if self._open else None

    def fail(self, error: BaseException) -> None:
        """End: `take` raises ``error`` after the events that are ready, unless a source has raised before."""
        self._error = self._error or error
        self._wake()

    async def _move(self, number: int, source: Source) -> None:
        try:
            await source(partial(self._add, number))
        except Exception as error:
            self.fail(error)
        finally:
            self._open -= 1
            self._wake()

    def _add(self, number: int, event: Event) -> None:
        self._ready.append((number, event))
        if self._waiter is not None:
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Alarm:
    """Rings once after the time that was set last. Setting it again costs no new timer: it is set for every token."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._due:
            self.stop()
        if self._timer is None:
            self._timer = loop.call_at(self._due, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """The timer's time has come; the alarm may have been set to a later one meanwhile."""
        self._timer = None
        loop = asyncio.get_running_loop()
        if loop.time() < self._due:
            self._timer = loop.call_at(self._due, self._look)
        else:
            self._ring()


async def while_connected(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Run ``work``; cancel it as soon as the client leaves. Raises: whatever ``work`` raises."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
