"""``GET /v1/models`` and ``GET /v1/engines``, each as a list and by name.

Knows: names and aliases. Does not know: where models come from.
"""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter

from aigc.errors import NotFound, UserError
from aigc.server.json_body import JsonRoute
from aigc.server.models.protocol import Engine, EngineList, Model, ModelList, describe
from aigc.server.ports import Runtime
from aigc.types import Capability


def create(runtime: Runtime) -> APIRouter:
    """The routes, answered by ``runtime``."""
    router = APIRouter(route_class=JsonRoute, tags=["models"])

    @router.get("/v1/models", summary="List the installed models")
    async def models() -> ModelList:
        return ModelList(data=_all(runtime))

    @router.get("/v1/models/{model:path}", summary="Describe a model")
    async def model(model: str) -> Model:
        return _one(runtime, model)

    @router.get("/v1/engines", summary="List the installed models (legacy)")
    async def engines() -> EngineList:
        return EngineList(data=[Engine(id=spec.id) for spec in runtime.models()])

    @router.get("/v1/engines/{engine:path}", summary="Describe a model (legacy)")
    async def engine(engine: str) -> Engine:
        return Engine(id=_one(runtime, engine).id)

    return router


def _all(runtime: Runtime) -> list[Model]:
    names: dict[str, set[str]] = {}
    for alias in {"default", *runtime.aliases}:
        if (model := _resolved(runtime, alias)) is not None and model != alias:
            names.setdefault(model, set()).add(alias)
    loaded = {worker.model for worker in runtime.status().workers if worker.state == "ready"}
    return [describe(spec, sorted(names.get(spec.id, ())), loaded=spec.id in loaded) for spec in runtime.models()]


def _one(runtime: Runtime, name: str) -> Model:
    known = {model.id: model for model in _all(runtime)}
    if name in known:
        return known[name]
    resolved = _resolved(runtime, name)
    if resolved is None:
        runtime.resolve(name, "chat")  # raises, with near names
        raise NotFound(f"there is no model {name[:80]!r}", param="model")
    return known[resolved]


def _resolved(runtime: Runtime, name: str) -> str | None:
    for capability in get_args(Capability):
        try:
            return runtime.resolve(name, capability)
        except UserError:
            continue
    return None
