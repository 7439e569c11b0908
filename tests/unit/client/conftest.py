"""A small application that speaks the API's form, and clients that reach it without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from aigc.client.app_thread import AppThread
from aigc.client.sync import Client
from aigc.client.transport import LocalTransport
from aigc.settings import Settings


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def chunk(text: str = "", **choice: object) -> bytes:
    inner = {"index": 0, "delta": {"content": text}, "finish_reason": None, **choice}
    return event(id="c", object="chat.completion.chunk", model="tiny", system_fingerprint="echo-1", choices=[inner])


class TinyServer:
    """Answers by fixed rules; remembers what it was asked and who left early."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.left = 0
        self.closed = 0
        self.failures: list[Response] = []
        self.go_on = asyncio.Event()

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.failures:
            return self.failures.pop(0)
        if body.get("stream"):
            return StreamingResponse(self.words(str(body["messages"][-1]["content"])), media_type="text/event-stream")
        message = {"role": "assistant", "content": f"you said {body['messages'][-1]['content']}"}
        return JSONResponse(
            {
                "id": "c",
                "model": "tiny",
                "system_fingerprint": "echo-1",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
            }
        )

    async def words(self, prompt: str) -> AsyncIterator[bytes]:
        try:
            yield chunk("one ")
            yield chunk("two ")
            if prompt == "wait":
                await asyncio.sleep(60)
            if prompt == "fail":
                yield event(error={"message": "the worker died", "type": "server_error", "code": "worker_died"})
                return
            if prompt == "break":
                return
            if prompt == "crash":
                raise RuntimeError("a fault of the application")
            yield chunk("three", finish_reason="stop")
            yield event(model="tiny", choices=[], usage={"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4})
            yield b"data: [DONE]\n\n"
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise

    async def embeddings(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        # 1.0, -2.0 and 0.5, 0.25 as little-endian float32
        data = [
            {"index": 1, "embedding": "AAAAPwAAgD4="},
            {"index": 0, "embedding": "AACAPwAAAMA="},
        ]
        return JSONResponse({"model": "e5", "data": data, "usage": {"prompt_tokens": 5, "total_tokens": 5}})

    async def slow(self, request: Request) -> Response:
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        self.left += 1
        return Response()

    def app(self) -> Starlette:
        server = self

        class Lifespan:
            def __init__(self, app: Starlette) -> None: ...
            async def __aenter__(self) -> None: ...
            async def __aexit__(self, *error: object) -> None:
                server.closed += 1

        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/embeddings", self.embeddings, methods=["POST"]),
                Route("/v1/slow", self.slow, methods=["POST"]),
            ],
            lifespan=Lifespan,
        )


@pytest.fixture
def server() -> TinyServer:
    return TinyServer()


@pytest.fixture
def thread(server: TinyServer) -> Iterator[AppThread]:
    thread = AppThread(server.app)
    yield thread
    thread.close()


@pytest.fixture
def client(thread: AppThread, tmp_path: Path) -> Iterator[Client]:
    settings = Settings(home=tmp_path)
    with Client("http://localhost/v1", "a-key", settings=settings, transport=LocalTransport(thread)) as client:
        yield client
