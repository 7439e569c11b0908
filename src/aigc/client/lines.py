"""A WebSocket to the server, or to the application in this process: text out, text in.

Knows: websockets, ASGI's WebSocket messages. Does not know: what the texts mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
from collections.abc import MutableMapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from aigc.client import wire
from aigc.client.app_thread import App, AppThread
from aigc.errors import AigcError, EngineError, Unreachable

_OPEN_SECONDS = 10.0


class Line(Protocol):
    """One connection; one thread sends, another may receive."""

    def send(self, text: str) -> None:
        """Raises: Unreachable: it has ended."""
        ...

    def receive(self) -> str:
        """The next text; waits for it. Raises: Unreachable: it has ended."""
        ...

    def close(self) -> None:
        """Leave; a second call does nothing."""
        ...


class SocketLine:
    """A connection to a server.

    Args:
        url: ``ws://...`` or ``wss://...``.
        key: for the Authorization header.
        own_machine: whether proxies are to be left out.
    Raises:
        AigcError: no server answers, or it refused the connection; the same error as over HTTP.
    """

    def __init__(self, url: str, key: str | None, *, own_machine: bool) -> None:
        from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
        from websockets.sync.client import connect

        self._stack = contextlib.ExitStack()
        self._url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        options: dict[str, Any] = {"proxy": None} if own_machine else {}
        try:
            self._socket = self._stack.enter_context(
                connect(url, additional_headers=headers, open_timeout=_OPEN_SECONDS, max_size=None, **options)
            )
        except InvalidStatus as error:
            answer = error.response
            raise wire.error_from(answer.status_code, answer.body or b"", dict(answer.headers), _http(url)) from error
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise Unreachable(
                f"no conversation can be opened at {_http(url)}: {error}", hint="`aigc serve` starts a server"
            ) from error

    def send(self, text: str) -> None:
        """See `Line`."""
        from websockets.exceptions import ConnectionClosed

        try:
            self._socket.send(text)
        except ConnectionClosed as error:
            raise _ended(self._url) from error

    def receive(self) -> str:
        """See `Line`."""
        from websockets.exceptions import ConnectionClosed

        try:
            found = self._socket.recv()
        except ConnectionClosed as error:
            raise _ended(self._url) from error
        return found if isinstance(found, str) else found.decode()

    def close(self) -> None:
        """See `Line`."""
        self._stack.close()


class LocalLine:
    """A connection to the application in this process.

    Args:
        thread: runs the application.
        path: with the query.
        key: for the Authorization header.
    Raises:
        AigcError: the application refused it.
    """

    def __init__(self, thread: AppThread, path: str, key: str) -> None:
        self._thread = thread
        self._received: queue.SimpleQueue[str | AigcError | None] = queue.SimpleQueue()
        self._call = _Call(path, key, self._received.put)
        self._over: AigcError | None = None
        thread.begin(self._call, self._received.put)
        self._check(self._received.get())

    def send(self, text: str) -> None:
        """See `Line`."""
        if self._over is not None:
            raise self._over
        self._thread.tell(lambda: self._call.say({"type": "websocket.receive", "text": text}))

    def receive(self) -> str:
        """See `Line`."""
        found = self._check(self._received.get())
        assert found is not None, "None comes once, first"
        return found

    def _check(self, found: str | AigcError | None) -> str | None:
        if isinstance(found, AigcError):
            self._over = found
            self._received.put(found)  # for whoever asks again
            raise found
        return found

    def close(self) -> None:
        """See `Line`."""
        self._over = self._over or _ended("this process")
        self._thread.tell(lambda: self._call.say({"type": "websocket.disconnect", "code": 1000}))
        self._received.put(self._over)


class _Call:
    """The application's side: lives on its loop. Delivers None when it is accepted, then texts, then an error."""

    def __init__(self, path: str, key: str, deliver: Any) -> None:
        self._path = path
        self._key = key
        self._deliver = deliver
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._status = 0
        self._body = b""

    def say(self, message: dict[str, Any]) -> None:
        """From the client; called in the application's thread."""
        self._inbox.put_nowait(message)

    async def run(self, app: App, state: dict[str, Any]) -> None:
        try:
            await app(self._scope(state), self._inbox.get, self._send)
            self._deliver(_ended("this process"))
        except asyncio.CancelledError:
            self._deliver(Unreachable("the runtime in this process was closed during the conversation"))
        except Exception as error:
            self._deliver(error if isinstance(error, AigcError) else EngineError(f"the conversation broke: {error}"))

    def _scope(self, state: dict[str, Any]) -> dict[str, Any]:
        path, _, query = self._path.partition("?")
        return {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {self._key}".encode())],
            "subprotocols": [],
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 0),
            "state": dict(state),
            "extensions": {"websocket.http.response": {}},
        }

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._deliver(None)
        elif kind == "websocket.send":
            self._deliver(message.get("text") or bytes(message["bytes"]).decode())
        elif kind == "websocket.http.response.start":
            self._status = message["status"]
        elif kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self._deliver(wire.error_from(self._status, self._body, {}, "this process"))


def _http(url: str) -> str:
    return url.replace("ws", "http", 1).partition("?")[0]


def _ended(where: str) -> Unreachable:
    return Unreachable(f"the conversation with {where.partition('?')[0]} has ended", hint="begin another one")


def socket_url(base_url: str, path: str) -> str:
    """The WebSocket's address at a server like ``http://127.0.0.1:8400/v1``."""
    return base_url.replace("http", "ws", 1).rstrip("/") + path


def host_of(url: str) -> str:
    """Of an address."""
    return urlsplit(url).hostname or ""


def parsed(text: str) -> dict[str, Any]:
    """An event. Raises: EngineError: it is none."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise EngineError(f"the server sent an event that is not JSON: {text[:80]!r}") from error
    if not isinstance(event, dict):
        raise EngineError(f"the server sent an event that is not an object: {text[:80]!r}")
    return event
