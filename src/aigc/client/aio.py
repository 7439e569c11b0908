"""`aigc.AsyncClient`: the API for code with an event loop.

Knows: httpx's asynchronous client. Does not know: how bodies, errors and streams are read; `wire` and `stream` do.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Concatenate, Literal, ParamSpec, overload

import httpx

from aigc.client import (
    picture_requests,
    picture_results,
    results,
    speech,
    transcript_requests,
    transcript_results,
    wire,
)
from aigc.client.base import BaseClient, read
from aigc.client.picture_events import PictureEvents
from aigc.client.picture_requests import PictureRequest
from aigc.client.picture_results import PictureAnswer
from aigc.client.results import ChatAnswer, Completion, EmbeddingResult, ModelInfo
from aigc.client.stream import AsyncStream, Build, Result
from aigc.client.transcript_requests import TranscriptAsk
from aigc.client.transcript_results import Transcript, TranscriptEvents
from aigc.client.wire import Prompt
from aigc.errors import AigcError

if TYPE_CHECKING:
    from aigc.settings import Settings


P = ParamSpec("P")


def _asks(
    build: Callable[P, PictureRequest],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, PictureAnswer]]:
    """The method that sends what ``build`` makes. Pictures are read and packed in a thread: both may take a while."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> PictureAnswer:
        return await self.pictures(await asyncio.to_thread(build, *args, **kwargs))

    picture_requests.as_method(build, method)
    return method


