"""``POST /v1/audio/speech`` and ``GET /v1/audio/voices``.

Knows: which path takes which body. Does not know: how speech is made.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from aigc.server.json_body import JsonRoute
from aigc.server.ports import Runtime
from aigc.server.speech import protocol
from aigc.server.speech.answer import SpeechAnswer

_WORKERS = 2
"""Sounds that are encoded at the same time."""


def create(runtime: Runtime) -> APIRouter:
    """The routes, answered by ``runtime``."""
    router = APIRouter(route_class=JsonRoute, tags=["audio"])
    workshop = ThreadPoolExecutor(_WORKERS, thread_name_prefix="sound")

    @router.post("/v1/audio/speech", summary="Speak a text", response_class=Response)
    async def speech(body: protocol.SpeechBody) -> Response:
        model = runtime.resolve(body.model, "speech")
        spec = next(spec for spec in runtime.models() if spec.id == model)
        request = body.to_request(spec)
        return SpeechAnswer(runtime, model, request, body.format, body.stream_format or "audio", workshop)

    @router.get("/v1/audio/voices", summary="Who can speak (extension)")
    async def voices() -> dict[str, Any]:
        return protocol.voices(runtime.models())

    return router
