"""First answers to requests with an ``Idempotency-Key``, to be given again for a day.

Knows: the table of replies. Does not know: HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from aigc.db.tables import ReplyRow
from aigc.db.transactions import Database
from aigc.errors import Conflict, StorageFull

KEPT_SECONDS = 24 * 3600
MOST = 10_000
"""Answers that one owner may have waiting to be given again."""
MOST_BYTES = 256 * 2**20
"""Bytes that these may have together."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the request that it answered."""

    asked: bytes
    """sha256 of the request."""
    status: int
    media_type: str
    body: bytes


class Replies:
    """The recorded answers of one database.

    Args:
        database: where they are kept.
        clock: Unix seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def find(self, owner: str, key: str) -> Reply | None:
        """The answer under ``key``; None where there is none yet, and room to record one.

        Raises:
            StorageFull: there is none, and the owner has as many as one may have. StorageBusy: nobody knows.
        """

        def look(session: Session) -> Reply | None:
            row = session.scalar(
                select(ReplyRow).where(ReplyRow.owner == owner, ReplyRow.key == key, ReplyRow.created > self._oldest())
            )
            if row is not None:
                return Reply(row.asked, row.status, row.media_type, row.body)
            sums = select(func.count(), func.coalesce(func.sum(ReplyRow.size), 0)).where(ReplyRow.owner == owner)
            number, size = session.execute(sums).one()
            if number >= MOST or size >= MOST_BYTES:
                raise StorageFull(
                    f"{number} answers of {size} bytes are recorded under idempotency keys; "
                    f"accepted: {MOST} of {MOST_BYTES} bytes",
                    param="Idempotency-Key",
                    hint="each is forgotten after 24 hours; send the request without the key",
                )
            return None

        return await self._database.read(look)

    async def record(self, owner: str, key: str, reply: Reply, also: Sequence[Callable[[Session], None]]) -> None:
        """Record an answer and do ``also`` in one transaction: either all of it happens, or nothing.

        Raises: Conflict: another server recorded one meanwhile. StorageBusy, StorageFull: nothing was written.
        """

        def write(session: Session) -> None:
            for work in also:
                work(session)
            here = ReplyRow.owner == owner, ReplyRow.key == key
            if session.scalar(select(ReplyRow.key).where(*here, ReplyRow.created > self._oldest())) is not None:
                raise Conflict(f"the idempotency key {key[:80]!r} was used at the same moment", param="Idempotency-Key")
            session.execute(delete(ReplyRow).where(*here))
            session.add(
                ReplyRow(
                    owner=owner,
                    key=key,
                    asked=reply.asked,
                    created=int(self._clock()),
                    status=reply.status,
                    media_type=reply.media_type,
                    body=reply.body,
                    size=len(reply.body),
                )
            )

        await self._database.write(write)

    async def purge(self) -> None:
        """Remove what is older than a day."""
        oldest = self._oldest()
        await self._database.write(lambda session: session.execute(delete(ReplyRow).where(ReplyRow.created <= oldest)))

    def _oldest(self) -> int:
        return int(self._clock()) - KEPT_SECONDS
