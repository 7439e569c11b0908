"""``POST /v1/chat/completions``, and the path of the oldest clients for the same.

Knows: which path takes which body. Does not know: how an answer is made.
"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from aigc.server.answers import TextAnswer
from aigc.server.chat.answer import ChatForm
from aigc.server.chat.protocol import ChatRequest
from aigc.server.fields import ModelName, same_model
from aigc.server.json_body import JsonRoute
from aigc.server.metrics import Metrics
from aigc.server.ports import Runtime


class EngineChatRequest(ChatRequest):
    """The same with the model in the path."""

    model: ModelName | None = Field(default=None)  # type: ignore[assignment]


def create(runtime: Runtime, metrics: Metrics) -> APIRouter:
    """The routes, answered by ``runtime``."""
    router = APIRouter(route_class=JsonRoute, tags=["chat"])

    def answer(body: ChatRequest, name: str) -> TextAnswer:
        request = body.to_request()
        model = runtime.resolve(name, "chat")
        options = body.stream_options
        form = ChatForm(
            model,
            request.n,
            logprobs=bool(body.logprobs),
            include_usage=bool(options and options.include_usage),
            obfuscate=bool(options and options.include_obfuscation),
            functions=body.functions is not None,
            metadata=body.metadata,
        )
        return TextAnswer(runtime, metrics, model, [request], form, stream=bool(body.stream))

    @router.post("/v1/chat/completions", summary="Continue a chat")
    async def chat(body: ChatRequest) -> TextAnswer:
        return answer(body, body.model)

    @router.post("/v1/engines/{engine:path}/chat/completions", summary="Continue a chat (legacy path)")
    async def chat_of_engine(engine: str, body: EngineChatRequest) -> TextAnswer:
        return answer(body, same_model(engine, body.model))

    return router
