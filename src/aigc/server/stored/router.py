"""``GET /v1/chat/completions``, and ``GET``, ``POST``, ``DELETE`` of one of them and its messages.

Knows: paths and owners. Does not know: how completions are kept.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from aigc.db.completions import Completions, Query
from aigc.errors import UserError
from aigc.server.auth import owner_of
from aigc.server.json_body import JsonRoute
from aigc.server.ports import Runtime
from aigc.server.stored.protocol import (
    Change,
    ListQuery,
    MessagesQuery,
    completion_json,
    completions_json,
    messages_json,
    parameters,
    read_query,
)

_ONE = "/v1/chat/completions/{completion_id}"


class Deleted(BaseModel):
    """What a deletion answers."""

    object: str = "chat.completion.deleted"
    id: str
    deleted: bool = True


def create(stored: Completions, runtime: Runtime) -> APIRouter:
    """The routes."""
    router = APIRouter(route_class=JsonRoute, tags=["stored chats"])

    @router.get(
        "/v1/chat/completions",
        summary="List the chats that were kept",
        response_class=Response,
        openapi_extra={"parameters": parameters(ListQuery)},
    )
    async def completions(request: Request) -> Response:
        query = read_query(ListQuery, request.query_params)
        page, more = await stored.page(
            owner_of(request.scope),
            Query(
                after=query.after,
                limit=query.limit,
                descending=query.order == "desc",
                models=_names(runtime, query.model),
                metadata=query.metadata or {},
            ),
        )
        return _json(completions_json(page, more=more))

    @router.get(_ONE, summary="A chat that was kept", response_class=Response)
    async def completion(completion_id: str, request: Request) -> Response:
        return _json(completion_json(await stored.get(owner_of(request.scope), completion_id)))

    @router.post(_ONE, summary="Change the metadata of a chat that was kept", response_class=Response)
    async def change(completion_id: str, body: Change, request: Request) -> Response:
        changed = await stored.update(owner_of(request.scope), completion_id, body.metadata or {})
        return _json(completion_json(changed))

    @router.delete(_ONE, summary="Forget a chat that was kept")
    async def delete(completion_id: str, request: Request) -> Deleted:
        await stored.delete(owner_of(request.scope), completion_id)
        return Deleted(id=completion_id)

    @router.get(
        f"{_ONE}/messages",
        summary="The messages of a chat that was kept",
        response_class=Response,
        openapi_extra={"parameters": parameters(MessagesQuery)},
    )
    async def messages(completion_id: str, request: Request) -> Response:
        query = read_query(MessagesQuery, request.query_params)
        found = await stored.get(owner_of(request.scope), completion_id)
        # In a thread: messages may have megabytes.
        return _json(await asyncio.to_thread(messages_json, found, query))

    return router


def _names(runtime: Runtime, name: str | None) -> list[str]:
    """What a model may be called: completions hold the real name, a client may know an alias."""
    if name is None:
        return []
    try:
        return sorted({name, runtime.resolve(name, "chat")})
    except UserError:  # it was removed; its completions are still there
        return [name]


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
