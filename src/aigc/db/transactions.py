"""Runs short transactions, beside the event loop where one runs.

SQLite takes one writer at a time, so there is one thread that writes: nobody waits for a lock that this process holds
itself. A locked database holds up writes, never reads and never the event loop; a write that waited longer than
`BUSY_SECONDS` is refused, however many stand before it.

Knows: sessions, threads, how long a write may wait. Does not know: any table.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.orm import Session

from aigc.db.database import BUSY_SECONDS, WRITES, connect
from aigc.db.failures import failures_in_words
from aigc.errors import StorageBusy

_Result = TypeVar("_Result")


class Database:
    """An open database.

    Args:
        url: SQLAlchemy URL. Opening it creates or upgrades the tables.
    Raises:
        UserError, EngineMissing, StorageBusy, StorageFull: see `aigc.db.database.connect`.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self._for_writing = self._engine.execution_options(**WRITES)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="db-read")

    @property
    def path(self) -> str | None:
        """File of an SQLite database."""
        return self._engine.url.database if self._engine.dialect.name == "sqlite" else None

    def close(self) -> None:
        """Finish what has begun and let the database go."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for a short look, in this thread. Raises: StorageBusy, StorageFull."""
        with failures_in_words(), Session(self._engine) as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction, in this thread; committed at the end, rolled back by an error.

        Raises: StorageBusy, StorageFull.
        """
        with (
            failures_in_words(),
            Session(self._for_writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def read(self, work: Callable[[Session], _Result]) -> _Result:
        """The result of ``work``, run in a thread. Raises: StorageBusy, StorageFull, what ``work`` raises."""

        def run() -> _Result:
            with self.reading() as session:
                return work(session)

        return await asyncio.wrap_future(self._readers.submit(run))

    async def write(self, work: Callable[[Session], _Result]) -> _Result:
        """The result of ``work``, run in a thread as one transaction that is committed when this returns.

        Raises: StorageBusy, StorageFull, what ``work`` raises; nothing is written then.
        """
        asked = time.monotonic()

        def run() -> _Result:
            if time.monotonic() - asked > BUSY_SECONDS:
                raise StorageBusy(
                    f"this write waited {BUSY_SECONDS} seconds for others", retry_after_seconds=5, hint="send it again"
                )
            with self.writing() as session:
                return work(session)

        return await asyncio.wrap_future(self._writer.submit(run))
