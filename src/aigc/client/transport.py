"""HTTP without a network: httpx's requests to an `AppThread`, answered piece by piece.

httpx's own ASGITransport collects the whole answer first, so it can't stream; these hand every piece over at once.

Knows: httpx. Does not know: ASGI, which application answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import AsyncIterator, Callable, Iterator

import httpx

from aigc.client.app_thread import AppThread, Item
from aigc.errors import AigcError, Unreachable


class LocalTransport(httpx.BaseTransport):
    """httpx transport to an `AppThread`, for `httpx.Client`."""

    def __init__(self, thread: AppThread) -> None:
        self._thread = thread

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer with a body that streams. Raises: what the application raised before it answered."""
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        leave = self._thread.exchange(request, request.read(), items.put)
        try:
            status, headers = _head(items.get())
        except BaseException:
            leave()
            raise
        return httpx.Response(status, headers=headers, stream=_Body(items, leave), request=request)


class _Body(httpx.SyncByteStream):
    def __init__(self, items: queue.SimpleQueue[Item], leave: Callable[[], None]) -> None:
        self._items = items
        self._leave = leave

    def __iter__(self) -> Iterator[bytes]:
        while (piece := _piece(self._items.get())) is not None:
            yield piece

    def close(self) -> None:
        self._leave()


class AsyncLocalTransport(httpx.AsyncBaseTransport):
    """httpx transport to an `AppThread`, for `httpx.AsyncClient`."""

    def __init__(self, thread: AppThread) -> None:
        self._thread = thread

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer with a body that streams. Raises: what the application raised before it answered."""
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Item] = asyncio.Queue()

        def deliver(item: Item) -> None:
            with contextlib.suppress(RuntimeError):
                # The caller's loop may have been closed in the middle of an answer.
                loop.call_soon_threadsafe(items.put_nowait, item)

        content = await request.aread()
        # The first request imports and starts the application: not on the caller's loop.
        await loop.run_in_executor(None, self._thread.start)
        leave = self._thread.exchange(request, content, deliver)
        try:
            status, headers = _head(await items.get())
        except BaseException:
            leave()
            raise
        return httpx.Response(status, headers=headers, stream=_AsyncBody(items, leave), request=request)


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, items: asyncio.Queue[Item], leave: Callable[[], None]) -> None:
        self._items = items
        self._leave = leave

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := _piece(await self._items.get())) is not None:
            yield piece

    async def aclose(self) -> None:
        self._leave()


def _head(item: Item) -> tuple[int, list[tuple[bytes, bytes]]]:
    _raise(item)
    if not isinstance(item, tuple):
        raise Unreachable("the application ended a request without answering it")
    return item


def _piece(item: Item) -> bytes | None:
    _raise(item)
    assert item is None or isinstance(item, bytes), "an application starts its answer once"
    return item


def _raise(item: Item) -> None:
    if isinstance(item, AigcError):
        raise item
    if isinstance(item, BaseException):
        raise httpx.RemoteProtocolError(f"the application failed: {type(item).__name__}") from item
