"""Between the runtime's generators and the socket: hands over, in one piece, all events that are ready.

One task for each generator moves its events into a list; the reader takes the list. While the socket is busy events
gather, so that under load many tokens share one write. A slow reader can't fill the memory: an answer is at most as
long as the context.

Knows: asyncio, events. Does not know: HTTP, JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any

from starlette.types import Receive

from aigc import errors
from aigc.types import Event, Failure


class Feed:
    """The events of several generators, each with the number of its generator.

    An async context manager: leaving it closes all generators, wherever they are.
    """

    def __init__(self, sources: Sequence[AsyncGenerator[Event, None]]) -> None:
        self._sources = sources
        self._ready: list[tuple[int, Event]] = []
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._open = len(sources)

    async def __aenter__(self) -> Feed:
        self._tasks = [asyncio.create_task(self._move(i, source)) for i, source in enumerate(self._sources)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take(self, patience_seconds: float) -> list[tuple[int, Event]] | None:
        """All events that are ready; an empty list when none came for ``patience_seconds``; None after the last.

        Raises: whatever a generator raised, after the events that came before it.
        """
        if not self._ready and self._open and self._error is None:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(patience_seconds, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        if self._ready:
            events, self._ready = self._ready, []
            return events
        if self._error is not None:
            raise self._error
        return [] if self._open else None

    def fail(self, error: BaseException) -> None:
        """End: `take` raises ``error`` after the events that are ready, unless a generator has raised before."""
        self._error = self._error or error
        self._wake()

    async def _move(self, number: int, source: AsyncGenerator[Event, None]) -> None:
        try:
            async with contextlib.aclosing(source):
                async for event in source:
                    if isinstance(event, Failure):
                        raise _raised(event)
                    self._ready.append((number, event))
                    self._wake()
        except Exception as error:
            self.fail(error)
        finally:
            self._open -= 1
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _raised(failure: Failure) -> errors.AigcError:
    return errors.by_name(failure.name)(
        failure.message,
        param=failure.param,
        hint=failure.hint,
        retry_after_seconds=failure.retry_after_seconds,
    )


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
