"""``/v1/realtime``: the socket, and the limits of a connection.

Frames are handled one after the other, and no further one is read meanwhile, so a client that sends too much waits and
takes nobody's memory.

Knows: WebSockets, seconds, bytes. Does not know: what events mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from aigc.db.completions import Completions
from aigc.errors import AigcError, Busy, TooLarge, UnsupportedParameter, UserError
from aigc.server import errors, trace
from aigc.server.auth import owner_of
from aigc.server.errors import InvalidValue, UnknownParameter
from aigc.server.ports import Runtime
from aigc.server.realtime import events, keeping
from aigc.server.realtime.answering import Gone
from aigc.server.realtime.conversation import new_id
from aigc.server.realtime.session import RealtimeSession, error_json
from aigc.settings import Settings

log = logging.getLogger(__name__)

PATH = "/v1/realtime"
MAX_FRAME_BYTES = 4 * 2**20
"""Longest event: a minute of sound."""
_MOST_ERRORS = 100
"""In a row: a client that sends nothing else is not talking to us."""
_PARAMETERS = {"model", "store"}
_REFUSED = {
    "intent": "a session is a conversation; /v1/audio/transcriptions writes down what is said",
    "call_id": "there are no telephone or WebRTC calls",
}


class Realtime:
    """All connections of one application.

    Args:
        runtime: who answers.
        settings: how many there may be, and how long.
        stored: where conversations go whose client says ``store=true``.
    """

    def __init__(self, runtime: Runtime, settings: Settings, stored: Completions) -> None:
        self._runtime = runtime
        self._most = settings.realtime_sessions
        self._seconds = settings.realtime_seconds
        self._idle_seconds = settings.realtime_idle_seconds
        self._stored = stored
        self._open = 0

    def route(self) -> WebSocketRoute:
        """The route."""
        return WebSocketRoute(PATH, self._serve)

    async def _serve(self, socket: WebSocket) -> None:
        notes = trace.of(socket.scope)
        notes.route, notes.stream = PATH, True
        model, store = self._asked(socket)
        notes.model = model
        if self._open >= self._most:
            raise Busy(
                f"{self._open} conversations are going on; accepted: {self._most} (AIGC_REALTIME_SESSIONS)",
                retry_after_seconds=10,
            )
        if store:
            await self._stored.admit(owner_of(socket.scope))
        self._open += 1
        try:
            await socket.accept(subprotocol="realtime" if "realtime" in socket.scope["subprotocols"] else None)
            await self._converse(socket, model, store, notes)
        finally:
            self._open -= 1

    def _asked(self, socket: WebSocket) -> tuple[str, bool]:
        query = socket.query_params
        for name in query:
            if name in _REFUSED:
                raise UnsupportedParameter(f"{name} is not supported: {_REFUSED[name]}", param=name)
            if name not in _PARAMETERS:
                raise UnknownParameter(f"there is no parameter {name[:80]}", param=name[:80])
        if query.get("store") not in (None, "true", "false"):
            raise InvalidValue(f"store is {query['store'][:80]!r}; accepted: true, false", param="store")
        return self._runtime.resolve(query.get("model") or "default", "chat"), query.get("store") == "true"

    async def _converse(self, socket: WebSocket, model: str, store: bool, notes: trace.Trace) -> None:
        line = _Line(socket)
        session = RealtimeSession(self._runtime, model, self._seconds, line.emit, notes.add)
        try:
            await session.begin()
            await self._listen(line, session)
        except (WebSocketDisconnect, Gone):
            pass
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, notes.id)
            notes.error = ours.code
            with contextlib.suppress(Gone):
                await line.emit("error", error=error_json(ours, None))
                await line.close(1008 if isinstance(ours, UserError) else 1011, ours.code or "error")
        finally:
            await session.close()
            if store:
                await self._keep(socket, session, model, notes)

    async def _keep(self, socket: WebSocket, session: RealtimeSession, model: str, notes: trace.Trace) -> None:
        try:
            await keeping.keep(self._stored, owner_of(socket.scope), session.conversation, model, notes.id)
        except AigcError as error:  # nobody is there any more to be told
            notes.error = error.code
            log.error("request %s: the conversation could not be kept: %s", notes.id, error.message)

    async def _listen(self, line: _Line, session: RealtimeSession) -> None:
        ends = asyncio.get_running_loop().time() + self._seconds
        wrong = 0
        while True:
            left = ends - asyncio.get_running_loop().time()
            try:
                text = await asyncio.wait_for(line.receive(), max(0.0, min(left, self._idle_seconds)))
            except (asyncio.TimeoutError, TimeoutError):
                raise (_expired(self._seconds) if left <= self._idle_seconds else _idle(self._idle_seconds)) from None
            event_id = None
            try:
                value = events.parsed(text)
                given = value.get("event_id")
                event_id = given if isinstance(given, str) and len(given) <= 512 else None
                await session.handle(events.read(value))
                wrong = 0
            except AigcError as error:
                wrong += 1
                await line.emit("error", error=error_json(error, event_id))
                if wrong >= _MOST_ERRORS:
                    raise TooLarge(f"{wrong} events in a row could not be used") from error
            await asyncio.sleep(0)  # the queue of a busy socket is never empty, and others wait


class _Line:
    """The connection as the session sees it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._sending = asyncio.Lock()

    async def receive(self) -> str:
        """The next text frame. Raises: WebSocketDisconnect; a binary frame is an empty text, which is no event."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return message.get("text") or ""

    async def emit(self, kind: str, **fields: Any) -> None:
        """Send an event; waits while the client does not read. Raises: Gone."""
        frame = msgspec.json.encode({"type": kind, "event_id": new_id("event"), **fields}).decode()
        async with self._sending:
            if self._socket.application_state is not WebSocketState.CONNECTED:
                raise Gone
            try:
                await self._socket.send_text(frame)
            except (WebSocketDisconnect, RuntimeError, OSError) as error:
                raise Gone from error

    async def close(self, code: int, reason: str) -> None:
        """Say good-bye."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self._socket.close(code, reason)


class _Expired(UserError):
    code = "session_expired"


def _expired(seconds: float) -> UserError:
    return _Expired(f"the session has lasted {seconds:g} seconds (AIGC_REALTIME_SECONDS)", hint="connect again")


def _idle(seconds: float) -> UserError:
    return _Expired(f"nothing came for {seconds:g} seconds (AIGC_REALTIME_IDLE_SECONDS)", hint="connect again")
