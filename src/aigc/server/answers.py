"""Text answers, whole or as a stream, for every endpoint that makes them.

A stream begins when the runtime has accepted every prompt, so that what it refuses has its own HTTP status. Where
places are few, some prompts wait for others to end; so it begins no later than one keep-alive interval after the first
was accepted, and what is refused later becomes an event. A client that leaves ends the work in every phase.

Knows: when to send what. Does not know: the JSON of an endpoint; a `Format` does.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aigc.errors import AigcError
from aigc.server import errors, sse, trace
from aigc.server.feed import Feed, while_connected
from aigc.server.limits import closing_of, stopped
from aigc.server.metrics import Metrics
from aigc.server.ports import Runtime
from aigc.types import Delta, Event, Finished, Started, TextEvent, TextRequest, TokenLogprob, ToolCallDelta, Usage


class Choice(msgspec.Struct):
    """One complete answer."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCallDelta] = []
    """Put together: one entry a call, with its whole arguments."""
    logprobs: list[TokenLogprob] = []
    reason: str = "stop"


class Format(Protocol):
    """The JSON of one endpoint's answer to one request."""

    def opening(self) -> bytes:
        """Events that a stream begins with."""
        ...

    def event(self, source: int, event: TextEvent) -> bytes:
        """The stream's bytes for an event of prompt ``source``; empty where it has none."""
        ...

    def closing(self, usage: Usage) -> bytes:
        """Events that a stream ends with, before ``[DONE]``."""
        ...

    def whole(self, choices: Sequence[Choice], usage: Usage) -> bytes:
        """The body of an answer in one piece; choices are ordered by prompt, then by number."""
        ...


Keep = Callable[[Scope, bytes], Coroutine[Any, Any, None]]
"""Stores an answer, given in one piece. What it raises, the client is told instead of the answer's end."""


