"""Sessions of the page: a one-time token from the start's link, or a key typed in, becomes a cookie.

They live in memory: whoever is logged in when the server restarts logs in again.

Knows: tokens, cookies' values, when they end. Does not know: HTTP.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

from aigc.db.keys import Identity

COOKIE = "aigc_session"
TOKEN_SECONDS = 15 * 60
SESSION_SECONDS = 30 * 24 * 3600
_MOST = 1000


class Sessions:
    """Tokens that wait to be used, and sessions that have begun.

    Args:
        clock: seconds; anything monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[bytes, tuple[Identity, float]] = {}
        self._sessions: dict[bytes, tuple[Identity, float]] = {}

    def issue_token(self, identity: Identity) -> str:
        """A token that `redeem` takes once, within `TOKEN_SECONDS`."""
        return self._add(self._tokens, identity, TOKEN_SECONDS)

    def redeem(self, token: str) -> Identity | None:
        """Whose token this is; it is used up by asking."""
        entry = self._tokens.pop(_digest(token), None)
        return entry[0] if entry and entry[1] > self._clock() else None

    def begin(self, identity: Identity) -> str:
        """The cookie's value of a new session."""
        return self._add(self._sessions, identity, SESSION_SECONDS)

    def find(self, cookie: str) -> Identity | None:
        """Whose session this is."""
        entry = self._sessions.get(_digest(cookie))
        return entry[0] if entry and entry[1] > self._clock() else None

    def end(self, cookie: str) -> None:
        """Log out; unknown cookies are none the worse."""
        self._sessions.pop(_digest(cookie), None)

    def _add(self, where: dict[bytes, tuple[Identity, float]], identity: Identity, seconds: float) -> str:
        now = self._clock()
        for gone in [key for key, (_, end) in where.items() if end <= now]:
            del where[gone]
        while len(where) >= _MOST:  # the oldest makes room
            del where[next(iter(where))]
        value = secrets.token_urlsafe(32)
        where[_digest(value)] = (identity, now + seconds)
        return value


def _digest(value: str) -> bytes:
    """Found by digest: how long a look-up takes says nothing about the value."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
