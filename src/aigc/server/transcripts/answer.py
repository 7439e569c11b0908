"""Answers with transcripts: whole, or as a stream that begins with the first words.

Knows: when to send what; that a client may leave. Does not know: how a transcript looks; `TranscriptForm` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aigc.errors import AigcError
from aigc.server import errors, sse, trace
from aigc.server.feed import Feed, while_connected
from aigc.server.limits import closing_of, stopped
from aigc.server.ports import Runtime
from aigc.server.transcripts.form import TranscriptForm
from aigc.types import TranscribeRequest


class TranscriptAnswer(Response):
    """The response to a request for a transcript.

    Args:
        runtime: who answers.
        model: id of the model.
        request: what it is asked.
        form: how the answer looks.
    """

    def __init__(self, runtime: Runtime, model: str, request: TranscribeRequest, form: TranscriptForm) -> None:
        super().__init__()
        self._runtime = runtime
        self._model = model
        self._request = request
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; called by Starlette."""
        notes = trace.of(scope)
        notes.model, notes.stream = self._model, self._form.stream
        answer = self._stream if notes.stream else self._whole
        await while_connected(answer(notes, scope, receive, send), receive)

    @asynccontextmanager
    async def _feed(self, scope: Scope) -> AsyncIterator[Feed]:
        async with Feed([partial(self._runtime.answer, self._model, self._request)]) as feed:
            with closing_of(scope).telling(lambda: feed.fail(stopped())):
                yield feed

    async def _whole(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._feed(scope) as feed:
            while (events := await feed.take(sse.KEEP_ALIVE_SECONDS)) is not None:
                for _, event in events:
                    self._form.event(event)
        await Response(self._form.whole(), media_type=self._form.media_type)(scope, receive, send)

    async def _stream(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        try:
            async with self._feed(scope) as feed:
                while (events := await feed.take(sse.KEEP_ALIVE_SECONDS)) is not None:
                    body = b"".join(self._form.event(event) for _, event in events)
                    if not events and begun:
                        body = sse.KEEP_ALIVE
                    if body and not begun:  # until here a refusal has its own status
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


def _piece(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}
