"""``POST /v1/images/...``, the jobs of detached requests, and pictures that have an address.

Knows: which path takes which body, whose a job is. Does not know: how pictures are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Scope

from aigc.db.pictures import FILE, Pictures
from aigc.pictures.encode import MEDIA_TYPES
from aigc.server import idempotency, trace
from aigc.server.auth import owner_of
from aigc.server.form_body import MEDIA_TYPE, FormRoute
from aigc.server.images import asking
from aigc.server.images.answer import PictureAnswer, Publish
from aigc.server.images.jobs import Jobs
from aigc.server.images.making import Made, Maker
from aigc.server.images.protocol import (
    EditRequest,
    GenerationRequest,
    Output,
    PanoramaRequest,
    RestorationRequest,
    VariationRequest,
)
from aigc.server.ports import Runtime
from aigc.types import Capability, ImageRequest, PictureRequest

UPLOADS = frozenset({"/v1/images/edits", "/v1/images/variations", "/v1/images/restorations"})
"""Paths whose bodies hold pictures."""
_WORKERS = 2
"""Files that are read or written at the same time: each may take several hundred megabytes."""
_JOB, _FILE = "/v1/images/jobs/{job_id}", "/v1/images/files/{file_id}"


class DeletedJob(BaseModel):
    """What a deletion answers."""

    id: str
    object: str = "image.job.deleted"
    deleted: bool = True


def create(runtime: Runtime, kept: Pictures, jobs: Jobs) -> APIRouter:
    """The routes, answered by ``runtime``."""
    router = APIRouter(route_class=FormRoute, tags=["images"])
    workshop = ThreadPoolExecutor(_WORKERS, thread_name_prefix="pictures")

    async def make(
        scope: Scope, name: str | None, what: Capability, output: Output, ask: Callable[[], PictureRequest]
    ) -> Response:
        model = runtime.resolve(name or "default", what)
        request = await asyncio.get_running_loop().run_in_executor(workshop, ask)
        maker = Maker(model, request, output, workshop)
        if not output.detach:
            return PictureAnswer(runtime, maker, _publisher(kept, output) if output.as_url else None)
        trace.of(scope).model = model
        wanted = request.n if isinstance(request, ImageRequest) else 1
        return _json(await jobs.begin(owner_of(scope), maker, wanted), 202)

    @router.post("/v1/images/generations", summary="Make pictures from words", response_class=Response)
    async def generations(body: GenerationRequest, request: Request) -> Response:
        output = body.output("generation")
        return await make(request.scope, body.model, "image", output, lambda: asking.painting(body, body.prompt))

    @router.post("/v1/images/panoramas", summary="Make pictures all around (extension)", response_class=Response)
    async def panoramas(body: PanoramaRequest, request: Request) -> Response:
        return await make(
            request.scope,
            body.model,
            "panorama",
            body.output("panorama"),
            lambda: asking.painting(body, body.prompt, panorama=True),
        )

    @router.post(
        "/v1/images/edits",
        summary="Change a picture, or a part of it",
        response_class=Response,
        openapi_extra=_form("EditRequest"),
    )
    async def edits(body: EditRequest, request: Request) -> Response:
        return await make(request.scope, body.model, "image_edit", body.output("edit"), lambda: asking.edit(body))

    @router.post(
        "/v1/images/variations",
        summary="Make pictures like one that is given",
        response_class=Response,
        openapi_extra=_form("VariationRequest"),
    )
    async def variations(body: VariationRequest, request: Request) -> Response:
        output = body.output("variation")
        return await make(request.scope, body.model, "image_edit", output, lambda: asking.variation(body))

    @router.post(
        "/v1/images/restorations",
        summary="Repair a photograph (extension)",
        response_class=Response,
        openapi_extra=_form("RestorationRequest"),
    )
    async def restorations(body: RestorationRequest, request: Request) -> Response:
        output = body.output("restoration")
        return await make(request.scope, body.model, "restoration", output, lambda: asking.restoration(body))

    _add_kept(router, kept, jobs)
    return router


def _add_kept(router: APIRouter, kept: Pictures, jobs: Jobs) -> None:
    @router.get(_JOB, summary="How far a detached request has come (extension)", response_class=Response)
    async def job(job_id: str, request: Request) -> Response:
        return _json(await jobs.look(owner_of(request.scope), job_id))

    @router.delete(_JOB, summary="End a detached request and forget it (extension)")
    async def delete(job_id: str, request: Request) -> DeletedJob:
        await jobs.forget(owner_of(request.scope), job_id)
        return DeletedJob(id=job_id)

    @router.get(_FILE, summary="A picture that was answered as an address (extension)", response_class=Response)
    async def file(file_id: str, request: Request) -> Response:
        found = await kept.get(owner_of(request.scope), file_id.partition(".")[0], FILE)
        return Response(found.body, media_type=found.media_type, headers={"cache-control": "private, max-age=3600"})


def _publisher(kept: Pictures, output: Output) -> Publish:
    async def publish(scope: Scope, made: Sequence[Made]) -> list[str]:
        ids, work = kept.keeping(owner_of(scope), MEDIA_TYPES[output.format], [one.data for one in made])
        await idempotency.write(scope, kept.database, work)
        base = Request(scope).base_url
        return [f"{base}v1/images/files/{one}.{output.format}" for one in ids]

    return publish


def _form(schema: str) -> dict[str, Any]:
    """The same body as a form."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"content": content}}


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
