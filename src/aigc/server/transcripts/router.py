"""``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``.

Knows: which path takes which body. Does not know: how speech is written down.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from aigc.server.form_body import MEDIA_TYPE, FormRoute
from aigc.server.ports import Runtime
from aigc.server.transcripts.answer import TranscriptAnswer
from aigc.server.transcripts.form import TranscriptForm
from aigc.server.transcripts.protocol import TranscriptionRequest, TranslationRequest

UPLOADS = frozenset({"/v1/audio/transcriptions", "/v1/audio/translations"})
"""Paths whose bodies hold sound."""


def create(runtime: Runtime, most_seconds: float) -> APIRouter:
    """The routes, answered by ``runtime``; longer sound than ``most_seconds`` is refused."""
    router = APIRouter(route_class=FormRoute, tags=["audio"])

    @router.post(
        "/v1/audio/transcriptions",
        summary="Write down what is said",
        response_class=Response,
        openapi_extra=_form("TranscriptionRequest"),
    )
    async def transcriptions(body: TranscriptionRequest) -> Response:
        request = body.request(most_seconds)
        model = runtime.resolve(body.model, "transcription")
        return TranscriptAnswer(runtime, model, request, TranscriptForm(body))

    @router.post(
        "/v1/audio/translations",
        summary="Write down in English what is said",
        response_class=Response,
        openapi_extra=_form("TranslationRequest"),
    )
    async def translations(body: TranslationRequest) -> Response:
        request = body.request(most_seconds)
        model = runtime.resolve(body.model, "translation")
        return TranscriptAnswer(runtime, model, request, TranscriptForm(body))

    return router


def _form(schema: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"content": content}}
