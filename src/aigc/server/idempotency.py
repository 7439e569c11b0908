"""``Idempotency-Key``: a POST that is sent again gets the first answer again, for 24 hours.

Any POST below ``/v1`` may carry the header. Only successful answers are recorded: an error made nothing, so the same
key may try again. What the request makes in the database and the record of its answer are one transaction, so that not
even a killed server leaves the one without the other. The key belongs to its owner.

Knows: the header, bytes of requests and answers. Does not know: any endpoint.
Source: draft-ietf-httpapi-idempotency-key-header-07; the name ``Idempotent-Replayed`` is Stripe's.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable

from sqlalchemy.orm import Session
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc.db.replies import Replies, Reply
from aigc.db.transactions import Database
from aigc.errors import AigcError, Conflict
from aigc.server import sse, trace
from aigc.server.auth import owner_of
from aigc.server.errors import IdempotencyKeyReused, InvalidValue
from aigc.server.hosts import header
from aigc.server.spool import Spool

_NAME = "Idempotency-Key"
_FORM = re.compile(r"[ -~]{1,255}")


class Claim:
    """A request's right to make something under its key."""

    def __init__(self, asked: bytes) -> None:
        self.asked = asked
        self.also: list[Callable[[Session], None]] = []
        """Written together with the record of the answer."""
        self.recording: asyncio.Future[None] | None = None


async def write(scope: Scope, database: Database, work: Callable[[Session], None]) -> None:
    """Write what an answer makes: now, or, where the request has an ``Idempotency-Key``, with the record of the answer.

    To be called before the end of the answer is sent. Raises: StorageBusy, StorageFull.
    """
    claim: Claim | None = scope["state"].get("claim")
    if claim is None:
        await database.write(work)
    else:
        claim.also.append(work)


class Idempotency:
    """ASGI middleware behind `Auth` and `BodyLimit`, which hands the body on in one piece."""

    def __init__(self, app: ASGIApp, replies: Replies) -> None:
        self._app = app
        self._replies = replies
        self._claims: dict[tuple[str, str], Claim] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        is_post = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1/")
        key = _key(scope) if is_post else None
        if key is None:
            await self._app(scope, receive, send)
        else:
            await self._once(key, scope, receive, send)

    async def _once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        message: Message | None = await receive()
        assert message is not None
        spool: Spool | None = scope["state"].get("spool")
        claim = Claim(_digest(scope, message["body"] if spool is None else spool.digest))
        place = owner_of(scope), key
        if (other := self._claims.get(place)) is not None:
            _check(other.asked, claim.asked, key)
            raise Conflict(
                f"a request with the idempotency key {key[:80]!r} is being answered",
                param=_NAME,
                hint="send it again later to get the same answer",
                retry_after_seconds=1,
            )

        async def again() -> Message:
            nonlocal message
            if message is not None:
                first, message = message, None
                return first
            return await receive()

        self._claims[place] = claim
        try:
            if (reply := await self._replies.find(*place)) is not None:
                _check(reply.asked, claim.asked, key)
                await _replay(reply, scope, again, send)
                return
            scope["state"]["claim"] = claim

            async def last(message: Message) -> None:
                self._release(place, claim)  # before the client can know that it is over, and ask again
                await send(message)

            recorder = _Recorder(self._replies, place, claim, trace.of(scope), send, last)
            await self._app(scope, again, recorder)
            if recorder.error is not None:
                raise recorder.error
        finally:
            self._release(place, claim)

    def _release(self, place: tuple[str, str], claim: Claim) -> None:
        """The client may leave while its answer is being recorded: the key is not free before that has ended."""

        def release(recording: asyncio.Future[None] | None) -> None:
            if self._claims.get(place) is claim:
                del self._claims[place]
            if recording is not None and not recording.cancelled():
                recording.exception()  # whoever waited for it has left

        if claim.recording is None or claim.recording.done():
            release(claim.recording)
        else:
            claim.recording.add_done_callback(release)


class _Recorder:
    """Passes an answer on, and has it recorded before the client sees its end.

    Args:
        replies: where it is recorded.
        place: owner and key.
        claim: what else is written.
        notes: on the request.
        send: for all but the last piece.
        last: for the last piece.
    """

    def __init__(
        self, replies: Replies, place: tuple[str, str], claim: Claim, notes: trace.Trace, send: Send, last: Send
    ) -> None:
        self.error: AigcError | None = None
        """Why it could not be recorded, where nothing of the answer was sent yet."""
        self._replies = replies
        self._place = place
        self._claim = claim
        self._notes = notes
        self._send = send
        self._last = last
        self._start: Message = {}
        self._media_type = ""
        self._pieces: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._media_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            if not self._is_whole():
                await self._send(message)
        elif self._is_whole():
            await self._whole(message)
        elif message.get("body", b"").endswith(sse.DONE):  # a stream that broke off, or an error, ends without
            await self._end(message)
        else:
            if message.get("body") != sse.KEEP_ALIVE:
                self._pieces.append(message.get("body", b""))
            await (self._send if message.get("more_body", False) else self._last)(message)

    def _is_whole(self) -> bool:
        """Whether it is a success that is sent once it is complete: until then it may still become an error."""
        return 200 <= self._start["status"] < 300 and not self._media_type.startswith("text/event-stream")

    async def _whole(self, message: Message) -> None:
        self._pieces.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        try:
            await asyncio.shield(self._record())
        except AigcError as error:
            self.error = error  # the routers' own handling of errors believes that an answer has begun
            return
        await self._send(self._start)
        await self._last({"type": "http.response.body", "body": b"".join(self._pieces), "more_body": False})

    async def _end(self, message: Message) -> None:
        self._pieces.append(message["body"])
        try:
            await sse.alive(asyncio.shield(self._record()), self._send)
        except AigcError as error:
            self._notes.error = error.code
            message = {**message, "body": sse.failure(error)}
        await self._last(message)

    def _record(self) -> asyncio.Future[None]:
        reply = Reply(self._claim.asked, self._start["status"], self._media_type, b"".join(self._pieces))
        self._claim.recording = asyncio.ensure_future(self._replies.record(*self._place, reply, self._claim.also))
        return self._claim.recording


def _key(scope: Scope) -> str | None:
    if not any(name == b"idempotency-key" for name, _ in scope["headers"]):
        return None
    key = header(scope, b"idempotency-key")
    if key is None or not _FORM.fullmatch(key):
        raise InvalidValue(f"{_NAME} must be given once, with 1 to 255 printable ASCII characters", param=_NAME)
    return key


def _digest(scope: Scope, body: bytes) -> bytes:
    parts = (scope["path"].encode(), scope["query_string"], body)
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _check(first: bytes, this: bytes, key: str) -> None:
    if first != this:
        raise IdempotencyKeyReused(
            f"the idempotency key {key[:80]!r} came with another request within 24 hours",
            param=_NAME,
            hint="a new request needs a new key; a repeated one must be the same to the byte",
        )


async def _replay(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    trace.of(scope).route = "replayed"  # which endpoint it was is not looked up again
    headers = {"content-type": reply.media_type, "idempotent-replayed": "true"}
    if reply.media_type.startswith("text/event-stream"):
        headers |= {name.decode(): value.decode() for name, value in sse.HEADERS}
    await Response(reply.body, reply.status, headers)(scope, receive, send)
