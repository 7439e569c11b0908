"""`aigc.Client`: the API for ordinary code.

Knows: httpx's blocking client. Does not know: how bodies, errors and streams are read; `wire` and `stream` do.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from aigc.client.stream import Build, Result, Stream
from aigc.client.transcript_requests import TranscriptAsk
from aigc.client.transcript_results import Transcript, TranscriptEvents
from aigc.client.wire import Prompt
from aigc.errors import AigcError

if TYPE_CHECKING:
    from aigc.settings import Settings


P = ParamSpec("P")


def _asks(build: Callable[P, PictureRequest]) -> Callable[Concatenate[Client, P], PictureAnswer]:
    """The method that sends what ``build`` makes."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> PictureAnswer:
        return self.pictures(build(*args, **kwargs))

    picture_requests.as_method(build, method)
    return method


def _listens(build: Callable[P, TranscriptAsk]) -> Callable[Concatenate[Client, P], Transcript]:
    """The method that sends what ``build`` makes."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Transcript:
        return self.transcript(build(*args, **kwargs))

    picture_requests.as_method(build, method)
    return method


class Client(BaseClient):
    """Asks models: over HTTP where there is an address, else in this process.

    Args:
        base_url: like ``http://127.0.0.1:8400/v1``; ``None``: ``aigc.base_url``, ``AIGC_BASE_URL``, a server of this
            user on this machine, or this process.
        api_key: ``None``: ``aigc.api_key``, ``AIGC_API_KEY``, or the key that the server on this machine left.
        timeout: longest silence in seconds; ``None``: none, for a long answer on a slow machine takes its time.
        max_retries: how often a request is sent again that was never received, or that the server asked to repeat.
        settings: instead of those of the environment.

    Raises:
        UserError: an address or a setting of the wrong form.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int = 2,
        settings: Settings | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout=timeout, max_retries=max_retries, settings=settings)
        options = self._http_options()
        if transport is None and self._local is not None:
            from aigc.client.transport import LocalTransport

            transport = LocalTransport(self._local)
        self._http = httpx.Client(transport=transport, **options)

    @overload
    def chat(
        self,
        prompt: Prompt,
        *,
        model: str = ...,
        stream: Literal[False] = ...,
        system: str | None = ...,
        **params: Any,
    ) -> ChatAnswer: ...
    @overload
    def chat(
        self, prompt: Prompt, *, stream: Literal[True], model: str = ..., system: str | None = ..., **params: Any
    ) -> Stream[ChatAnswer]: ...
    def chat(
        self,
        prompt: Prompt,
        *,
        model: str = "default",
        stream: bool = False,
        system: str | None = None,
        **params: Any,
    ) -> ChatAnswer | Stream[ChatAnswer]:
        """Answer a question or continue a conversation.

        Args:
            prompt: a question, or messages like ``{"role": "user", "content": "hi"}``.
            model: id or alias of a model.
            stream: return the answer piece by piece while it is made.
            system: a system message to put first.
            **params: anything else that the API knows, e.g. ``temperature=0``, ``max_tokens=100``, ``seed=1``,
                ``response_format=...``, ``tools=...``; the server refuses what it doesn't know by name.

        Raises:
            AigcError: the class says what happened, see `aigc.errors`.
        """
        body = wire.chat_body(prompt, model, system, stream, params)
        if stream:
            return self._stream("chat/completions", body, results.chat_from_choices)
        answer: ChatAnswer = read(results.chat_answer, self.request("POST", "chat/completions", body))
        return answer

    @overload
    def complete(
        self, prompt: str | Sequence[int], *, model: str = ..., stream: Literal[False] = ..., **params: Any
    ) -> Completion: ...
    @overload
    def complete(
        self, prompt: str | Sequence[int], *, stream: Literal[True], model: str = ..., **params: Any
    ) -> Stream[Completion]: ...
    def complete(
        self, prompt: str | Sequence[int], *, model: str = "default", stream: bool = False, **params: Any
    ) -> Completion | Stream[Completion]:
        """Continue a text, or a list of token ids, without a conversation around it. Arguments as for `chat`."""
        body = wire.body({"model": model, "prompt": prompt if isinstance(prompt, str) else [*prompt]}, stream, params)
        if stream:
            return self._stream("completions", body, results.completion_from_choices)
        found: Completion = read(results.completion, self.request("POST", "completions", body))
        return found

    def embed(self, texts: str | Sequence[str], *, model: str = "default", **params: Any) -> EmbeddingResult:
        """Turn texts into unit vectors; texts that mean the same point the same way."""
        fields = {"model": model, "input": texts if isinstance(texts, str) else list(texts)}
        body = wire.body(fields, False, {"encoding_format": "base64", **params})
        found: EmbeddingResult = read(results.embeddings, self.request("POST", "embeddings", body))
        return found

    def pictures(self, request: PictureRequest) -> PictureAnswer:
        """Send a request that `aigc.client.picture_requests` made; `generate` and its sisters do both in one."""
        stream = request.on_progress is not None
        response = self._send("POST", request.path, request.body, stream=stream, files=request.files)
        if request.on_progress is None:
            found: PictureAnswer = read(picture_results.answer, self._json(response))
            return found
        events = PictureEvents(request.count)
        with contextlib.closing(response):
            for chunk in self._chunks(response):
                for progress in events.feed(chunk):
                    request.on_progress(progress)
        return events.answer()

    generate = _asks(picture_requests.generate)
    edit = _asks(picture_requests.edit)
    vary = _asks(picture_requests.vary)
    restore = _asks(picture_requests.restore)
    panorama = _asks(picture_requests.panorama)

    def speak(
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
            response = self._send("POST", "audio/speech", ask.body(section), stream=False)
            parts.add(section, response.content, response.headers.get("x-voice"))
        return parts.whole()

    def transcript(self, ask: TranscriptAsk) -> Transcript:
        """Send a request that `aigc.client.transcript_requests` made; `transcribe` and `translate` do both in one."""
        stream = ask.on_progress is not None
        with ask.files() as files:
            response = self._send("POST", ask.path, ask.body, stream=stream, files=files)
        if ask.on_progress is None:
            found: Transcript = read(transcript_results.transcript, self._json(response))
            return found
        events = TranscriptEvents(translated=ask.translated)
        with contextlib.closing(response):
            for chunk in self._chunks(response):
                for progress in events.feed(chunk):
                    ask.on_progress(progress)
        return events.answer()

    transcribe = _listens(transcript_requests.transcribe)
    translate = _listens(transcript_requests.translate)

    def models(self) -> list[ModelInfo]:
        """The models that can be asked."""
        found: list[ModelInfo] = read(results.models, self.request("GET", "models"))
        return found

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send any request of the API and return the JSON of its answer.

        Args:
            method: ``GET``, ``POST`` or ``DELETE``.
            path: below the base URL, e.g. ``tokenize``.
            body: what to send as JSON.
        """
        response = self._send(method, path, body, stream=False)
        return self._json(response)

    def close(self) -> None:
        """Close the connections, and the runtime in this process when no other client uses it."""
        self._http.close()
        self._release()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        # Connections only: a runtime takes seconds to end, and garbage is collected anywhere.
        if (http := getattr(self, "_http", None)) is not None:
            http.close()

    def _stream(self, path: str, body: dict[str, Any], build: Build[Result]) -> Stream[Result]:
        response = self._send("POST", path, body, stream=True)
        return Stream(self._chunks(response), response.close, build)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        with self._translated():
            yield from response.iter_bytes()

    def _send(
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
                return self._send_once(request, stream)
            except AigcError as error:
                time.sleep(self._wait(error, attempt))
        raise AssertionError("unreachable")

    def _send_once(self, request: dict[str, Any], stream: bool) -> httpx.Response:
        with self._translated():
            response = self._http.send(self._http.build_request(**request), stream=True)
            try:
                if response.status_code >= 400 or not stream:
                    response.read()
            except BaseException:
                response.close()
                raise
        if response.status_code >= 400:
            raise self._error(response)
        return response
