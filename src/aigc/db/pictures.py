"""Pictures that are kept for a while: those that have an address, and the jobs of detached requests.

Every question names the owner; what belongs to another one is not there, and neither is what has outlived its time.

Knows: the table of pictures. Does not know: HTTP, file formats, the JSON of an answer.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from aigc.db.tables import PictureRow
from aigc.db.transactions import Database
from aigc.errors import NotFound, StorageFull

KEPT_SECONDS = 3600
"""Of a picture from its making, of a job from its end; as long as in OpenAI's API."""
MOST = 1000
MOST_BYTES = 2**30
"""Rows of one owner, and their bytes."""
_LONGEST_SECONDS = 7 * 24 * 3600
"""A job that has not ended by then is forgotten."""

FILE, JOB = "img_", "imgjob_"
"""What the ids of pictures and of jobs begin with."""

State = Literal["in_progress", "completed", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture or a job."""

    id: str
    created: int
    """Unix seconds."""
    ends: int
    state: State
    """``lost``: the server that worked on it has ended, or is another one."""
    media_type: str
    body: bytes
    """The file; of a job the JSON of its answer or its error, once it has ended."""


class Pictures:
    """The pictures and jobs of one database.

    Args:
        database: where they are kept.
        clock: Unix seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self._clock = clock
        self._run = secrets.token_hex(16)

    def keeping(
        self, owner: str, media_type: str, bodies: Sequence[bytes]
    ) -> tuple[list[str], Callable[[Session], None]]:
        """Ids for pictures, and what a transaction does to keep them; that raises StorageFull: the owner has enough."""
        ids = [f"{FILE}{secrets.token_hex(24)}" for _ in bodies]

        def add(session: Session) -> None:
            self._admit(session, owner, sum(map(len, bodies)))
            for one, body in zip(ids, bodies, strict=True):
                session.add(self._row(one, owner, "completed", media_type, body, KEPT_SECONDS))

        return ids, add

    async def begin(self, owner: str) -> str:
        """The id of a new job. Raises: StorageFull, StorageBusy."""
        job_id = f"{JOB}{secrets.token_hex(24)}"

        def add(session: Session) -> None:
            self._admit(session, owner, 0)
            row = self._row(job_id, owner, "in_progress", "application/json", b"", _LONGEST_SECONDS)
            session.add(row)

        await self.database.write(add)
        return job_id

    async def finish(self, job_id: str, state: State, body: bytes) -> None:
        """A job has ended; one that was forgotten meanwhile stays so. Raises: StorageFull, StorageBusy."""
        values = {"state": state, "body": body, "size": len(body), "ends": int(self._clock()) + KEPT_SECONDS}
        await self.database.write(
            lambda session: session.execute(update(PictureRow).where(PictureRow.id == job_id).values(**values))
        )

    async def get(self, owner: str, row_id: str, kind: str) -> Kept:
        """One of a kind, `FILE` or `JOB`. Raises: NotFound."""

        def look(session: Session) -> Kept:
            row = session.scalar(select(PictureRow).where(*self._visible(owner, row_id)))
            if row is None or not row_id.startswith(kind):
                raise self._unknown(row_id)
            lost = row.state == "in_progress" and row.run != self._run
            state: State = "lost" if lost else row.state  # type: ignore[assignment]
            return Kept(row.id, row.created, row.ends, state, row.media_type, row.body)

        return await self.database.read(look)

    async def delete_job(self, owner: str, row_id: str) -> None:
        """Forget a job. Raises: NotFound."""

        def forget(session: Session) -> None:
            # Asked first: what a deletion has found, not every database tells.
            found = session.scalar(select(PictureRow.id).where(*self._visible(owner, row_id)))
            if found is None or not found.startswith(JOB):
                raise self._unknown(row_id)
            session.execute(delete(PictureRow).where(PictureRow.id == row_id))

        await self.database.write(forget)

    async def purge(self) -> None:
        """Remove what has outlived its time."""
        now = int(self._clock())
        await self.database.write(lambda session: session.execute(delete(PictureRow).where(PictureRow.ends <= now)))

    def _visible(self, owner: str, row_id: str) -> tuple[ColumnElement[bool], ...]:
        return PictureRow.owner == owner, PictureRow.id == row_id, PictureRow.ends > int(self._clock())

    def _unknown(self, row_id: str) -> NotFound:
        hint = f"pictures are kept for {KEPT_SECONDS // 60} minutes"
        return NotFound(f"there is no {row_id[:80]!r}, or it is not yours", hint=hint)

    def _row(self, row_id: str, owner: str, state: State, media_type: str, body: bytes, seconds: int) -> PictureRow:
        now = int(self._clock())
        return PictureRow(
            id=row_id,
            owner=owner,
            created=now,
            ends=now + seconds,
            state=state,
            run=self._run,
            media_type=media_type,
            body=body,
            size=len(body),
        )

    def _admit(self, session: Session, owner: str, more_bytes: int) -> None:
        mine = PictureRow.owner == owner, PictureRow.ends > int(self._clock())
        sums = select(func.count(), func.coalesce(func.sum(PictureRow.size), 0)).where(*mine)
        number, size = session.execute(sums).one()
        if number >= MOST or size + more_bytes > MOST_BYTES:
            raise StorageFull(
                f"{number} pictures of {size} bytes are kept; accepted: {MOST} of {MOST_BYTES} bytes",
                hint=f"each is forgotten after {KEPT_SECONDS // 60} minutes; or take response_format b64_json",
            )
