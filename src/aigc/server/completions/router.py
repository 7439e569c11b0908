"""``POST /v1/completions``, and the same with the model in the path for the oldest clients.

Knows: which path takes which body. Does not know: how an answer is made.
"""

from __future__ import annotations

from fastapi import APIRouter

from aigc.server.answers import TextAnswer
from aigc.server.completions.answer import CompletionForm
from aigc.server.completions.protocol import CompletionRequest, EngineCompletionRequest
from aigc.server.fields import same_model
from aigc.server.json_body import JsonRoute
from aigc.server.metrics import Metrics
from aigc.server.ports import Runtime


def create(runtime: Runtime, metrics: Metrics) -> APIRouter:
    """The routes, answered by ``runtime``."""
    router = APIRouter(route_class=JsonRoute, tags=["completions"])

    def answer(body: CompletionRequest, name: str) -> TextAnswer:
        requests = body.to_requests()
        model = runtime.resolve(name, "completion")
        options = body.stream_options
        form = CompletionForm(
            model,
            requests[0].n,
            len(requests),
            logprobs=body.logprobs is not None,
            include_usage=bool(options and options.include_usage),
            obfuscate=bool(options and options.include_obfuscation),
        )
        return TextAnswer(runtime, metrics, model, requests, form, stream=bool(body.stream))

    @router.post("/v1/completions", summary="Continue a text")
    async def complete(body: CompletionRequest) -> TextAnswer:
        return answer(body, body.model)

    @router.post("/v1/engines/{engine:path}/completions", summary="Continue a text (legacy path)")
    async def complete_of_engine(engine: str, body: EngineCompletionRequest) -> TextAnswer:
        return answer(body, same_model(engine, body.model))

    return router
