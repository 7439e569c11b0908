"""Who sends a request? Without an answer, only the paths of a short list are open.

Knows: bearer keys, the page's cookie, the public paths. Does not know: what the request wants.
"""

from __future__ import annotations

from collections.abc import Collection, Set

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from aigc.db.keys import Identity, Keys
from aigc.db.sessions import Sessions
from aigc.errors import AuthenticationFailed, Forbidden
from aigc.server import trace
from aigc.server.hosts import header, same_origin

COOKIE = "aigc_session"
PUBLIC = frozenset({"/health", "/ready", "/", "/auth/login"})
"""Paths that need no key, besides the files of the page. Compared as they are: any other spelling is another path."""

_SUBPROTOCOL = "openai-insecure-api-key."
"""A page's script can set no header of a WebSocket. OpenAI's clients put the key behind this, as a subprotocol."""

_HINT = "send the header `Authorization: Bearer KEY`; `aigc keys create` makes a key"


class Auth:
    """ASGI middleware: denies by default.

    Args:
        app: what comes next.
        keys: who has one.
        sessions: cookies of the page.
        public: paths that need no key; a WebSocket always needs one.
        origins: other sites whose pages may open a WebSocket; browsers ask nobody before they do.
    """

    def __init__(
        self, app: ASGIApp, keys: Keys, sessions: Sessions, public: Set[str], origins: Collection[str] = ()
    ) -> None:
        self._app = app
        self._keys = keys
        self._sessions = sessions
        self._public = public
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        socket = scope["type"] == "websocket"
        if socket or (scope["type"] == "http" and scope["path"] not in self._public):
            identity = await self._identify(scope)
            if socket and not self._may_open(scope):
                raise Forbidden("a page of another site opened this connection", hint="see AIGC_CORS_ORIGINS")
            scope["state"]["identity"] = identity
            trace.of(scope).owner = identity.owner
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Identity:
        if any(name == b"authorization" for name, _ in scope["headers"]):
            scheme, _, key = (header(scope, b"authorization") or "").partition(" ")
            return await self._by_key(key.strip() if scheme.lower() == "bearer" else "")
        for subprotocol in scope.get("subprotocols", ()):
            if subprotocol.startswith(_SUBPROTOCOL):
                return await self._by_key(subprotocol.removeprefix(_SUBPROTOCOL))
        return self._by_cookie(scope)

    async def _by_key(self, key: str) -> Identity:
        identity = await self._keys.check(key) if key else None
        if identity is None:
            raise AuthenticationFailed("this API key is not known, or was revoked", hint=_HINT)
        return identity

    def _may_open(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"origin"]
        return not given or same_origin(scope) or header(scope, b"origin") in self._origins

    def _by_cookie(self, scope: Scope) -> Identity:
        cookie = session_cookie(scope)
        identity = self._sessions.find(cookie) if cookie else None
        if identity is None or not self._keys.active(identity):
            raise AuthenticationFailed("no API key was sent", hint=_HINT)
        if not same_origin(scope):
            raise Forbidden("a page of another site sent this request", hint="send an API key instead of the cookie")
        return identity


def session_cookie(scope: Scope) -> str | None:
    """The value of the page's cookie."""
    return cookie_parser(header(scope, b"cookie") or "").get(COOKIE)


def owner_of(scope: Scope) -> str:
    """Whose request it is; for routes behind `Auth` that are not public."""
    identity: Identity = scope["state"]["identity"]
    return identity.owner
