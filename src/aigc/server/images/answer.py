"""Answers with pictures: whole, or as a stream that begins with the first news of a picture.

Knows: when to send what; that a client may leave. Does not know: the JSON of an answer; `PictureForm` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aigc.errors import AigcError
from aigc.server import errors, sse, trace
from aigc.server.feed import Feed, while_connected
from aigc.server.images.form import PictureForm
from aigc.server.images.making import Made, Maker, Preview, Progress, Silence, Told
from aigc.server.limits import closing_of, stopped
from aigc.server.ports import Runtime

Publish = Callable[[Scope, Sequence[Made]], Awaitable[list[str]]]
"""Keeps pictures for a while; gives their addresses."""


class PictureAnswer(Response):
    """The response to a request for pictures.

    Args:
        runtime: who answers.
        maker: makes files of what it answers.
        publish: where the answer is to hold addresses instead of the pictures.
    """

    def __init__(self, runtime: Runtime, maker: Maker, publish: Publish | None = None) -> None:
        super().__init__()
        self._runtime = runtime
        self._maker = maker
        self._form = PictureForm(maker.request, maker.output)
        self._publish = publish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; called by Starlette."""
        notes = trace.of(scope)
        notes.model, notes.stream = self._maker.model, self._maker.output.stream
        answer = self._stream if notes.stream else self._whole
        await while_connected(answer(notes, scope, receive, send), receive)

    async def _whole(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            made = [told async for told in await self._told(scope, stack) if isinstance(told, Made)]
        urls = None if self._publish is None else await self._publish(scope, made)
        body = await self._maker.work(partial(self._form.whole, made, urls))
        await Response(body, media_type="application/json")(scope, receive, send)

    async def _told(self, scope: Scope, stack: AsyncExitStack) -> AsyncIterator[Told]:
        source = partial(self._runtime.answer, self._maker.model, self._maker.request)
        feed = await stack.enter_async_context(Feed([source]))
        stack.enter_context(closing_of(scope).telling(lambda: feed.fail(stopped())))
        return self._maker.follow(feed)

    async def _stream(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        async with AsyncExitStack() as stack:
            try:
                async for told in await self._told(scope, stack):
                    body = self._bytes(told)
                    if not begun and isinstance(told, Silence):
                        continue  # what is refused after a long wait still has its own status
                    if not begun:
                        await send({"type": "http.response.start", "status": 200, "headers": list(sse.HEADERS)})
                    begun = True
                    if body:
                        await send(_piece(body))
                await send(_piece(sse.DONE))
            except Exception as error:
                if not begun:
                    raise
                ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, notes.id)
                notes.error = ours.code
                await send(_piece(sse.failure(ours)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _bytes(self, told: Told) -> bytes:
        if isinstance(told, Silence):
            return sse.KEEP_ALIVE
        if isinstance(told, Progress) and not self._maker.output.progress:
            return b""
        assert isinstance(told, (Progress, Preview, Made))
        return self._form.event(told)


def _piece(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}
