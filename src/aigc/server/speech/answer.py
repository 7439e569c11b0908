"""Answers with speech: a sound file that leaves as it is spoken, plain or as server-sent events.

The status is sent with the first piece, so that whatever is refused has a status of its own. A plain file can't say
that something failed in its middle: its connection is broken instead, which every client tells from an end.

Knows: when to send what; that a client may leave. Does not know: how speech is made or encoded.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Literal

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aigc.errors import AigcError
from aigc.server import errors, sse, trace
from aigc.server.feed import Feed, while_connected
from aigc.server.limits import closing_of, stopped
from aigc.server.ports import Runtime
from aigc.sounds.encode import MEDIA_TYPES, Encoder, Format
from aigc.types import JSON, Event, SpeechDone, SpeechPiece, SpeechRequest

VOICE_HEADER = b"x-voice"
"""Says which voice began to speak."""
TOKENS_A_SECOND = 20
"""``usage`` counts characters as input, and twentieths of a second as output: a voice has no tokens."""


class SpeechAnswer(Response):
    """The response to a request for speech.

    Args:
        runtime: who answers.
        model: id of the model.
        request: what it is asked.
        format: of the file.
        stream_format: how it is sent.
        workshop: where samples are encoded, beside the event loop.
    """

    def __init__(
        self,
        runtime: Runtime,
        model: str,
        request: SpeechRequest,
        format: Format,
        stream_format: Literal["audio", "sse"],
        workshop: Executor,
    ) -> None:
        super().__init__()
        self._runtime = runtime
        self._model = model
        self._request = request
        self._format = format
        self._as_events = stream_format == "sse"
        self._workshop = workshop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; called by Starlette."""
        notes = trace.of(scope)
        notes.model, notes.stream = self._model, True
        await while_connected(self._answer(notes, scope, send), receive)

    async def _answer(self, notes: trace.Trace, scope: Scope, send: Send) -> None:
        source = partial(self._runtime.answer, self._model, self._request)
        begun = False
        async with Feed([source]) as feed:
            with closing_of(scope).telling(lambda: feed.fail(stopped())):
                try:
                    async for voice, data in self._pieces(feed):
                        if not begun:
                            await send({"type": "http.response.start", "status": 200, "headers": self._head(voice)})
                        begun = True
                        if data:
                            await send({"type": "http.response.body", "body": data, "more_body": True})
                except Exception as error:
                    if not begun or not self._as_events:
                        raise
                    ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, notes.id)
                    notes.error = ours.code
                    await send({"type": "http.response.body", "body": sse.failure(ours), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self, feed: Feed) -> AsyncIterator[tuple[str, bytes]]:
        """(voice, bytes to send) as they come."""
        encoder: Encoder | None = None
        voice = ""
        while (events := await feed.take(sse.KEEP_ALIVE_SECONDS)) is not None:
            if not events and encoder is not None and self._as_events:
                yield voice, sse.KEEP_ALIVE
            for _, event in events:
                if isinstance(event, SpeechPiece):
                    voice = voice or event.voice
                    encoder = encoder or Encoder(self._format, event.sound.rate)
                    yield voice, self._sound(await self._work(partial(encoder.push, event.sound)))
                elif isinstance(event, SpeechDone) and encoder is not None:
                    yield voice, self._sound(await self._work(encoder.finish)) + self._end(event)

    async def _work(self, work: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._workshop, work)

    def _sound(self, data: bytes) -> bytes:
        if not self._as_events or not data:
            return data
        return _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})

    def _end(self, done: Event) -> bytes:
        if not self._as_events:
            return b""
        assert isinstance(done, SpeechDone)
        given, made = len(self._request.text), round(done.seconds * TOKENS_A_SECOND)
        usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
        return _event({"type": "speech.audio.done", "usage": usage})

    def _head(self, voice: str) -> list[tuple[bytes, bytes]]:
        kind = [(b"content-type", MEDIA_TYPES[self._format].encode()), (b"cache-control", b"no-cache")]
        return [*(sse.HEADERS if self._as_events else kind), (VOICE_HEADER, voice.encode("ascii", "replace"))]


def _event(body: JSON) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"
