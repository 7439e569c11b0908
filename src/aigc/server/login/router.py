"""``POST /auth/login``, ``POST /auth/logout``, ``GET /auth/me``, and the page's one-time link ``/?token=``.

Knows: cookies and redirects. Does not know: how keys are kept.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from aigc.db.keys import Identity, Keys
from aigc.db.sessions import SESSION_SECONDS, Sessions
from aigc.errors import AuthenticationFailed, Forbidden
from aigc.server.auth import COOKIE, session_cookie
from aigc.server.hosts import same_origin
from aigc.server.json_body import JsonRoute
from aigc.server.login.protocol import Login, Me


def create(keys: Keys, sessions: Sessions) -> APIRouter:
    """The routes."""
    router = APIRouter(route_class=JsonRoute, tags=["login"])

    @router.post("/auth/login", summary="Exchange a key for the page's cookie")
    async def login(body: Login, request: Request, response: Response) -> Me:
        if not same_origin(request.scope) and "origin" in request.headers:
            raise Forbidden("a page of another site sent this request")
        identity = await keys.check(body.key)
        if identity is None:
            raise AuthenticationFailed("this API key is not known, or was revoked", param="key")
        set_cookie(request, response, await sessions.begin(identity))
        return Me(owner=identity.owner, key_id=identity.key_id)

    @router.post("/auth/logout", summary="End the session", status_code=204, response_class=Response)
    async def logout(request: Request) -> Response:
        if cookie := session_cookie(request.scope):
            await sessions.end(cookie)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    @router.get("/auth/me", summary="Who is logged in")
    async def me(request: Request) -> Me:
        identity: Identity = request.scope["state"]["identity"]
        return Me(owner=identity.owner, key_id=identity.key_id)

    return router


def set_cookie(request: Request, response: Response, value: str) -> None:
    """Give the browser its session; scripts can't read it, other sites can't use it."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
