from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aigc.db import pictures
from aigc.db.pictures import FILE, JOB, Pictures
from aigc.db.transactions import Database
from aigc.errors import NotFound, StorageFull


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(f"sqlite:///{tmp_path}/a.db")
    yield opened
    opened.close()


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_picture_is_there_for_an_hour_and_for_its_owner_only(database: Database) -> None:
    clock = Clock()
    kept = Pictures(database, clock)

    async def play() -> None:
        (first, second), work = kept.keeping("me", "image/png", [b"one", b"two"])
        await database.write(work)
        assert (await kept.get("me", second, FILE)).body == b"two"
        with pytest.raises(NotFound):
            await kept.get("you", first, FILE)
        with pytest.raises(NotFound):
            await kept.get("me", first, JOB)
        clock.now += 3599
        assert (await kept.get("me", first, FILE)).media_type == "image/png"
        clock.now += 1
        with pytest.raises(NotFound):
            await kept.get("me", first, FILE)
        await kept.purge()
        clock.now -= 3600
        with pytest.raises(NotFound):
            await kept.get("me", first, FILE)

    asyncio.run(play())


def test_a_job_that_another_start_works_on_is_lost(database: Database) -> None:
    async def play() -> None:
        mine, other = Pictures(database), Pictures(database)
        running, done = await mine.begin("me"), await mine.begin("me")
        await mine.finish(done, "completed", b"{}")
        assert (await mine.get("me", running, JOB)).state == "in_progress"
        assert (await other.get("me", running, JOB)).state == "lost"
        assert (await other.get("me", done, JOB)).state == "completed"
        await mine.delete_job("me", running)
        await mine.finish(running, "completed", b"{}")  # it was forgotten meanwhile
        with pytest.raises(NotFound):
            await mine.get("me", running, JOB)

    asyncio.run(play())


def test_who_has_too_many_is_told_before_anything_is_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)

    async def play() -> None:
        kept = Pictures(database)
        await database.write(kept.keeping("me", "image/png", [b"12345678"])[1])
        with pytest.raises(StorageFull, match="1 pictures of 8 bytes are kept; accepted: 1000 of 10 bytes"):
            await database.write(kept.keeping("me", "image/png", [b"123"])[1])
        await database.write(kept.keeping("you", "image/png", [b"123"])[1])

    asyncio.run(play())
