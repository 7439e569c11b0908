"""The outermost layer: gives each request its id and its notes, answers what nobody else answered, writes the log line.

Knows: ASGI, when a request began and ended. Does not know: what it is about.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc.errors import AigcError
from aigc.server import errors, logs
from aigc.server.metrics import Metrics
from aigc.server.trace import Trace, new_id

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_API_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""For answers that don't bring their own."""


class Observe:
    """ASGI middleware; also turns HEAD into a GET without its body."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._websocket(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace = Trace(id=_request_id(scope), method="GET")
        scope = {**scope, "state": {**scope.get("state", {}), "trace": trace}}
        status = 499

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "websocket.accept":
                status = 101
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", trace.id.encode())]}
            elif message["type"] == "websocket.http.response.start":
                status = message["status"]
                message = {**message, "headers": _complete(list(message.get("headers", ())), trace.id, False)}
            elif message["type"] == "websocket.close" and status == 499:
                status = 403  # what such an end looks like to the client
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, trace.id)
            trace.error = ours.code
            if status == 101:
                raise
            await errors.response(ours)(scope, receive, answer)
        finally:
            self._metrics.finished(trace, status)
            logs.finished(trace, status)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace = Trace(id=_request_id(scope), method=scope["method"])
        scope = {**scope, "state": {**scope.get("state", {}), "trace": trace}}
        if trace.method == "HEAD":
            scope["method"] = "GET"
        status = 499  # unless an answer begins, the client left before
        body_to_come = _has_body(scope)

        async def note_end() -> Message:
            nonlocal body_to_come
            message = await receive()
            body_to_come = body_to_come and message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _complete(list(message.get("headers", ())), trace.id, body_to_come)}
            elif trace.method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, note_end, answer)
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, trace.id)
            trace.error = ours.code
            if status != 499:
                raise  # half an answer is out: the connection has to break
            await errors.response(ours)(scope, note_end, answer)
        finally:
            self._metrics.finished(trace, status)
            logs.finished(trace, status)


def _request_id(scope: Scope) -> str:
    """The client's own id, where it is harmless to write into a log; else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _ID.fullmatch(given) else new_id()


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0")
        for name, value in scope["headers"]
    )


def _complete(headers: list[tuple[bytes, bytes]], request_id: str, body_to_come: bool) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    headers += [pair for pair in (*_HEADERS, *_API_HEADERS) if pair[0] not in present]
    if body_to_come and b"connection" not in present:
        # Nobody will read the body any more: without an end a client could hold the connection by sending it for ever.
        headers.append((b"connection", b"close"))
    headers.append((b"x-request-id", request_id.encode()))
    return headers
