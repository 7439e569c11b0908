"""A streamed answer: pieces as they come, and what they add up to.

Knows: the chunks of OpenAI's streams. Does not know: HTTP, threads; bytes come from an iterator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from aigc.client import results
from aigc.client.results import JSON, Choice, Delta, TokenLogprob, ToolCall, Usage, call_fields
from aigc.client.wire import Events
from aigc.errors import EngineError, Unreachable

Result = TypeVar("Result")
Build = Callable[[tuple[Choice, ...], str, Usage, str | None, JSON], Result]
"""Makes an answer of: choices, model, usage, fingerprint, the raw answer."""


class _Part:
    """What has come of one choice."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.calls: dict[int, dict[str, str]] = {}
        self.logprobs: list[TokenLogprob] = []
        self.finish_reason: str | None = None

    def add(self, delta: Delta) -> None:
        self.text.append(delta.text)
        self.logprobs += delta.logprobs
        self.finish_reason = delta.finish_reason or self.finish_reason
        for piece in delta.tool_calls:
            call = self.calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
            fields = call_fields(piece)
            call["id"] = piece.get("id") or call["id"]
            call["kind"] = fields["kind"]
            call["name"] = fields["name"] or call["name"]
            call["arguments"] += fields["arguments"]

    def choice(self, index: int) -> Choice:
        calls = tuple(ToolCall(**call) for _, call in sorted(self.calls.items()))
        return Choice(index, "".join(self.text), self.finish_reason, calls, tuple(self.logprobs))


class Collector(Generic[Result]):
    """Turns chunks into deltas and remembers them."""

    def __init__(self, build: Build[Result]) -> None:
        self._build = build
        self._events = Events()
        self._parts: dict[int, _Part] = {}
        self._model = ""
        self._fingerprint: str | None = None
        self._usage = Usage()

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        """The deltas in ``chunk``. Raises: the error that the server sent, or EngineError for a strange event."""
        for event in self._events.feed(chunk):
            try:
                yield from self._deltas(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise EngineError(f"the server's answer is not what the API promises: {str(event)[:120]}") from error

    def _deltas(self, event: dict[str, Any]) -> Iterator[Delta]:
        self._model = event.get("model") or self._model
        self._fingerprint = event.get("system_fingerprint") or self._fingerprint
        used = results.usage(event) if event.get("usage") else None
        self._usage = used or self._usage
        for choice in event.get("choices") or ():
            inner = choice.get("delta") or {}
            delta = Delta(
                index=choice["index"],
                text=inner.get("content") or choice.get("text") or "",
                tool_calls=tuple(inner.get("tool_calls") or ()),
                logprobs=results.logprobs(choice.get("logprobs")),
                finish_reason=choice.get("finish_reason"),
                usage=used,
            )
            used = None
            self._parts.setdefault(delta.index, _Part()).add(delta)
            # The opening chunk only names the role: nothing that a reader waits for.
            if delta != Delta(index=delta.index):
                yield delta
        if used is not None:
            yield Delta(usage=used)

    def check_complete(self) -> None:
        """Raises: Unreachable if the connection ended before the answer did."""
        if not self._events.done:
            raise Unreachable("the connection ended in the middle of the answer", hint="ask again")

    def answer(self) -> Result:
        """What has come so far."""
        choices = tuple(part.choice(index) for index, part in sorted(self._parts.items()))
        return self._build(choices, self._model, self._usage, self._fingerprint, {})


# Functions, not methods: a generator that knew its stream would keep a dropped one alive, and the model at work.


def _read(collector: Collector[Any], chunks: Iterator[bytes], close: Callable[[], None]) -> Iterator[Delta]:
    try:
        for chunk in chunks:
            yield from collector.feed(chunk)
        collector.check_complete()
    finally:
        close()


async def _read_async(
    collector: Collector[Any], chunks: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]
) -> AsyncIterator[Delta]:
    try:
        async for chunk in chunks:
            for delta in collector.feed(chunk):
                yield delta
        collector.check_complete()
    finally:
        await close()


class Stream(Generic[Result]):
    """Iterate over the deltas of an answer; leaving early stops the model.

    Use it in a ``with`` block, read it to the end, or `close` it.
    """

    def __init__(self, chunks: Iterator[bytes], close: Callable[[], None], build: Build[Result]) -> None:
        self._collector = Collector(build)
        self._close = close
        self._deltas = _read(self._collector, chunks, close)

    def __iter__(self) -> Iterator[Delta]:
        return self

    def __next__(self) -> Delta:
        return next(self._deltas)

    def __enter__(self) -> Stream[Result]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    @property
    def answer(self) -> Result:
        """All that has come so far, joined; the whole answer once the stream has ended."""
        return self._collector.answer()

    def close(self) -> None:
        """Tell the server that nobody listens any more; the model stops within one step. Harmless afterwards."""
        self._close()


class AsyncStream(Generic[Result]):
    """`Stream` for ``async for`` and ``async with``."""

    def __init__(
        self, chunks: AsyncIterator[bytes], close: Callable[[], Awaitable[None]], build: Build[Result]
    ) -> None:
        self._collector = Collector(build)
        self._close = close
        self._deltas = _read_async(self._collector, chunks, close)

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self

    async def __anext__(self) -> Delta:
        return await self._deltas.__anext__()

    async def __aenter__(self) -> AsyncStream[Result]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def answer(self) -> Result:
        """All that has come so far, joined; the whole answer once the stream has ended."""
        return self._collector.answer()

    async def close(self) -> None:
        """Tell the server that nobody listens any more; the model stops within one step."""
        await self._close()
