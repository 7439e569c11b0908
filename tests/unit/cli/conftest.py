"""A fixed width of the terminal, and a small server on a real port that speaks the API's form."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from aigc import i18n
from aigc.pictures.encode import Format, encode
from aigc.types import Raster


class ApiServer:
    """Answers by fixed rules: ``wait`` never ends, ``count N`` says N numbers, anything else is repeated."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.left = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        app = Starlette(
            routes=[
                Route("/health", lambda request: Response()),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/completions", self.complete, methods=["POST"]),
                Route("/v1/embeddings", self.embed, methods=["POST"]),
                Route("/v1/images/{kind}", self.images, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/v1/status", self.status),
                Route("/v1/tokenize", self.tokenize, methods=["POST"]),
            ]
        )
        self.server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error", ws="none", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(5)

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        said = str(body["messages"][-1]["content"])
        if body["model"] == "nope":
            error = {
                "message": "no model is called 'nope'",
                "code": "model_not_found",
                "hint": "`aigc list` shows them",
            }
            return JSONResponse({"error": error}, 404)
        words = [f"{n} " for n in range(int(said.split()[1]))] if said.startswith("count") else ["you ", f"said {said}"]
        finish = "length" if body.get("max_tokens") == 1 else "stop"
        if body.get("stream"):
            return StreamingResponse(self.stream(words, said == "wait", finish), media_type="text/event-stream")
        choice = {"index": 0, "message": {"content": "".join(words)}, "finish_reason": finish}
        return JSONResponse({"id": "c", "model": "tiny", "choices": [choice], "usage": {}})

    async def stream(self, words: list[str], forever: bool, finish: str) -> AsyncIterator[str]:
        try:
            for word in words:
                yield _event({"index": 0, "delta": {"content": word}})
            if forever:
                await asyncio.sleep(60)
            yield _event({"index": 0, "delta": {}, "finish_reason": finish})
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.left += 1
            raise

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        if not body.get("stream"):
            choice = {"index": 0, "text": " and on", "finish_reason": "stop"}
            return JSONResponse({"model": "tiny", "system_fingerprint": "echo-1", "choices": [choice], "usage": {}})

        async def words() -> AsyncIterator[str]:
            for word in (" and", " on"):
                yield "data: " + json.dumps({"model": "tiny", "choices": [{"index": 0, "text": word}]}) + "\n\n"
            used = {"prompt_tokens": 3, "completion_tokens": body.get("max_tokens", 2)}
            yield "data: " + json.dumps({"choices": [], "usage": used}) + "\n\ndata: [DONE]\n\n"

        return StreamingResponse(words(), media_type="text/event-stream")

    async def embed(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        data = [{"index": n, "embedding": "AACAPwAAAMA="} for n, _ in enumerate(body["input"])]
        return JSONResponse({"model": "e5", "data": data, "usage": {"prompt_tokens": 2}})

    async def images(self, request: Request) -> Response:
        """A grey picture for each that is asked for; of a form, the body is kept as it came."""
        raw = await request.body()
        json_body = request.headers["content-type"] == "application/json"
        body = json.loads(raw) if json_body else {"form": raw, "prompt": "", "n": 1}
        self.bodies.append({"path": request.url.path, **body})
        format, prompt = body.get("output_format", "png"), body["prompt"]
        if json_body and not body.get("stream"):
            file = encode(Raster(width=2, height=1, channels=1, pixels=b"dd"), format, facts={})
            return JSONResponse({"data": [{"b64_json": base64.b64encode(file).decode()}]})
        return StreamingResponse(self.paint(prompt, body.get("n", 1), format), media_type="text/event-stream")

    async def paint(self, prompt: str, count: int, format: Format) -> AsyncIterator[str]:
        try:
            for index in range(count):
                yield "data: " + json.dumps({"type": "x.progress", "index": index, "step": 1, "steps": 2}) + "\n\n"
                if prompt == "wait":
                    await asyncio.sleep(60)
                grounded = [{"text": "fox", "concept": "kind:fox"}]
                facts = {"model": "aigc-v1", "prompt": prompt, "seed": 7 + index, "steps": 2}
                reading = (
                    {"grounded": grounded, "unknown": ["zeppelin"], "not_shown": ["weather:rain"]} if prompt else {}
                )
                file = encode(Raster(width=2, height=1, channels=1, pixels=b"dd"), format, facts={**facts, **reading})
                picture = {"type": "x.completed", "index": index, "b64_json": base64.b64encode(file).decode()}
                yield "data: " + json.dumps(picture) + "\n\n"
        except asyncio.CancelledError:
            self.left += 1
            raise

    async def tokenize(self, request: Request) -> Response:
        words = (await request.json())["input"].split()
        return JSONResponse({"tokens": list(range(len(words)))})

    async def models(self, request: Request) -> Response:
        details = {"capabilities": ["chat"], "aliases": ["default"], "loaded": True}
        return JSONResponse({"data": [{"id": "tiny", "aigc": details}, {"id": "other"}]})

    async def status(self, request: Request) -> Response:
        worker = {
            "model": "tiny",
            "engine": "echo",
            "state": "ready",
            "pid": 7,
            "rss_bytes": 400_000_000,
            "running": 1,
            "waiting": 2,
            "idle_seconds": 3.4,
        }
        return JSONResponse({"workers": [worker], "memory_budget_bytes": 8_000_000_000, "memory_reserved_bytes": 5e8})


def _event(choice: dict) -> str:
    return "data: " + json.dumps({"model": "tiny", "choices": [choice]}) + "\n\n"


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.stop()


@pytest.fixture
def api(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    api_server.bodies.clear()
    api_server.left = 0
    monkeypatch.setenv("AIGC_BASE_URL", api_server.url)
    return api_server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("COLUMNS", "100")
    i18n.language.cache_clear()
    yield tmp_path / "home"
    i18n.language.cache_clear()