class TextAnswer(Response):
    """The response to a request for text.

    Args:
        runtime: who answers.
        metrics: where the time between tokens is noted.
        model: id of the model.
        requests: one for each prompt, all with the same ``n``.
        form: how the answer looks.
        stream: as server-sent events.
        keep: called with the complete answer before the client sees its end; None: it is not to be kept.
    """

    def __init__(
        self,
        runtime: Runtime,
        metrics: Metrics,
        model: str,
        requests: Sequence[TextRequest],
        form: Format,
        *,
        stream: bool,
        keep: Keep | None = None,
    ) -> None:
        super().__init__()
        self._runtime = runtime
        self._between = metrics.between(model)
        self._model = model
        self._requests = requests
        self._form = form
        self._stream = stream
        self._keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; called by Starlette."""
        notes = trace.of(scope)
        notes.model, notes.stream = self._model, self._stream
        answer = self._answer_stream if self._stream else self._answer_whole
        await while_connected(answer(notes, scope, receive, send), receive)

    @contextlib.asynccontextmanager
    async def _feed(self, scope: Scope) -> AsyncIterator[Feed]:
        async with Feed([partial(self._runtime.answer, self._model, request) for request in self._requests]) as feed:
            with closing_of(scope).telling(lambda: feed.fail(stopped())):
                yield feed

    async def _answer_whole(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        collected = _Collected(len(self._requests), self._requests[0].n)
        async with self._feed(scope) as feed:
            while (events := await feed.take(sse.KEEP_ALIVE_SECONDS)) is not None:
                for source, event in events:
                    _note(notes, event)
                    collected.add(source, event)
        body = self._form.whole(collected.choices, collected.usage())
        if self._keep is not None:
            await self._keep(scope, body)
        await Response(body, media_type="application/json")(scope, receive, send)

    async def _answer_stream(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._feed(scope) as feed:
            collected = None if self._keep is None else _Collected(len(self._requests), self._requests[0].n)
            pieces = _Pieces(self._form, len(self._requests), notes, collected)
            await self._begin(feed, pieces)
            await send({"type": "http.response.start", "status": 200, "headers": list(sse.HEADERS)})
            await send(_piece(self._form.opening() + pieces.take()))
            try:
                await self._go_on(feed, pieces, send)
                if self._keep is not None and collected is not None:
                    whole = self._form.whole(collected.choices, collected.usage())
                    await sse.alive(self._keep(scope, whole), send)
                await send(_piece(pieces.ends() + self._form.closing(pieces.usage()) + sse.DONE))
            except Exception as error:
                # The status is out, the error becomes an event.
                ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, notes.id)
                notes.error = ours.code
                await send(_piece(sse.failure(ours)))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, feed: Feed, pieces: _Pieces) -> None:
        """Wait until the status can be told. Raises: whatever the runtime refused a prompt with by then."""
        latest = math.inf
        while pieces.waiting and (left := latest - time.perf_counter()) > 0:
            events = await feed.take(min(left, sse.KEEP_ALIVE_SECONDS))
            assert events is not None, "an answer ended before it began"
            pieces.add(events)
            if latest == math.inf and pieces.waiting < len(self._requests):
                latest = time.perf_counter() + sse.KEEP_ALIVE_SECONDS

    async def _go_on(self, feed: Feed, pieces: _Pieces, send: Send) -> None:
        last = time.perf_counter()
        while (events := await feed.take(sse.KEEP_ALIVE_SECONDS)) is not None:
            if not events:
                await send(_piece(sse.KEEP_ALIVE))
                continue
            now = time.perf_counter()
            self._between(now - last)
            last = now
            if body := pieces.add(events).take():
                await send(_piece(body))


def _piece(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _note(notes: trace.Trace, event: Event) -> None:
    if isinstance(event, Delta):
        if notes.first_token_seconds is None:
            notes.first_token_seconds = notes.seconds()
    elif isinstance(event, Usage):
        notes.add(event)


class _Pieces:
    """Bytes of a stream that wait to be sent."""

    def __init__(self, form: Format, sources: int, notes: trace.Trace, collected: _Collected | None) -> None:
        self.waiting = sources
        """Prompts that the runtime has not yet accepted."""
        self._encode: Callable[[int, TextEvent], bytes] = form.event
        self._notes = notes
        self._collected = collected
        self._pieces: list[bytes] = []
        # What is to be kept may not look complete before it is kept.
        self._ends: list[bytes] = self._pieces if collected is None else []
        self._usages: list[Usage] = []

    def add(self, events: Sequence[tuple[int, Event]]) -> _Pieces:
        for source, event in events:
            if isinstance(event, Started):
                self.waiting -= 1
            elif isinstance(event, Usage):
                self._usages.append(event)
            _note(self._notes, event)
            if self._collected is not None:
                self._collected.add(source, event)
            assert isinstance(event, TextEvent)
            pieces = self._ends if isinstance(event, Finished) else self._pieces
            pieces.append(self._encode(source, event))
        return self

    def take(self) -> bytes:
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body

    def ends(self) -> bytes:
        """The ends of the choices, where they were held back."""
        return b"".join(self._ends)

    def usage(self) -> Usage:
        return total(self._usages)


class _Collected:
    """Events of an answer that goes out in one piece."""

    def __init__(self, sources: int, n: int) -> None:
        self.choices = [Choice() for _ in range(sources * n)]
        self._texts: list[list[str]] = [[] for _ in self.choices]
        self._n = n
        self._usages: list[Usage] = []

    def add(self, source: int, event: Event) -> None:
        if isinstance(event, Usage):
            self._usages.append(event)
        elif isinstance(event, (Delta, Finished)):
            number = source * self._n + event.index
            choice = self.choices[number]
            if isinstance(event, Finished):
                choice.reason = event.reason
                choice.text = "".join(self._texts[number])
                return
            self._texts[number].append(event.text)
            if event.reasoning:
                choice.reasoning += event.reasoning
            choice.logprobs.extend(event.logprobs)
            for call in event.tool_calls:
                _merge(choice.tool_calls, call)

    def usage(self) -> Usage:
        return total(self._usages)


def _merge(calls: list[ToolCallDelta], piece: ToolCallDelta) -> None:
    if piece.index == len(calls):
        calls.append(piece)
        return
    so_far = calls[piece.index]
    calls[piece.index] = ToolCallDelta(
        index=piece.index,
        id=so_far.id,
        name=so_far.name,
        arguments=so_far.arguments + piece.arguments,
        kind=so_far.kind,
    )


def total(usages: Sequence[Usage]) -> Usage:
    """What several prompts of one request cost together."""
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        accepted_prediction_tokens=sum(usage.accepted_prediction_tokens for usage in usages),
        rejected_prediction_tokens=sum(usage.rejected_prediction_tokens for usage in usages),
        fingerprint=usages[0].fingerprint,
    )


def usage_json(usage: Usage) -> dict[str, object]:
    """``usage`` of an answer, with the details that OpenAI's has; what can't occur here is 0."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": usage.accepted_prediction_tokens,
            "rejected_prediction_tokens": usage.rejected_prediction_tokens,
        },
    }
