"""A server with canned answers for the page's tests: the API's shapes and headers, no model.

The last question of a conversation chooses what happens; ``ANSWERS`` lists them. The real server is tested elsewhere:
here it is replaced because a test of the page needs failures on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

PAGE = Path(__file__).resolve().parents[2] / "src" / "aigc" / "server" / "page"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

KEY = "sk-test-0123456789abcdef"

ATTACK = """Hello <script>window.pwned = 1</script> <img src=x onerror="window.pwned = 2"> there

<div onclick="window.pwned = 3" style="position:fixed">block</div>

<svg><animate onbegin="window.pwned = 4" attributeName=x dur=1s></svg>
<iframe srcdoc="<script>parent.pwned = 5</script>"></iframe>

[click](javascript:window.pwned=6) [data](data:text/html,<script>window.pwned=7</script>)
[tab](java&#9;script:window.pwned=8) <javascript:window.pwned=9> [rel](/auth/logout) [good](https://example.com "title")

![picture](https://tracker.example/pixel.png) ![bad](javascript:window.pwned=10)

<style>body { display: none }</style><meta http-equiv="refresh" content="0; url=https://evil.example">
<form action="https://evil.example"><input name=a><button>Send</button></form>
<a href="javascript:window.pwned=11" id="input">raw link</a>

```html" onmouseover="window.pwned=12
<script>window.pwned = 13</script>
```

| a | b |
|---|---|
| <img src=x onerror=window.pwned=14> | `<b>x</b>` |
"""

MARKDOWN = """Here is a **short** overview with `code`.

## Steps

1. First
2. Second with [a link](https://example.com)

```python
def greet(name: str) -> str:
    # say hello
    return f"Hello, {name}!"
```

| Tool | Speed |
|------|------:|
| fast | 12 |
| slow | 3 |

> A quote.
"""


@dataclass
class Mock:
    """What the server does, and what it has seen."""

    locked: bool = False
    chunk_seconds: float = 0.01
    vanishes: bool = False
    """Whether an answer that breaks off may do so now."""
    load_seconds: float = 0.0
    loaded: bool = True
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    """Streams that the client left."""
    extra_answers: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def answer(self, question: str) -> str:
        known = {
            "attack": ATTACK,
            "markdown": MARKDOWN,
            "long": "\n\n".join(f"Paragraph number {i}. " * 6 for i in range(40)),
        }
        return {**known, **self.extra_answers}.get(question, f"You said: {question}")

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        question = body["messages"][-1]["content"]
        if question == "busy" and sum(b["messages"][-1]["content"] == "busy" for b in self.bodies) == 1:
            error = {"message": "64 requests wait already", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
            return JSONResponse({"error": error}, 429, {"Retry-After": "2"})
        if question == "too long":
            error = {
                "message": "the prompt has 9000 tokens, the context 8192",
                "type": "invalid_request_error",
                "code": "context_length_exceeded",
                "hint": "shorten the prompt",
            }
            return JSONResponse({"error": error}, 400)
        return StreamingResponse(self.stream(question, body), media_type="text/event-stream")

    async def stream(self, question: str, body: dict[str, Any]) -> AsyncIterator[str]:
        text = self.answer(question)
        pieces = [text[i : i + 4] for i in range(0, len(text), 4)]
        if not self.loaded:
            await asyncio.sleep(self.load_seconds)
            self.loaded = True
        try:
            for number, piece in enumerate(pieces):
                if number == 3 and question == "dies in mid-stream":
                    error = {"message": "the worker ended", "code": "worker_died", "hint": "send the request again"}
                    yield f"data: {json.dumps({'error': error})}\n\n"
                    return
                if number == 3 and question == "vanishes in mid-stream":
                    while not self.vanishes:  # what was sent must have been read: a broken connection forgets the rest
                        await asyncio.sleep(0.01)
                    raise ConnectionAbortedError
                yield chunk({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
                await asyncio.sleep(self.chunk_seconds)
        except asyncio.CancelledError:
            self.left += 1
            raise
        reason = "length" if body.get("max_tokens") == 1 else "stop"
        yield chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        yield chunk({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": len(pieces)}})
        yield "data: [DONE]\n\n"

    async def models(self, request: Request) -> Response:
        def model(name: str, capability: str, aliases: list[str]) -> dict[str, Any]:
            extension = {
                "capabilities": [capability],
                "aliases": aliases,
                "context_tokens": 8192,
                "loaded": self.loaded,
            }
            return {"id": name, "object": "model", "created": 1, "owned_by": "aigc", "aigc": extension}

        data = [
            model("qwen2.5-coder-1.5b-instruct", "chat", ["default", "gpt-4o-mini"]),
            model("smollm2-135m-instruct", "chat", ["tiny"]),
            model("multilingual-e5-small", "embedding", []),
        ]
        return JSONResponse({"object": "list", "data": data})

    async def login(self, request: Request) -> Response:
        if (await request.json()).get("key") != KEY:
            return refused()
        response = Response(status_code=204)
        response.set_cookie("aigc_session", "yes", httponly=True, samesite="strict")
        return response

    async def logout(self, request: Request) -> Response:
        response = Response(status_code=204)
        response.delete_cookie("aigc_session")
        return response

    async def me(self, request: Request) -> Response:
        return JSONResponse({"name": "first"})

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def index(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html")


def chunk(content: dict[str, Any]) -> str:
    """One event of a stream."""
    shape = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "qwen2.5-coder-1.5b-instruct"}
    return f"data: {json.dumps({**shape, **content}, ensure_ascii=False)}\n\n"


def refused() -> Response:
    """The envelope of a missing or wrong key."""
    error = {"message": "no API key was sent", "type": "authentication_error", "code": "invalid_api_key"}
    return JSONResponse({"error": error}, 401)


class Guard:
    """Headers of every answer; 401 for everything but the page where the mock is locked."""

    def __init__(self, app: ASGIApp, mock: Mock) -> None:
        self.app = app
        self.mock = mock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        path = scope.get("path", "")
        public = path in ("/", "/auth/login", "/health") or path.endswith((".js", ".css", ".svg"))
        if self.mock.locked and not public and Request(scope).cookies.get("aigc_session") != "yes":
            await refused()(scope, receive, with_policy)
            return
        await self.app(scope, receive, with_policy)


def build(mock: Mock) -> ASGIApp:
    """The application around a mock."""
    routes = [
        Route("/", mock.index),
        Route("/health", mock.health),
        Route("/auth/me", mock.me),
        Route("/auth/login", mock.login, methods=["POST"]),
        Route("/auth/logout", mock.logout, methods=["POST"]),
        Route("/v1/models", mock.models),
        Route("/v1/chat/completions", mock.chat, methods=["POST"]),
        Mount("/", StaticFiles(directory=PAGE)),
    ]
    return Guard(Starlette(routes=routes), mock)


@contextlib.contextmanager
def serve(mock: Mock, port: int = 0) -> Iterator[Mock]:
    """Serve a mock on a free port of loopback."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        mock.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        config = uvicorn.Config(build(mock), log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield mock
        finally:
            server.should_exit = True
            thread.join(5)
