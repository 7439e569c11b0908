"""Limits on what a client may send, applied before anything is parsed.

Knows: bytes and seconds. Does not know: JSON, endpoints.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Set
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc.errors import Cancelled, TooLarge, UserError
from aigc.server.errors import HeaderTooLarge, RequestTimeout, ShuttingDown, WrongMediaType
from aigc.server.hosts import header
from aigc.server.spool import Spool, Spooler
from aigc.settings import Settings

_Result = TypeVar("_Result")

MAX_PUBLIC_BYTES = 16 * 2**10
"""Largest body where no key is asked for: a login has some 100 bytes."""
SLOWEST_BYTES_A_SECOND = 256 * 2**10
"""Of a long upload, beyond the time that every body has."""
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
        if scope["type"] in ("http", "websocket"):
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
        uploads: paths that take files: forms as well as JSON, and longer bodies.
        spooled: paths that take long files: forms only, whose body lies in ``scope["state"]["spool"]`` instead.
        spooler: where those go.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        closing: Closing,
        public: Set[str],
        uploads: Set[str] = frozenset(),
        spooled: Set[str] = frozenset(),
        spooler: Spooler | None = None,
    ) -> None:
        self._app = app
        self._public = public
        self._uploads = uploads
        self._spooled = spooled
        self._spooler = spooler
        self._max_sound_bytes = settings.max_sound_bytes
        self._max_upload_bytes = settings.max_upload_bytes
        self._max_bytes = settings.max_body_bytes
        self._max_seconds = settings.body_seconds
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] != "lifespan" and self._closing.begun:
            raise ShuttingDown("the server is shutting down", retry_after_seconds=5)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        _check_length(scope, limit)
        if scope["path"] in self._spooled and self._spooler is not None and scope["method"] == "POST":
            await self._spool(self._spooler, limit, scope, receive, send)
            return
        body = await self._body(receive, limit)
        if body:
            kinds = (_JSON, _FORM) if scope["path"] in self._uploads else (_JSON,)
            _check_media_type(scope, kinds)
        await self._app(scope, _replayed(body, receive), send)

    async def _spool(self, spooler: Spooler, limit: _Limit, scope: Scope, receive: Receive, send: Send) -> None:
        """The same for a long form, which goes to the disk and is deleted when the answer has ended."""
        _check_media_type(scope, (_FORM,))
        spool = spooler.open()
        try:
            await self._fill(spool, receive, limit)
            scope["state"]["spool"] = spool
            await self._app(scope, _replayed(b"", receive), send)
        finally:
            spool.close()

    async def _fill(self, spool: Spool, receive: Receive, limit: _Limit) -> None:
        began = time.monotonic()
        while True:
            allowed = self._max_seconds + spool.size / SLOWEST_BYTES_A_SECOND
            try:
                message = await asyncio.wait_for(receive(), began + allowed - time.monotonic())
            except (asyncio.TimeoutError, TimeoutError) as error:
                raise RequestTimeout(
                    f"{spool.size} bytes of the body arrived in {allowed:g} seconds; accepted: {self._max_seconds:g} "
                    f"seconds and {SLOWEST_BYTES_A_SECOND} bytes in each further one"
                ) from error
            if message["type"] == "http.disconnect":
                raise Cancelled("the client left while sending")
            await spool.write(message.get("body", b""))
            if spool.size > limit.max_bytes:
                raise limit.exceeded(f"more than {limit.max_bytes}")
            if not message.get("more_body", False):
                await spool.end()
                return

    def _limit(self, path: str) -> _Limit:
        if path in self._public:
            return _Limit(min(self._max_bytes, MAX_PUBLIC_BYTES), None)
        if path in self._uploads:
            return _Limit(self._max_upload_bytes, "AIGC_MAX_UPLOAD_BYTES")
        if path in self._spooled:
            return _Limit(self._max_sound_bytes, "AIGC_MAX_SOUND_BYTES")
        return _Limit(self._max_bytes, "AIGC_MAX_BODY_BYTES")

    async def _body(self, receive: Receive, limit: _Limit) -> bytes:
        try:
            return await asyncio.wait_for(_read(receive, limit), self._max_seconds)
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise RequestTimeout(f"the body did not arrive within {self._max_seconds:g} seconds") from error


@dataclass(frozen=True, slots=True)
class _Limit:
    max_bytes: int
    setting: str | None
    """Where it can be changed."""

    def exceeded(self, seen: str) -> TooLarge:
        hint = None if self.setting is None else f"see {self.setting}"
        return TooLarge(f"the body has {seen} bytes; accepted: {self.max_bytes}", hint=hint)


def _check_length(scope: Scope, limit: _Limit) -> None:
    if any(name == b"content-length" for name, _ in scope["headers"]):
        length = header(scope, b"content-length") or ""
        if not length.isascii() or not length.isdigit():
            raise UserError("Content-Length must be one whole number")
        if int(length[:20]) > limit.max_bytes:
            raise limit.exceeded(length[:20])


async def _read(receive: Receive, limit: _Limit) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Cancelled("the client left while sending")
        body += message.get("body", b"")
        if len(body) > limit.max_bytes:
            raise limit.exceeded(f"more than {limit.max_bytes}")
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that has been read, once more."""
    pending: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def replay() -> Message:
        nonlocal pending
        if pending is not None:
            message, pending = pending, None
            return message
        return await receive()  # from here on: the news that the client left

    return replay


_JSON, _FORM = "application/json, in UTF-8", "multipart/form-data"


def _check_media_type(scope: Scope, accepted: tuple[str, ...]) -> None:
    kind, _, parameters = (header(scope, b"content-type") or "").partition(";")
    kind, charset = kind.strip().lower(), parameters.strip().lower().replace('"', "")
    is_json = kind == "application/json" and charset in ("", "charset=utf-8", "charset=utf8")
    if (_JSON if is_json else kind) not in accepted:
        raise WrongMediaType(f"Content-Type must be {', or '.join(accepted)}")
    if header(scope, b"content-encoding") not in (None, "identity"):
        raise WrongMediaType("Content-Encoding is not accepted: send the body uncompressed")
