"""A database that is new, old, damaged, full or held by another program."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from aigc.db import transactions
from aigc.db.database import connect, examine, head
from aigc.db.transactions import Database
from aigc.errors import AigcError, StorageBusy, StorageFull, UserError

INSERT = text("INSERT INTO sessions (digest, owner, key_id, ends) VALUES (:digest, 'ann', 'key', 1)")


def insert(database: Database, number: int) -> None:
    asyncio.run(database.write(lambda session: session.execute(INSERT, {"digest": number.to_bytes(2000, "big")})))


def count(database: Database) -> int:
    with database.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM sessions")).scalar_one())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder #1%20?" / "aigc.db"


@pytest.fixture
def url(path: Path) -> str:
    path.parent.mkdir()
    return f"sqlite:///{path}"


def use(url: str) -> None:
    """Read every row."""
    database = Database(url)
    try:
        with database.reading() as session:
            session.execute(text("SELECT max(ends), count(owner) FROM sessions")).all()
    finally:
        database.close()


def insert_until_it_is_full(database: Database, rows: list[int]) -> None:
    while len(rows) < 100:
        insert(database, len(rows))
        rows.append(len(rows))


def insert_impatiently(database: Database) -> None:
    with database.reading() as session:
        session.execute(text("PRAGMA busy_timeout=10"))
        session.execute(INSERT, {"digest": b"1"})


def fill(path: Path) -> None:
    """A database in one file, with rows."""
    database = Database(f"sqlite:///{path}")
    for number in range(200):
        with database.writing() as session:
            session.execute(INSERT, {"digest": number.to_bytes(2000, "big")})
    database.close()


def test_examining_changes_nothing(path: Path, url: str) -> None:
    assert examine(url) is None
    assert not path.exists()
    connect(url).dispose()
    before = path.read_bytes()
    assert examine(url) == head()
    assert path.read_bytes() == before


@pytest.mark.parametrize("look", [connect, examine])
def test_a_database_of_a_newer_version_is_refused_with_a_hint(path: Path, url: str, look: object) -> None:
    connect(url).dispose()
    with sqlite3.connect(path) as rows:
        rows.execute("UPDATE alembic_version SET version_num = '9999'")
    rows.close()
    with pytest.raises(UserError, match=f"newer version .* 9999, this version knows {head()}") as info:
        look(url)  # type: ignore[operator]
    assert "upgrade" in (info.value.hint or "")


def test_a_migration_that_fails_in_the_middle_leaves_nothing(path: Path, url: str) -> None:
    with sqlite3.connect(path) as rows:
        rows.execute("CREATE TABLE sessions (in_the_way INTEGER)")
    with pytest.raises(StorageFull):
        connect(url)
    with rows:
        assert rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("sessions",)]
        rows.execute("DROP TABLE sessions")
    rows.close()
    assert examine(url) is None
    connect(url).dispose()
    assert examine(url) == head()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"this is no database" * 100,
        lambda content: content[:2000],
        lambda content: content[:4096] + b"\xff" * 4096 + content[8192:],
        lambda content: content[: len(content) // 2],
    ],
    ids=["no database", "one page cut", "a page overwritten", "half of it"],
)
def test_a_damaged_file_is_told_by_the_examination_or_at_its_first_use(path: Path, url: str, damage: object) -> None:
    fill(path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(StorageFull, match="damaged") as info:
        examine(url)
    assert "copy" in (info.value.hint or "")
    assert str(path) not in str(info.value)
    with pytest.raises(AigcError):
        use(url)


def test_a_full_database_refuses_writes_whole_and_works_again(url: str) -> None:
    database = Database(url)
    with database.reading() as session:
        pages = int(session.execute(text("PRAGMA page_count")).scalar_one())

    def limit(number: int) -> None:
        asyncio.run(database.write(lambda session: session.execute(text(f"PRAGMA max_page_count={number}")).scalar()))

    limit(pages + 5)
    rows: list[int] = []
    with pytest.raises(StorageFull, match="the disk is full"):
        insert_until_it_is_full(database, rows)
    written = len(rows)
    assert 0 < written < 20
    assert count(database) == written
    limit(10_000)
    insert(database, written)
    assert count(database) == written + 1
    database.close()


def test_a_write_waits_for_the_lock_and_a_read_does_not(path: Path, url: str) -> None:
    database = Database(url)
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN EXCLUSIVE")
    writers = [threading.Thread(target=insert, args=(database, number)) for number in range(5)]
    for writer in writers:
        writer.start()
    time.sleep(0.5)
    assert count(database) == 0
    assert all(writer.is_alive() for writer in writers)
    lock.execute("COMMIT")
    lock.close()
    for writer in writers:
        writer.join(60)
    assert count(database) == 5
    database.close()


def test_a_transaction_that_reads_first_waits_for_the_lock_as_well(path: Path, url: str) -> None:
    one, two = Database(url), Database(url)

    def move(database: Database) -> None:
        for _ in range(20):
            with database.writing() as session:
                number = session.execute(text("SELECT count(*) FROM sessions")).scalar_one()
                session.execute(INSERT, {"digest": int(number).to_bytes(32, "big")})

    threads = [threading.Thread(target=move, args=(database,)) for database in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert count(one) == 40
    one.close()
    two.close()


def test_a_write_that_waited_too_long_for_others_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "BUSY_SECONDS", 0.05)
    database = Database(url)
    database._writer.submit(time.sleep, 0.5)
    with pytest.raises(StorageBusy, match="waited"):
        insert(database, 1)
    assert count(database) == 0
    database.close()


def test_a_database_that_stays_locked_is_busy(path: Path, url: str) -> None:
    database = Database(url)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    asyncio.run(database.read(lambda session: session.execute(text("SELECT 1")).all()))
    with pytest.raises(StorageBusy) as info:
        insert_impatiently(database)
    assert info.value.retry_after_seconds == 5
    lock.execute("ROLLBACK")
    lock.close()
    database.close()


def test_a_server_that_does_not_answer_is_busy() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StorageBusy):
        connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
