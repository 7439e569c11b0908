"""An ASGI application in a background thread of this process, with its lifespan and its requests.

The application sees what it would see under uvicorn: lifespan, ``http.disconnect`` when the client leaves, and a
``send`` that goes nowhere afterwards.

Knows: ASGI 3, threads, the end of the interpreter. Does not know: which application, who reads the answers.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from aigc.errors import AigcError, Unreachable

if TYPE_CHECKING:
    import httpx

Scope = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]
Item = tuple[int, list[tuple[bytes, bytes]]] | bytes | BaseException | None
"""What an exchange delivers: (status, headers), pieces of the body, then None; or an exception."""

STOP_SECONDS = 10.0
"""Longest wait for the application to end; the workers then see their sockets close and end by themselves."""


class Work(Protocol):
    """What runs with the application, on its loop."""

    async def run(self, app: App, state: dict[str, Any]) -> None:
        """Ask ``app``, with the state of its lifespan."""
        ...


class _Exchange:
    """One request; lives on the application's loop and hands what comes to ``deliver``."""

    def __init__(self, request: httpx.Request, content: bytes, deliver: Callable[[Item], None]) -> None:
        self._request = request
        self._content: bytes | None = content
        self._deliver = deliver
        self._gone = asyncio.Event()

    async def run(self, app: App, state: dict[str, Any]) -> None:
        try:
            await app(self._scope(state), self._receive, self._send)
            self._end(Unreachable("the application ended its answer early"))
        except asyncio.CancelledError:
            self._end(Unreachable("the runtime in this process was closed during the request"))
        except Exception as error:
            self._end(error)

    def leave(self) -> None:
        """The client has gone, or has all: the application hears of it, and nothing is delivered any more."""
        self._deliver = lambda item: None
        self._gone.set()

    def _end(self, item: Item) -> None:
        self._deliver(item)
        self.leave()

    def _scope(self, state: dict[str, Any]) -> Scope:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port or 80),
            "client": ("127.0.0.1", 0),
            "state": dict(state),
        }

    async def _receive(self) -> dict[str, Any]:
        if self._content is not None:
            content, self._content = self._content, None
            return {"type": "http.request", "body": content, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._deliver((message["status"], list(message.get("headers", ()))))
            return
        if message.get("body"):
            self._deliver(bytes(message["body"]))
        if not message.get("more_body", False):
            # What fails from here on is the application's own matter: the answer is complete.
            self._end(None)


class AppThread:
    """Runs an application's lifespan and requests on a loop of its own, from the first request to `close`.

    Args:
        factory: makes the application; called in the thread, so heavy imports belong in it.
    """

    def __init__(self, factory: Callable[[], App]) -> None:
        self._factory = factory
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._quit = threading.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._state: dict[str, Any] = {}
        self._app: App | None = None
        self._pid = 0

    def start(self) -> None:
        """Start the application, once. Raises: what its factory or its start-up raised."""
        with self._lock:
            # A forked child inherits the object but not the thread.
            if self._thread is not None and self._pid == os.getpid():
                return
            ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
            self._quit.clear()
            self._thread = threading.Thread(target=self._main, args=(ready,), name="aigc-app", daemon=True)
            self._pid = os.getpid()
            self._thread.start()
            _at_exit(self.close)
            try:
                failure = ready.get()
            except BaseException:  # Ctrl-C while it starts
                self._quit.set()
                self._thread = None
                raise
            if failure is not None:
                self._thread.join()
                self._thread = None
                raise failure

    def _main(self, ready: queue.SimpleQueue[BaseException | None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            ready.put(error)

    async def _serve(self, ready: queue.SimpleQueue[BaseException | None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._app = self._factory()
        async with _lifespan(self._app, self._state):
            ready.put(None)
            if not self._quit.is_set():
                await self._stop.wait()
            for task in list(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def _request_stop(self) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    def close(self) -> None:
        """End every request, then the application. Harmless when it does not run; a later request starts it anew."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None or self._pid != os.getpid():
                return
            self._request_stop()
            thread.join(STOP_SECONDS)
            self._loop = None

    def exchange(self, request: httpx.Request, content: bytes, deliver: Callable[[Item], None]) -> Callable[[], None]:
        """Begin a request; returns what to call when the client leaves. ``deliver`` is called in the app's thread."""
        exchange = _Exchange(request, content, deliver)
        self.begin(exchange, deliver)
        return lambda: self.tell(exchange.leave)

    def tell(self, what: Callable[[], None]) -> None:
        """Call ``what`` in the application's thread; nothing is called where that has ended."""
        if (loop := self._loop) is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(what)

    def begin(self, work: Work, refuse: Callable[[Unreachable], None]) -> None:
        """Run ``work`` with the application. ``refuse`` is called in the app's thread where it is about to end."""
        self.start()
        loop, app, stop = self._loop, self._app, self._stop
        assert loop is not None, "start() has set it"
        assert app is not None, "start() has set it"
        assert stop is not None, "start() has set it"

        def run() -> None:
            if stop.is_set():
                refuse(Unreachable("the runtime in this process was closed"))
                return
            task = loop.create_task(work.run(app, self._state))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        try:
            loop.call_soon_threadsafe(run)
        except RuntimeError as error:
            raise Unreachable("the runtime in this process was closed") from error


@contextlib.asynccontextmanager
async def _lifespan(app: App, state: dict[str, Any]) -> AsyncIterator[None]:
    """Run the application's lifespan around a block. Raises: AigcError when the start-up fails."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[MutableMapping[str, Any] | BaseException] = asyncio.Queue()

    async def run() -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        try:
            await app(scope, inbox.get, outbox.put)
        except BaseException as error:
            outbox.put_nowait(error)
            raise

    task = asyncio.ensure_future(run())
    inbox.put_nowait({"type": "lifespan.startup"})
    answer = await outbox.get()
    if isinstance(answer, BaseException) or answer["type"] == "lifespan.startup.failed":
        with contextlib.suppress(BaseException):
            await task
        # Starlette reports the failure as a message and raises the exception after it.
        cause = answer if isinstance(answer, BaseException) else None if task.cancelled() else task.exception()
        if isinstance(cause, AigcError):
            raise cause
        raise Unreachable("the runtime in this process did not start") from cause
    try:
        yield
    finally:
        inbox.put_nowait({"type": "lifespan.shutdown"})
        with contextlib.suppress(Exception):
            await task


def _at_exit(function: Callable[[], None]) -> None:
    """Call ``function`` when the interpreter ends, while threads can still be started.

    `atexit` is too late: from Python 3.12 on no thread can be started by then, and closing a runtime takes some.
    `concurrent.futures` uses the same hook; should it go away, atexit is the next best.
    """
    register: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)
    register(function)
