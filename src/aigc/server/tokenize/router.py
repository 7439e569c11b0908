"""``POST /v1/tokenize``.

Knows: which model is meant. Does not know: tokenizers.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from aigc.errors import UserError
from aigc.server.asked import Asked
from aigc.server.json_body import JsonRoute
from aigc.server.ports import Runtime
from aigc.server.tokenize.protocol import TokenizeBody, answer
from aigc.server.trace import Trace
from aigc.types import Capability, Event, Tokens


def create(runtime: Runtime) -> APIRouter:
    """The route, answered by ``runtime``."""
    router = APIRouter(route_class=JsonRoute, tags=["tokenize"])

    def resolve(body: TokenizeBody) -> str:
        """Messages need a chat template; a text can be split by whatever the name stands for."""
        capabilities: tuple[Capability, ...] = ("chat",) if body.messages else ("completion", "embedding", "chat")
        first: UserError | None = None
        for capability in capabilities:
            try:
                return runtime.resolve(body.model, capability)
            except UserError as error:
                first = first or error
        assert first is not None
        raise first

    @router.post("/v1/tokenize", summary="Split a text into tokens")
    async def tokenize(body: TokenizeBody) -> Response:
        request = body.to_request()
        model = resolve(body)

        def form(event: Event, notes: Trace) -> bytes:
            assert isinstance(event, Tokens)
            return answer(model, event)

        return Asked(runtime, model, request, form)

    return router
