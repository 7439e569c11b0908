"""Limits on what a client may send, applied before anything is parsed.

Knows: bytes and seconds. Does not know: JSON, endpoints.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc.errors import Cancelled, TooLarge, UserError
from aigc.server.errors import HeaderTooLarge, RequestTimeout, ShuttingDown, WrongMediaType
from aigc.server.hosts import header
from aigc.settings import Settings

MAX_HEADER_BYTES = 32 * 2**10
"""Request line and header fields together. Keys, cookies and a proxy's additions take 1 to 4 KiB."""


class Closing:
    """A flag that the shutdown sets: what has begun goes on, nothing new begins."""

    def __init__(self) -> None:
        self.begun = False


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
    """ASGI middleware: reads the whole body within its limits and hands it on in one piece."""

    def __init__(self, app: ASGIApp, settings: Settings, closing: Closing) -> None:
        self._app = app
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
        self._check_length(scope)
        body = await self._body(receive)
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

    def _check_length(self, scope: Scope) -> None:
        if any(name == b"content-length" for name, _ in scope["headers"]):
            length = header(scope, b"content-length") or ""
            if not length.isascii() or not length.isdigit():
                raise UserError("Content-Length must be one whole number")
            if int(length[:20]) > self._max_bytes:
                raise self._too_large(length[:20])

    async def _body(self, receive: Receive) -> bytes:
        try:
            return await asyncio.wait_for(self._read(receive), self._max_seconds)
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise RequestTimeout(f"the body did not arrive within {self._max_seconds:g} seconds") from error

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Cancelled("the client left while sending")
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                raise self._too_large(f"more than {self._max_bytes}")
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self, seen: str) -> TooLarge:
        return TooLarge(f"the body has {seen} bytes; accepted: {self._max_bytes}", hint="see AIGC_MAX_BODY_BYTES")


def _check_media_type(scope: Scope) -> None:
    kind, _, parameters = (header(scope, b"content-type") or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", "charset=utf8"):
        raise WrongMediaType("Content-Type must be application/json, in UTF-8")
    if header(scope, b"content-encoding") not in (None, "identity"):
        raise WrongMediaType("Content-Encoding is not accepted: send the body uncompressed")
