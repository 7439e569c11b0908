"""API keys: make, list, revoke, check.

A key is ``sk-aigc-<id>-<secret>``. The id finds the row, the secret proves the right; the table holds a salted sha256
of the whole key. Requests are checked against a copy in memory, which a thread of this object renews: no request waits
for the database unless its key is new.

Knows: the table of keys. Does not know: HTTP, cookies, what a key may do.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select, update

from aigc.db.tables import KeyRow
from aigc.db.transactions import Database
from aigc.errors import AigcError, NotFound, UserError

log = logging.getLogger(__name__)

_FORM = re.compile(r"(sk-aigc-[0-9a-f]{12})-[A-Za-z0-9_-]{43}")
_FRESH_SECONDS = 5.0
"""A key that another process revoked stops working after this long."""
_NEW_SECONDS = 0.5
"""Shortest time between two looks for a key that isn't in memory, however many wrong keys come."""
_USED_SECONDS = 60.0
"""``last_used`` is written at most this often."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request."""

    owner: str
    key_id: str
    """Id of the row, or the name of a key that is only in memory."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as lists show it."""

    id: str
    owner: str
    name: str
    prefix: str
    created: int
    """Unix seconds, as the two below."""
    last_used: int | None
    revoked: int | None


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    salt: bytes
    hash: bytes


