"""Keys: made once, never kept, found fast, revoked at once, safe beside a locked database."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from aigc.db import keys as module
from aigc.db.database import connect, head
from aigc.db.keys import Identity, Keys
from aigc.db.tables import Base
from aigc.errors import EngineMissing, NotFound, StorageFull, UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aigc.db"


@pytest.fixture
def keys(path: Path) -> Iterator[Keys]:
    made = Keys(f"sqlite:///{path}")
    yield made
    made.close()


def check(keys: Keys, plaintext: str) -> Identity | None:
    return asyncio.run(keys.check(plaintext))


def test_a_new_key_is_accepted_and_names_its_owner(keys: Keys) -> None:
    record, key = keys.create("laptop", owner="ann")
    assert key.startswith(record.prefix + "-")
    assert len(key) == len("sk-aigc-") + 12 + 1 + 43
    assert check(keys, key) == Identity("ann", record.id)


def test_the_database_holds_a_salted_hash_and_not_the_key(keys: Keys, path: Path) -> None:
    _, key = keys.create("laptop")
    with sqlite3.connect(path) as database:
        salt, digest = database.execute("SELECT salt, hash FROM keys").fetchone()
    database.close()
    assert digest == hashlib.sha256(salt + key.encode()).digest()
    secret = key[len("sk-aigc-0123456789ab-") :].encode()
    assert all(secret not in file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.parametrize("change", [lambda k: k[:-1], lambda k: k + "A", lambda k: k[:-1] + "!", lambda k: k.upper()])
def test_a_key_that_differs_anywhere_is_refused(keys: Keys, change: object) -> None:
    _, key = keys.create("laptop")
    assert check(keys, change(key)) is None  # type: ignore[operator]


def test_the_right_id_with_another_secret_is_refused(keys: Keys) -> None:
    _, one = keys.create("one")
    _, two = keys.create("two")
    assert check(keys, one[:20] + two[20:]) is None


@pytest.mark.parametrize("text", ["", "sk-", "sk-aigc-", "\ud800", "x" * 100_000, "sk-aigc-0123456789ab-" + "é" * 43])
def test_anything_else_is_refused(keys: Keys, text: str) -> None:
    assert check(keys, text) is None


def test_a_revoked_key_stops_at_once_and_stays_in_the_list(keys: Keys) -> None:
    record, key = keys.create("laptop")
    revoked = keys.revoke(record.prefix)
    assert check(keys, key) is None
    assert not keys.active(Identity("local", record.id))
    assert [(one.id, one.revoked) for one in keys.list()] == [(record.id, revoked.revoked)]
    assert keys.revoke(record.id).revoked == revoked.revoked


def test_revoking_what_is_not_there_is_not_found(keys: Keys) -> None:
    with pytest.raises(NotFound, match="key_nope"):
        keys.revoke("key_nope")


@pytest.mark.parametrize("name", ["", "a" * 129, "a\nb", "a\x00b"])
def test_a_name_is_short_and_printable(keys: Keys, name: str) -> None:
    with pytest.raises(UserError):
        keys.create(name)


def test_a_key_made_by_another_process_works_and_its_end_is_noticed(keys: Keys, path: Path) -> None:
    other = Keys(f"sqlite:///{path}")
    record, key = other.create("from the command line")
    started = time.perf_counter()
    assert check(keys, key) == Identity("local", record.id)
    assert time.perf_counter() - started < 2
    other.revoke(record.id)
    other.close()
    keys._read_at -= 10  # as if ten seconds had passed
    check(keys, key)  # still from memory; starts a look
    time.sleep(0.3)
    assert check(keys, key) is None


def test_keys_in_memory_are_accepted_and_not_written(keys: Keys, path: Path) -> None:
    keys.accept("sk-only-for-this-run", "this run")
    assert check(keys, "sk-only-for-this-run") == Identity("local", "this run")
    assert check(keys, "sk-only-for-this-ru") is None
    assert keys.list() == []


def test_the_last_use_is_written_at_most_once_a_minute(keys: Keys, path: Path) -> None:
    record, key = keys.create("laptop")
    check(keys, key)
    assert keys.list()[0].last_used is None
    keys._written_at -= 61
    keys._read_at -= 10
    check(keys, key)
    for _ in range(100):
        if (used := keys.list()[0].last_used) is not None:
            break
        time.sleep(0.02)
    assert used is not None
    assert abs(used - time.time()) < 5
    assert record.last_used is None


def test_the_last_use_is_written_at_the_end(path: Path) -> None:
    keys = Keys(f"sqlite:///{path}")
    _, key = keys.create("laptop")
    check(keys, key)
    keys.close()
    again = Keys(f"sqlite:///{path}")
    assert again.list()[0].last_used is not None
    again.close()


def test_checking_does_not_ask_the_database(keys: Keys) -> None:
    _, key = keys.create("laptop")

    async def many() -> float:
        started = time.perf_counter()
        for _ in range(2000):
            await keys.check(key)
        return time.perf_counter() - started

    assert asyncio.run(many()) < 1


def test_while_the_database_is_locked_keys_are_checked_and_no_write_is_lost(keys: Keys, path: Path) -> None:
    _, key = keys.create("before")
    locker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    locker.execute("BEGIN EXCLUSIVE")
    keys._read_at -= 10
    keys._written_at -= 61
    started = time.perf_counter()
    assert check(keys, key) is not None
    assert check(keys, "sk-aigc-0123456789ab-" + "A" * 43) is None
    assert time.perf_counter() - started < 2
    made: list[str] = []
    writer = threading.Thread(target=lambda: made.append(keys.create("during")[1]))
    writer.start()
    time.sleep(1.5)
    assert not made
    locker.execute("COMMIT")
    locker.close()
    writer.join(10)
    assert check(keys, made[0]) is not None


def test_a_database_that_cannot_be_used_is_told_in_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageFull) as info:
        Keys(f"sqlite:///{path}")
    assert str(path) not in str(info.value)


@pytest.mark.parametrize("url", ["no url", "oracle2://x", ""])
def test_a_url_that_cannot_be_used_is_told_in_words(url: str) -> None:
    with pytest.raises(UserError, match="AIGC_DATABASE_URL"):
        connect(url)


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(EngineMissing, match="pymssql") as info:
        connect("mssql+pymssql://x/y")
    assert info.value.hint is not None


def test_the_migrations_make_the_tables_that_the_code_expects(path: Path) -> None:
    engine = connect(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == head()
        assert compare_metadata(context, Base.metadata) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_processes_may_open_a_new_database_at_once(path: Path) -> None:
    opened: list[Keys] = []
    threads = [threading.Thread(target=lambda: opened.append(Keys(f"sqlite:///{path}"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(opened) == 4
    for keys in opened:
        keys.close()


def test_the_limits_are_what_the_documents_say() -> None:
    assert (module._FRESH_SECONDS, module._USED_SECONDS) == (5.0, 60.0)
