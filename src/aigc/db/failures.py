"""The words for a database that can't be used: which of our errors a driver's error becomes.

Knows: what SQLite and PostgreSQL say. Does not know: tables, connections.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aigc.errors import AigcError, StorageBusy, StorageFull

log = logging.getLogger(__name__)

_BUSY = ("database is locked", "database table is locked", "database schema is locked")
_DAMAGED = ("file is not a database", "database disk image is malformed", "malformed database schema")
_FULL = "database or disk is full"
_PG_FULL = "53100"
"""PostgreSQL's disk_full. Source: appendix A of its manual, as the three below."""
_PG_BUSY = ("40", "53", "55", "57", "08")
"""Classes of PostgreSQL's errors that pass: conflicts, lack of resources, locks, a server that ends, connections."""


@contextlib.contextmanager
def failures_in_words() -> Iterator[None]:
    """Turn the driver's errors into ours; their text may hold values and stays in ``__cause__``.

    Raises:
        StorageBusy: another program holds the database, or its server doesn't answer: the same may work later.
        StorageFull: the disk is full or broken, or the file is no usable database.
    """
    try:
        yield
    except PoolTimeout as error:
        raise _busy() from error
    except DBAPIError as error:
        raise _in_words(error) from error


def _in_words(error: DBAPIError) -> AigcError:
    of_postgres = hasattr(error.orig, "sqlstate")
    state = getattr(error.orig, "sqlstate", None)
    text = str(error.orig)
    # PostgreSQL's words may hold values of the row, SQLite's never do.
    log.info("the database refused: %s", state or (type(error).__name__ if of_postgres else text))
    if text.startswith(_DAMAGED):
        return damaged()
    if text == _FULL or state == _PG_FULL:
        return StorageFull(
            "the database can't be written: the disk is full", hint="make room on its disk", retry_after_seconds=5
        )
    # An error of PostgreSQL's driver that has no state is about the connection.
    unreachable = of_postgres and state is None
    if text.startswith(_BUSY) or (state or "").startswith(_PG_BUSY) or unreachable:
        return _busy()
    return StorageFull(
        f"the database could not be used ({type(error).__name__})",
        hint="is the disk full or broken, or the file read-only? The server's log has the details",
        retry_after_seconds=5,
    )


def damaged() -> StorageFull:
    """The file can't be read as a database."""
    return StorageFull(
        "the database file is damaged, or is no database",
        hint="stop aigc, move the file aside and put a copy of it back; without one, keys have to be made anew",
    )


def _busy() -> StorageBusy:
    return StorageBusy(
        "another program holds the database, or its server doesn't answer",
        hint="send it again; is a backup running?",
        retry_after_seconds=5,
    )