class Keys:
    """The keys of one database, and those that live only in this process.

    Args:
        database_url: SQLAlchemy URL. Opening it creates or upgrades the tables.
    Raises:
        UserError, EngineMissing, StorageBusy, StorageFull: see `aigc.db.database.connect`.
    """

    def __init__(self, database_url: str) -> None:
        self.database = Database(database_url)
        """Where the keys stand; the server keeps its other rows there, too."""
        # Two: a write may wait long for another program's lock, reading goes on meanwhile.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="keys")
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._in_memory: dict[str, _Known] = {}
        self._used: dict[str, int] = {}
        self._read_at = self._written_at = time.monotonic()
        self._reading: Future[None] | None = None
        self._writing: Future[None] | None = None
        self._read()

    def close(self) -> None:
        """Write what is left to write and let the database go."""
        self._threads.shutdown(wait=True)
        if self._used:
            _quietly(self._write_used, "last uses were not written")
        self.database.close()

    def create(self, name: str, owner: str = "local") -> tuple[KeyRecord, str]:
        """Make a key. Returns: its record, and the key itself, which is nowhere kept.

        Raises:
            UserError: the name or the owner is empty, too long or holds control characters.
            StorageBusy, StorageFull: it could not be written.
        """
        for field, value in (("name", name), ("owner", owner)):
            if not 1 <= len(value) <= 128 or not value.isprintable():
                raise UserError(f"{field} is {value[:80]!r}; accepted: 1 to 128 printable characters", param=field)
        number = secrets.token_hex(6)
        prefix = f"sk-aigc-{number}"
        plaintext = f"{prefix}-{secrets.token_urlsafe(32)}"
        salt = secrets.token_bytes(16)
        row = KeyRow(
            id=f"key_{number}",
            owner=owner,
            name=name,
            prefix=prefix,
            salt=salt,
            hash=_digest(salt, plaintext),
            created=int(time.time()),
        )
        with self.database.writing() as session:
            session.add(row)
        self._read()
        return _record(row), plaintext

    def list(self) -> list[KeyRecord]:
        """All keys, oldest first, revoked ones too. Raises: StorageBusy, StorageFull."""
        with self.database.reading() as session:
            return [_record(row) for row in session.scalars(select(KeyRow).order_by(KeyRow.created, KeyRow.id))]

    def revoke(self, key_id: str) -> KeyRecord:
        """End a key: at once here, within seconds in other processes. A second time changes nothing.

        Args:
            key_id: its id, or the prefix that lists show.
        Raises:
            NotFound: no such key.
            StorageBusy, StorageFull: it could not be written.
        """
        with self.database.writing() as session:
            row = session.scalar(select(KeyRow).where((KeyRow.id == key_id) | (KeyRow.prefix == key_id)))
            if row is None:
                raise NotFound(f"there is no key {key_id[:80]!r}", hint="`aigc keys list` shows them")
            row.revoked = row.revoked or int(time.time())
        self._read()
        return _record(row)

    def accept(self, plaintext: str, name: str, owner: str = "local") -> None:
        """Accept a key for as long as this object lives; it is not written anywhere."""
        salt = secrets.token_bytes(16)
        self._in_memory[name] = _Known(Identity(owner, name), salt, _digest(salt, plaintext))

    def usable(self) -> bool:
        """Whether any key would be accepted."""
        return bool(self._known or self._in_memory)

    async def check(self, plaintext: str) -> Identity | None:
        """Whose key this is; None for one that is unknown or revoked."""
        found = self._look_up(plaintext)
        age = time.monotonic() - self._read_at
        if found is None and _FORM.fullmatch(plaintext):
            # Perhaps `aigc keys create` made it a moment ago. However many wrong keys come, they share one look.
            await asyncio.sleep(max(0.0, _NEW_SECONDS - age))
            await asyncio.wait([asyncio.wrap_future(self._renew())])
            found = self._look_up(plaintext)
        elif age > _FRESH_SECONDS:
            self._renew()
        if found is not None and found.key_id not in self._in_memory:
            self._used[found.key_id] = int(time.time())
        return found

    def active(self, identity: Identity) -> bool:
        """Whether the key behind ``identity`` is still accepted; sessions of the page ask this."""
        if time.monotonic() - self._read_at > _FRESH_SECONDS:
            self._renew()
        if identity.key_id in self._in_memory:
            return True
        return any(known.identity == identity for known in self._known.values())

    def _look_up(self, plaintext: str) -> Identity | None:
        found = None
        for known in self._in_memory.values():
            if hmac.compare_digest(_digest(known.salt, plaintext), known.hash):
                found = known.identity
        form = _FORM.fullmatch(plaintext)
        row = self._known.get(form[1]) if form else None
        # An unknown id costs the same hash as a known one.
        salt, expected = (row.salt, row.hash) if row else (b"\0" * 16, b"\0" * 32)
        if hmac.compare_digest(_digest(salt, plaintext), expected) and row:
            found = row.identity
        return found

    def _renew(self) -> Future[None]:
        """Read the table in a thread; while that runs, everybody shares the same run."""
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = self._threads.submit(_quietly, self._read, "keys could not be read again")
            written = self._writing is None or self._writing.done()
            if self._used and written and time.monotonic() - self._written_at > _USED_SECONDS:
                self._writing = self._threads.submit(_quietly, self._write_used, "last uses were not written")
            return self._reading

    def _read(self) -> None:
        with self.database.reading() as session:
            rows = session.scalars(select(KeyRow).where(KeyRow.revoked.is_(None))).all()
            self._known = {row.prefix: _Known(Identity(row.owner, row.id), row.salt, row.hash) for row in rows}
        self._read_at = time.monotonic()

    def _write_used(self) -> None:
        used = dict(self._used)
        with self.database.writing() as session:
            for key_id, seconds in used.items():
                session.execute(update(KeyRow).where(KeyRow.id == key_id).values(last_used=seconds))
        self._written_at = time.monotonic()
        for key_id, seconds in used.items():
            if self._used.get(key_id) == seconds:  # else it was used again meanwhile
                del self._used[key_id]


def _quietly(work: Callable[[], None], otherwise: str) -> None:
    """Do ``work``; when the database refuses, log it: the copy in memory serves on and the next run tries again."""
    try:
        work()
    except AigcError as error:
        log.warning("%s: %s", otherwise, error.message)


def _digest(salt: bytes, plaintext: str) -> bytes:
    return hashlib.sha256(salt + plaintext.encode("utf-8", "surrogatepass")).digest()


def _record(row: KeyRow) -> KeyRecord:
    return KeyRecord(row.id, row.owner, row.name, row.prefix, row.created, row.last_used, row.revoked)
