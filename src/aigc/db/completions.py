"""Stored completions: chats that somebody asked to keep.

Every question names the owner; what belongs to another one is not there. What is older than the retention is not
there either, and `purge` removes it.

Knows: the tables of completions. Does not know: HTTP, the JSON inside.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from aigc.db.tables import CompletionLabelRow, CompletionRow
from aigc.db.transactions import Database
from aigc.errors import NotFound, StorageFull, UnsupportedParameter

ID = re.compile(r"chatcmpl-[0-9a-f]{32}")
_DAY_SECONDS = 86_400
_PAGE_BYTES = 16 * 2**20
"""A page ends when it is that long, however many entries were asked for: a body may have megabytes."""
_PURGED_AT_ONCE = 200
"""Rows of one deletion: others want to write, too."""


def new_id() -> str:
    """An id; later ones are greater."""
    return f"chatcmpl-{time.time_ns() % 2**64:016x}{secrets.token_hex(8)}"  # a clock may be anywhere


@dataclass(frozen=True, slots=True)
class Completion:
    """A stored completion."""

    id: str
    created: int
    """Unix seconds."""
    model: str
    body: bytes
    """JSON object, without metadata."""
    messages: bytes
    """JSON array."""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """Which completions to list."""

    after: str | None = None
    """An id; it need not exist any more."""
    limit: int = 20
    descending: bool = False
    models: Sequence[str] = ()
    """Any of these; empty: all."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """All of these pairs."""


class Completions:
    """The stored completions of one database.

    Args:
        database: where they are kept.
        days: how long; 0: for ever.
        most: how many one owner may have; 0: nothing is kept.
        most_bytes: how many bytes those may have together.
        clock: Unix seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        days: float,
        most: int,
        most_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self._seconds = days * _DAY_SECONDS
        self._most = most
        self._most_bytes = most_bytes
        self._clock = clock

    async def admit(self, owner: str) -> None:
        """Before an answer is made that is to be kept: is there room for it?

        Raises:
            UnsupportedParameter: nothing is kept here.
            StorageFull: the owner has as much as one may have. StorageBusy: nobody knows.
        """
        if not self._most:
            raise UnsupportedParameter(
                "store is not supported: this server keeps no answers (AIGC_STORED_COMPLETIONS is 0)", param="store"
            )

        def count(session: Session) -> tuple[int, int]:
            rows = select(func.count(), func.coalesce(func.sum(CompletionRow.size), 0))
            number, size = session.execute(rows.where(CompletionRow.owner == owner)).one()
            return int(number), int(size)

        number, size = await self.database.read(count)
        if number >= self._most or size >= self._most_bytes:
            raise StorageFull(
                f"{number} completions of {size} bytes are stored; accepted: {self._most} of {self._most_bytes} bytes",
                param="store",
                hint="delete some, or see AIGC_STORED_COMPLETIONS and AIGC_STORED_BYTES",
            )

    def adding(self, owner: str, completion: Completion) -> Callable[[Session], None]:
        """What a transaction does to keep ``completion``."""

        def add(session: Session) -> None:
            session.add(
                CompletionRow(
                    id=completion.id,
                    owner=owner,
                    created=completion.created,
                    model=completion.model,
                    body=completion.body,
                    messages=completion.messages,
                    size=len(completion.body) + len(completion.messages),
                )
            )
            session.flush()
            _add_labels(session, completion.id, completion.metadata)

        return add

    async def get(self, owner: str, completion_id: str) -> Completion:
        """One of them. Raises: NotFound."""
        return await self.database.read(lambda session: self._get(session, owner, completion_id))

    async def page(self, owner: str, query: Query) -> tuple[list[Completion], bool]:
        """A page, and whether more follow."""
        return await self.database.read(lambda session: self._page(session, owner, query))

    async def update(self, owner: str, completion_id: str, metadata: Mapping[str, str]) -> Completion:
        """Replace the metadata. Raises: NotFound."""

        def change(session: Session) -> Completion:
            found = self._get(session, owner, completion_id)
            session.execute(delete(CompletionLabelRow).where(CompletionLabelRow.completion == found.id))
            _add_labels(session, found.id, metadata)
            return self._get(session, owner, completion_id)

        return await self.database.write(change)

    async def delete(self, owner: str, completion_id: str) -> None:
        """Forget it. Raises: NotFound."""

        def forget(session: Session) -> None:
            self._get(session, owner, completion_id)
            session.execute(delete(CompletionRow).where(CompletionRow.id == completion_id))

        await self.database.write(forget)

    async def purge(self) -> int:
        """Remove what is older than the retention. Returns: how many."""
        if not self._seconds:
            return 0
        oldest = int(self._clock() - self._seconds)

        def some(session: Session) -> int:
            ids = session.scalars(
                select(CompletionRow.id).where(CompletionRow.created <= oldest).limit(_PURGED_AT_ONCE)
            ).all()
            session.execute(delete(CompletionRow).where(CompletionRow.id.in_(ids)))
            return len(ids)

        total = 0
        while removed := await self.database.write(some):
            total += removed
        return total

    def _visible(self, owner: str) -> ColumnElement[bool]:
        mine = CompletionRow.owner == owner
        return mine & (CompletionRow.created > int(self._clock() - self._seconds)) if self._seconds else mine

    def _get(self, session: Session, owner: str, completion_id: str) -> Completion:
        row = None
        if ID.fullmatch(completion_id):  # anything else is no id, and might not even be a text for the database
            row = session.scalar(select(CompletionRow).where(self._visible(owner), CompletionRow.id == completion_id))
        if row is None:
            raise NotFound(
                f"there is no stored completion {completion_id[:80]!r}",
                param="completion_id",
                hint="only answers to requests with `store: true` are kept, for as long as AIGC_STORED_DAYS says",
            )
        return _completions(session, [row])[0]

    def _page(self, session: Session, owner: str, query: Query) -> tuple[list[Completion], bool]:
        order = CompletionRow.id.desc() if query.descending else CompletionRow.id.asc()
        wanted = select(CompletionRow.id, CompletionRow.size).where(self._visible(owner))
        if query.after is not None:
            after = CompletionRow.id < query.after if query.descending else CompletionRow.id > query.after
            wanted = wanted.where(after)
        if query.models:
            wanted = wanted.where(CompletionRow.model.in_(query.models))
        for key, value in query.metadata.items():
            label = select(CompletionLabelRow.key).where(
                CompletionLabelRow.completion == CompletionRow.id,
                CompletionLabelRow.key == key,
                CompletionLabelRow.value == value,
            )
            wanted = wanted.where(label.exists())
        found = session.execute(wanted.order_by(order).limit(query.limit + 1)).all()
        ids: list[str] = []
        size = 0
        for row_id, row_size in found[: query.limit]:
            size += row_size
            if ids and size > _PAGE_BYTES:
                break
            ids.append(row_id)
        rows = session.scalars(select(CompletionRow).where(CompletionRow.id.in_(ids)).order_by(order)).all()
        return _completions(session, rows), len(found) > len(ids)


def _add_labels(session: Session, completion_id: str, metadata: Mapping[str, str]) -> None:
    session.add_all(CompletionLabelRow(completion=completion_id, key=k, value=v) for k, v in metadata.items())
    session.flush()


def _completions(session: Session, rows: Sequence[CompletionRow]) -> list[Completion]:
    labels: dict[str, dict[str, str]] = {row.id: {} for row in rows}
    wanted = select(CompletionLabelRow).where(CompletionLabelRow.completion.in_(labels))
    for label in session.scalars(wanted.order_by(CompletionLabelRow.key)):
        labels[label.completion][label.key] = label.value
    return [Completion(row.id, row.created, row.model, row.body, row.messages, labels[row.id]) for row in rows]
