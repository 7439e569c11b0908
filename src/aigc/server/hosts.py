"""Is a request meant for this server, and does a browser's page of ours send it?

A page of a foreign site can make a browser send requests to 127.0.0.1; its name gives it away. Against a name of the
attacker that resolves to 127.0.0.1 (DNS rebinding) the Host header is compared with the names that this server has.

Knows: Host, Origin, Sec-Fetch-Site, X-Forwarded-Proto. Does not know: keys.
"""

from __future__ import annotations

import ipaddress
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from aigc.server.errors import WrongHost
from aigc.settings import Settings

_HOST = re.compile(r"(?:\[(?P<address>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


class HostCheck:
    """ASGI middleware: refuses requests for other hosts; believes trusted proxies about the scheme."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._names = {"localhost", settings.host.lower(), *(name.lower() for name in settings.allowed_hosts)}
        # An address can't be rebound, only a name can. Behind a wildcard any of the machine's addresses is right.
        self._any_address = settings.host in _WILDCARDS
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in settings.trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] in ("http", "websocket"):
            given = header(scope, b"host")
            if given is None or not self._is_ours(host_name(given)):
                raise WrongHost(
                    f"the Host header is {(given or '')[:80]!r}, which is not a name of this server",
                    hint="add the name to AIGC_ALLOWED_HOSTS, separated by commas",
                )
            if header(scope, b"x-forwarded-proto") == "https" and self._is_proxy(scope):
                scope = {**scope, "scheme": "https" if scope["type"] == "http" else "wss"}
        await self._app(scope, receive, send)

    def _is_proxy(self, scope: Scope) -> bool:
        try:
            address = ipaddress.ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    def _is_ours(self, name: str | None) -> bool:
        if name is None:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._any_address


def header(scope: Scope, name: bytes) -> str | None:
    """The header ``name``; None where it is absent or given twice."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def host_name(host: str) -> str | None:
    """``Host`` without the port, in lower case: ``[::1]:8400`` is ``::1``; None where it is no name and port at all."""
    if (match := _HOST.fullmatch(host)) is None:
        return None
    return (match["name"] if match["address"] is None else match["address"]).lower()


def same_origin(scope: Scope) -> bool:
    """Whether a page of this server sends the request, and not a page of another site.

    For requests that a cookie authorises. A browser always adds ``Origin`` to what can change something; where it
    doesn't, ``Sec-Fetch-Site`` tells, and reading without either is left to the cookie's ``SameSite=Strict``.
    """
    origin, site = header(scope, b"origin"), header(scope, b"sec-fetch-site")
    if origin is not None:
        return origin.partition("://")[2].lower() == (header(scope, b"host") or "").lower()
    if site is not None:
        return site in ("same-origin", "none")
    return scope.get("method") in ("GET", "HEAD")
