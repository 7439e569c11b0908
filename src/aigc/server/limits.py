"""Limits on what a client may send, applied before anything is parsed.

Knows: bytes and seconds. Does not know: JSON, endpoints.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Set
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc.errors import Cancelled, TooLarge, UserError
from aigc.server.errors import HeaderTooLarge, RequestTimeout, ShuttingDown, WrongMediaType
from aigc.server.hosts import header
from aigc.settings import Settings

_Result = TypeVar("_Result")

MAX_PUBLIC_BYTES = 16 * 2**10
"""Largest body where no key is asked for: a login has some 100 bytes."""
MAX_HEADER_BYTES = 32 * 2**10
"""Request line and header fields together. Keys, cookies and a proxy's additions take 1 to 4 KiB."""


class Closing:
    """What the shutdown tells the answers: at its beginning that nothing new begins, at its end that all must end."""

    def __init__(self) -> None:
        self.begun = False
        self.over = False
        self._ends: dict[object, Callable[[], object]] = {}

    def end(self) -> None:
        """The grace period is over: every answer that still runs is told so. Called in the event loop."""
        self.begun = self.over = True
        for end in list(self._ends.values()):
            end()

    @contextlib.contextmanager
    def telling(self, end: Callable[[], object]) -> Iterator[None]:
        """While inside, ``end`` is called when the grace period is over."""
        mark = object()
        self._ends[mark] = end
        try:
            if self.over:
                end()
            yield
        finally:
            del self._ends[mark]

    async def race(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """The result of ``work``. Raises: ShuttingDown: the grace period was over before."""
        task = asyncio.ensure_future(work)
        with self.telling(task.cancel):
            try:
                return await task
            except asyncio.CancelledError:
                if self.over:
                    raise stopped() from None
                raise


def stopped() -> ShuttingDown:
    """What an answer ends with that did not end within the grace period."""
    return ShuttingDown("the server is stopping; this answer could not be completed", retry_after_seconds=5)


def closing_of(scope: Scope) -> Closing:
    """The `Closing` of the application that handles ``scope``."""
    closing: Closing = scope["app"].state.closing
    return closing


class HeaderLimit:
    """ASGI middleware: refuses long headers before anybody looks at them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] == "http":
            size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
            size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            if size > MAX_HEADER_BYTES:
                raise HeaderTooLarge(f"the header has {size} bytes; accepted: {MAX_HEADER_BYTES}")
        await self._app(scope, receive, send)


class BodyLimit:
    """ASGI middleware: reads the whole body within its limits and hands it on in one piece.

    Args:
        app: what comes next.
        settings: size and time.
        closing: whether anything new begins.
        public: paths that need no key; their bodies may have `MAX_PUBLIC_BYTES` at most.
    """

    def __init__(self, app: ASGIApp, settings: Settings, closing: Closing, public: Set[str]) -> None:
        self._app = app
        self._public = public
        self._max_bytes = settings.max_body_bytes
        self._max_seconds = settings.body_seconds
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._closing.begun:
            raise ShuttingDown("the server is shutting down", retry_after_seconds=5)
        max_bytes = min(self._max_bytes, MAX_PUBLIC_BYTES) if scope["path"] in self._public else self._max_bytes
        _check_length(scope, max_bytes)
        body = await self._body(receive, max_bytes)
        if body:
            _check_media_type(scope)
        pending: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal pending
            if pending is not None:
                message, pending = pending, None
                return message
            return await receive()  # from here on: the news that the client left

        await self._app(scope, replay, send)

    async def _body(self, receive: Receive, max_bytes: int) -> bytes:
        try:
            return await asyncio.wait_for(_read(receive, max_bytes), self._max_seconds)
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise RequestTimeout(f"the body did not arrive within {self._max_seconds:g} seconds") from error


def _check_length(scope: Scope, max_bytes: int) -> None:
    if any(name == b"content-length" for name, _ in scope["headers"]):
        length = header(scope, b"content-length") or ""
        if not length.isascii() or not length.isdigit():
            raise UserError("Content-Length must be one whole number")
        if int(length[:20]) > max_bytes:
            raise _too_large(length[:20], max_bytes)


async def _read(receive: Receive, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Cancelled("the client left while sending")
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(f"more than {max_bytes}", max_bytes)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(seen: str, max_bytes: int) -> TooLarge:
    hint = None if max_bytes == MAX_PUBLIC_BYTES else "see AIGC_MAX_BODY_BYTES"
    return TooLarge(f"the body has {seen} bytes; accepted: {max_bytes}", hint=hint)


def _check_media_type(scope: Scope) -> None:
    kind, _, parameters = (header(scope, b"content-type") or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", "charset=utf8"):
        raise WrongMediaType("Content-Type must be application/json, in UTF-8")
    if header(scope, b"content-encoding") not in (None, "identity"):
        raise WrongMediaType("Content-Encoding is not accepted: send the body uncompressed")
