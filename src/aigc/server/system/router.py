"""``/health``, ``/ready``, ``/metrics``, ``/v1/status``.

Knows: whom to ask. Does not know: what makes a server ready.
"""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from aigc.server.errors import NotReady
from aigc.server.json_body import JsonRoute
from aigc.server.metrics import CONTENT_TYPE, Metrics
from aigc.server.ports import Runtime
from aigc.server.system.protocol import Health, Status, Worker


def create(runtime: Runtime, metrics: Metrics, version: str) -> APIRouter:
    """The routes."""
    router = APIRouter(route_class=JsonRoute, tags=["system"])
    asking: asyncio.Task[bool] | None = None

    @router.get("/health", summary="Does the process live?")
    async def health() -> Health:
        return Health()

    @router.get("/ready", summary="Does a generation work?")
    async def ready() -> Health:
        nonlocal asking
        # Anybody may ask, and asking may cost a generation: all who ask at the same time share one.
        if asking is None or asking.done():
            asking = asyncio.ensure_future(runtime.ready())
        if not await asyncio.shield(asking):
            raise NotReady("no generation works at the moment", retry_after_seconds=5)
        return Health()

    @router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def figures() -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})

    @router.get("/v1/status", summary="Models in memory, queues, the memory budget")
    async def status() -> Status:
        now = runtime.status()
        return Status(
            version=version,
            workers=[Worker(**msgspec.structs.asdict(worker)) for worker in now.workers],
            memory_budget_bytes=now.memory_budget_bytes,
            memory_reserved_bytes=now.memory_reserved_bytes,
        )

    return router
