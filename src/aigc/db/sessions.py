"""Sessions of the page: a one-time token from the start's link, or a key typed in, becomes a cookie.

The database holds a digest of each cookie, so that a session outlives the server; requests are checked against a copy
in memory. Tokens live in memory only: a start makes a new one.

Knows: tokens, cookies' values, when they end. Does not know: HTTP.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from aigc.db.keys import Identity
from aigc.db.tables import SessionRow
from aigc.db.transactions import Database
from aigc.errors import AigcError

TOKEN_SECONDS = 15 * 60
SESSION_SECONDS = 30 * 24 * 3600
_MOST = 1000


class Sessions:
    """Tokens that wait to be used, and sessions that have begun.

    Args:
        database: where sessions are kept; those of other servers on it are known from the next start on.
        bound_to: sessions end when this changes: the key that is set from outside and can't be revoked.
        clock: Unix seconds.
    Raises:
        StorageBusy, StorageFull: they can't be read.
    """

    def __init__(self, database: Database, bound_to: str = "", clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._bound_to = bound_to
        self._clock = clock
        self._tokens: dict[bytes, tuple[Identity, float]] = {}
        with database.reading() as session:
            rows = session.scalars(select(SessionRow).order_by(SessionRow.ends)).all()
        self._sessions = {row.digest: (Identity(row.owner, row.key_id), float(row.ends)) for row in rows}

    def issue_token(self, identity: Identity) -> str:
        """A token that `redeem` takes once, within `TOKEN_SECONDS`."""
        now = self._clock()
        self._tokens = {key: entry for key, entry in self._tokens.items() if entry[1] > now}
        token = secrets.token_urlsafe(32)
        self._tokens[self._digest(token)] = identity, now + TOKEN_SECONDS
        return token

    async def redeem(self, token: str) -> str | None:
        """The cookie's value of a session that begins with ``token``; the token is used up by that.

        Raises: StorageBusy, StorageFull: the token may be used again.
        """
        digest = self._digest(token)
        entry = self._tokens.pop(digest, None)
        if entry is None or entry[1] <= self._clock():
            return None
        try:
            return await self.begin(entry[0])
        except AigcError:
            self._tokens[digest] = entry
            raise

    async def begin(self, identity: Identity) -> str:
        """The cookie's value of a new session. Raises: StorageBusy, StorageFull."""
        value = secrets.token_urlsafe(32)
        digest, now = self._digest(value), self._clock()
        ends = int(now) + SESSION_SECONDS
        gone = [key for key, (_, end) in self._sessions.items() if end <= now]
        # The oldest makes room.
        gone += [key for key in self._sessions if key not in gone][
            : max(0, len(self._sessions) - len(gone) - _MOST + 1)
        ]

        def write(session: Session) -> None:
            session.execute(delete(SessionRow).where(SessionRow.digest.in_(gone)))
            session.add(SessionRow(digest=digest, owner=identity.owner, key_id=identity.key_id, ends=ends))

        await self._database.write(write)
        for key in gone:
            self._sessions.pop(key, None)
        self._sessions[digest] = identity, float(ends)
        return value

    def find(self, cookie: str) -> Identity | None:
        """Whose session this is."""
        entry = self._sessions.get(self._digest(cookie))
        return entry[0] if entry and entry[1] > self._clock() else None

    async def end(self, cookie: str) -> None:
        """Log out; unknown cookies are none the worse.

        Raises: StorageBusy, StorageFull: the session is over here, but would be back after a restart.
        """
        digest = self._digest(cookie)
        if self._sessions.pop(digest, None) is not None:
            await self._database.write(
                lambda session: session.execute(delete(SessionRow).where(SessionRow.digest == digest))
            )

    async def purge(self) -> None:
        """Remove the rows of sessions that are over."""
        now = int(self._clock())
        await self._database.write(lambda session: session.execute(delete(SessionRow).where(SessionRow.ends <= now)))

    def _digest(self, value: str) -> bytes:
        """Found by digest: how long a look-up takes says nothing about the value, and a copy of the table is no key."""
        return hashlib.sha256(f"{value}\0{self._bound_to}".encode("utf-8", "surrogatepass")).digest()
