"""``POST /v1/chat/completions``, and the path of the oldest clients for the same.

Knows: which path takes which body. Does not know: how an answer is made or kept.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from starlette.types import Scope

from aigc.db.completions import Completions
from aigc.server import idempotency, trace
from aigc.server.answers import Keep, TextAnswer
from aigc.server.auth import owner_of
from aigc.server.chat.answer import ChatForm
from aigc.server.chat.hearing import written_down
from aigc.server.chat.protocol import ChatRequest
from aigc.server.chat.speaking import Said, Speaking, SpokenAnswer
from aigc.server.fields import ModelName, same_model
from aigc.server.json_body import JsonRoute
from aigc.server.metrics import Metrics
from aigc.server.ports import Runtime
from aigc.server.stored import keeping


class EngineChatRequest(ChatRequest):
    """The same with the model in the path."""

    model: ModelName | None = Field(default=None)  # type: ignore[assignment]


def create(runtime: Runtime, metrics: Metrics, stored: Completions) -> APIRouter:
    """The routes, answered by ``runtime``; answers that are to be kept go to ``stored``."""
    router = APIRouter(route_class=JsonRoute, tags=["chat"])
    said = Said()

    async def answer(body: ChatRequest, name: str, scope: Scope) -> Response:
        owner = owner_of(scope)
        body, heard = await written_down(said.recalled(body, owner), runtime)
        request = body.to_request()
        model = runtime.resolve(name, "chat")
        keep = await keeper(body, owner) if body.store else None
        options = body.stream_options
        form = ChatForm(
            model,
            request.n,
            logprobs=bool(body.logprobs),
            include_usage=bool(options and options.include_usage),
            obfuscate=bool(options and options.include_obfuscation),
            functions=body.functions is not None,
            metadata=body.metadata,
            heard=heard,
        )
        if body.spoken is not None:
            spoken = Speaking.of(runtime, body.spoken)
            remember = partial(said.remember, owner)
            return SpokenAnswer(runtime, model, request, form, spoken, remember, stream=bool(body.stream), keep=keep)
        return TextAnswer(runtime, metrics, model, [request], form, stream=bool(body.stream), keep=keep)

    async def keeper(body: ChatRequest, owner: str) -> Keep:
        await stored.admit(owner)

        async def keep(scope: Scope, whole: bytes) -> None:
            kept = keeping.completion(body, whole, trace.of(scope).id)
            await idempotency.write(scope, stored.database, stored.adding(owner, kept))

        return keep

    @router.post("/v1/chat/completions", summary="Continue a chat", response_class=Response)
    async def chat(body: ChatRequest, request: Request) -> Response:
        return await answer(body, body.model, request.scope)

    @router.post(
        "/v1/engines/{engine:path}/chat/completions", summary="Continue a chat (legacy path)", response_class=Response
    )
    async def chat_of_engine(engine: str, body: EngineChatRequest, request: Request) -> Response:
        return await answer(body, same_model(engine, body.model), request.scope)

    return router