def _listens(
    build: Callable[P, TranscriptAsk],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, Transcript]]:
    """The method that sends what ``build`` makes."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> Transcript:
        return await self.transcript(build(*args, **kwargs))

    picture_requests.as_method(build, method)
    return method


class AsyncClient(BaseClient):
    """`aigc.Client` with ``await``; arguments and errors are the same."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int = 2,
        settings: Settings | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout=timeout, max_retries=max_retries, settings=settings)
        options = self._http_options()
        if transport is None and self._local is not None:
            from aigc.client.transport import AsyncLocalTransport

            transport = AsyncLocalTransport(self._local)
        self._http = httpx.AsyncClient(transport=transport, **options)

    @overload
    async def chat(
        self,
        prompt: Prompt,
        *,
        model: str = ...,
        stream: Literal[False] = ...,
        system: str | None = ...,
        **params: Any,
    ) -> ChatAnswer: ...
    @overload
    async def chat(
        self, prompt: Prompt, *, stream: Literal[True], model: str = ..., system: str | None = ..., **params: Any
    ) -> AsyncStream[ChatAnswer]: ...
    async def chat(
        self,
        prompt: Prompt,
        *,
        model: str = "default",
        stream: bool = False,
        system: str | None = None,
        **params: Any,
    ) -> ChatAnswer | AsyncStream[ChatAnswer]:
        """`aigc.Client.chat`; a stream is an `AsyncStream`."""
        body = wire.chat_body(prompt, model, system, stream, params)
        if stream:
            return await self._stream("chat/completions", body, results.chat_from_choices)
        answer: ChatAnswer = read(results.chat_answer, await self.request("POST", "chat/completions", body))
        return answer

    @overload
    async def complete(
        self, prompt: str | Sequence[int], *, model: str = ..., stream: Literal[False] = ..., **params: Any
    ) -> Completion: ...
    @overload
    async def complete(
        self, prompt: str | Sequence[int], *, stream: Literal[True], model: str = ..., **params: Any
    ) -> AsyncStream[Completion]: ...
    async def complete(
        self, prompt: str | Sequence[int], *, model: str = "default", stream: bool = False, **params: Any
    ) -> Completion | AsyncStream[Completion]:
        """`aigc.Client.complete`; a stream is an `AsyncStream`."""
        body = wire.body({"model": model, "prompt": prompt if isinstance(prompt, str) else [*prompt]}, stream, params)
        if stream:
            return await self._stream("completions", body, results.completion_from_choices)
        found: Completion = read(results.completion, await self.request("POST", "completions", body))
        return found

    async def embed(self, texts: str | Sequence[str], *, model: str = "default", **params: Any) -> EmbeddingResult:
        """Turn texts into unit vectors; texts that mean the same point the same way."""
        fields = {"model": model, "input": texts if isinstance(texts, str) else list(texts)}
        body = wire.body(fields, False, {"encoding_format": "base64", **params})
        found: EmbeddingResult = read(results.embeddings, await self.request("POST", "embeddings", body))
        return found

    async def pictures(self, request: PictureRequest) -> PictureAnswer:
        """`aigc.Client.pictures`."""
        stream = request.on_progress is not None
        response = await self._send("POST", request.path, request.body, stream=stream, files=request.files)
        if request.on_progress is None:
            found: PictureAnswer = read(picture_results.answer, self._json(response))
            return found
        events = PictureEvents(request.count)
        async with contextlib.aclosing(response):
            async for chunk in self._chunks(response):
                for progress in events.feed(chunk):
                    request.on_progress(progress)
        return events.answer()

    generate = _asks(picture_requests.generate)
    edit = _asks(picture_requests.edit)
    vary = _asks(picture_requests.vary)
    restore = _asks(picture_requests.restore)
    panorama = _asks(picture_requests.panorama)

    async def speak(
        self,
        text: str,
        *,
        voice: str = "alloy",
        speed: float = 1.0,
        model: str = "default",
        on_progress: speech.OnProgress | None = None,
        **params: Any,
    ) -> speech.Speech:
        """Speak a text of any length; see `aigc.client.speech.speak`."""
        ask = speech.speak(text, voice=voice, speed=speed, model=model, on_progress=on_progress, **params)
        parts = speech.SpeechParts(ask)
        for section in ask.sections:
            response = await self._send("POST", "audio/speech", ask.body(section), stream=False)
            parts.add(section, response.content, response.headers.get("x-voice"))
        return parts.whole()

    async def transcript(self, ask: TranscriptAsk) -> Transcript:
        """`aigc.Client.transcript`."""
        stream = ask.on_progress is not None
        with ask.files() as files:
            response = await self._send("POST", ask.path, ask.body, stream=stream, files=files)
        if ask.on_progress is None:
            found: Transcript = read(transcript_results.transcript, self._json(response))
            return found
        events = TranscriptEvents(translated=ask.translated)
        async with contextlib.aclosing(response):
            async for chunk in self._chunks(response):
                for progress in events.feed(chunk):
                    ask.on_progress(progress)
        return events.answer()

    transcribe = _listens(transcript_requests.transcribe)
    translate = _listens(transcript_requests.translate)

    async def models(self) -> list[ModelInfo]:
        """The models that can be asked."""
        found: list[ModelInfo] = read(results.models, await self.request("GET", "models"))
        return found

    async def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """`aigc.Client.request`."""
        response = await self._send(method, path, body, stream=False)
        return self._json(response)

    async def close(self) -> None:
        """Close the connections, and the runtime in this process when no other client uses it."""
        await self._http.aclose()
        # Ending a runtime takes seconds and blocks: not on the caller's loop.
        await asyncio.get_running_loop().run_in_executor(None, self._release)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def _stream(self, path: str, body: dict[str, Any], build: Build[Result]) -> AsyncStream[Result]:
        response = await self._send("POST", path, body, stream=True)
        return AsyncStream(self._chunks(response), response.aclose, build)

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        with self._translated():
            async for chunk in response.aiter_bytes():
                yield chunk

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        stream: bool,
        files: Mapping[str, bytes | BinaryIO] | None = None,
    ) -> httpx.Response:
        request = self._request(method, path, body, files)
        for attempt in itertools.count():
            try:
                return await self._send_once(request, stream)
            except AigcError as error:
                await asyncio.sleep(self._wait(error, attempt))
        raise AssertionError("unreachable")

    async def _send_once(self, request: dict[str, Any], stream: bool) -> httpx.Response:
        with self._translated():
            response = await self._http.send(self._http.build_request(**request), stream=True)
            try:
                if response.status_code >= 400 or not stream:
                    await response.aread()
            except BaseException:
                await response.aclose()
                raise
        if response.status_code >= 400:
            raise self._error(response)
        return response
