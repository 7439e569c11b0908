"""``POST /v1/embeddings``, and the same with the model in the path for the oldest clients.

Knows: which path takes which body. Does not know: how vectors are made.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from aigc.server.asked import Asked
from aigc.server.embeddings.protocol import EmbeddingRequest, EngineEmbeddingRequest, answer
from aigc.server.fields import same_model
from aigc.server.json_body import JsonRoute
from aigc.server.ports import Runtime
from aigc.server.trace import Trace
from aigc.types import Embeddings, Event


def create(runtime: Runtime) -> APIRouter:
    """The routes, answered by ``runtime``."""
    router = APIRouter(route_class=JsonRoute, tags=["embeddings"])

    def embed(body: EmbeddingRequest, name: str) -> Response:
        model = runtime.resolve(name, "embedding")

        def form(event: Event, notes: Trace) -> bytes:
            assert isinstance(event, Embeddings)
            notes.prompt_tokens = event.prompt_tokens
            return answer(model, event, body.encoding_format)

        return Asked(runtime, model, body.to_request(), form)

    @router.post("/v1/embeddings", summary="Turn texts into vectors")
    async def embeddings(body: EmbeddingRequest) -> Response:
        return embed(body, body.model)

    @router.post("/v1/engines/{engine:path}/embeddings", summary="Turn texts into vectors (legacy path)")
    async def embeddings_of_engine(engine: str, body: EngineEmbeddingRequest) -> Response:
        return embed(body, same_model(engine, body.model))

    return router
