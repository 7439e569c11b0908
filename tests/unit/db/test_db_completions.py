"""Stored completions and recorded answers: whose they are, how long they stay, how pages are cut."""

from __future__ import annotations

import asyncio
import traceback

import pytest
from sqlalchemy import text

from aigc.db import completions as module
from aigc.db.completions import ID, Completion, Completions, Query, new_id
from aigc.db.replies import Replies, Reply
from aigc.db.transactions import Database
from aigc.errors import Conflict, NotFound, StorageFull

DAY = 86_400
REPLY = Reply(b"a" * 32, 200, "application/json", b"{}")


def made(database: Database, now: float = 1_800_000_000, days: float = 30, **more: int) -> Completions:
    return Completions(database, **{"most": 100, "most_bytes": 10**9, **more}, days=days, clock=lambda: now)


def keep(completions: Completions, owner: str = "ann", size: int = 2, created: int = 1_800_000_000) -> str:
    completion = Completion(new_id(), created, "m", b"x" * size, b"[]", {"colour": "红"})
    asyncio.run(completions.database.write(completions.adding(owner, completion)))
    return completion.id


def ids(completions: Completions, owner: str = "ann", query: Query = Query()) -> list[str]:
    return [one.id for one in asyncio.run(completions.page(owner, query))[0]]


def test_ids_are_ordered_like_time() -> None:
    made = [new_id() for _ in range(1000)]
    assert sorted(made) == made or len({one[:25] for one in made}) < 1000  # a clock may stand still, never go back
    assert all(ID.fullmatch(one) for one in made)


def test_another_owner_sees_changes_and_deletes_nothing(database: Database) -> None:
    completions = made(database)
    mine = keep(completions)
    assert (ids(completions), ids(completions, "bob")) == ([mine], [])
    for call in (
        completions.get("bob", mine),
        completions.update("bob", mine, {"a": "b"}),
        completions.delete("bob", mine),
    ):
        with pytest.raises(NotFound):
            asyncio.run(call)
    assert asyncio.run(completions.get("ann", mine)).metadata == {"colour": "红"}


def test_what_is_older_than_the_retention_is_gone_before_it_is_removed(database: Database) -> None:
    completions = made(database)
    old, young = keep(completions), keep(completions, created=1_800_000_000 + DAY)
    later = made(database, now=1_800_000_000 + 30 * DAY)
    assert ids(later) == [young]
    with pytest.raises(NotFound):
        asyncio.run(later.get("ann", old))
    assert asyncio.run(later.purge()) == 1
    with database.reading() as rows:
        assert rows.execute(text("SELECT id FROM completions")).scalars().all() == [young]
        assert rows.execute(text("SELECT count(*) FROM completion_labels")).scalar() == 1


def test_without_a_retention_nothing_goes(database: Database) -> None:
    kept = keep(made(database))
    later = made(database, now=1_800_000_000 + 10_000 * DAY, days=0)
    assert asyncio.run(later.purge()) == 0
    assert ids(later) == [kept]


def test_thousands_of_old_rows_are_removed_in_several_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PURGED_AT_ONCE", 3)
    completions = made(database)
    for _ in range(7):
        keep(completions)
    assert asyncio.run(made(database, now=1_900_000_000).purge()) == 7


def test_a_page_ends_early_when_it_grows_too_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE_BYTES", 250)
    completions = made(database)
    kept = [keep(completions, size=size) for size in (100, 100, 1000, 10)]
    page, more = asyncio.run(completions.page("ann", Query()))
    assert ([one.id for one in page], more) == (kept[:2], True)
    page, more = asyncio.run(completions.page("ann", Query(after=kept[1])))
    assert ([one.id for one in page], more) == (kept[2:3], True)
    page, more = asyncio.run(completions.page("ann", Query(after=kept[2])))
    assert ([one.id for one in page], more) == (kept[3:], False)


def test_an_owner_may_have_so_many_and_another_one_too(database: Database) -> None:
    completions = made(database, most=2)
    keep(completions)
    asyncio.run(completions.admit("ann"))
    keep(completions)
    with pytest.raises(StorageFull, match="2 completions of 8 bytes are stored; accepted: 2 of"):
        asyncio.run(completions.admit("ann"))
    asyncio.run(completions.admit("bob"))


def test_a_recorded_answer_is_its_owners_for_a_day(database: Database) -> None:
    now = 1_800_000_000.0
    replies = Replies(database, clock=lambda: now)
    asyncio.run(replies.record("ann", "k", REPLY, []))
    now += DAY - 1
    assert asyncio.run(replies.find("ann", "k")) == REPLY
    assert asyncio.run(replies.find("bob", "k")) is None
    now += 1
    assert asyncio.run(replies.find("ann", "k")) is None
    asyncio.run(replies.record("ann", "k", Reply(b"b" * 32, 201, "text/plain", b"x"), []))
    found = asyncio.run(replies.find("ann", "k"))
    assert found is not None
    assert found.status == 201
    now += DAY
    asyncio.run(replies.purge())
    with database.reading() as rows:
        assert rows.execute(text("SELECT count(*) FROM replies")).scalar() == 0


def test_an_answer_that_another_server_recorded_meanwhile_takes_its_thing_along(database: Database) -> None:
    replies, completions = Replies(database), made(database)
    asyncio.run(replies.record("ann", "k", REPLY, []))
    adding = completions.adding("ann", Completion(new_id(), 1_800_000_000, "m", b"{}", b"[]"))
    with pytest.raises(Conflict):
        asyncio.run(replies.record("ann", "k", REPLY, [adding]))
    assert ids(completions) == []


def test_a_failed_write_tells_nobody_what_was_to_be_written(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    completions = made(database)
    one = Completion(new_id(), 1_800_000_000, "m", b"a secret answer", b"[]", {"a": "a secret label"})
    asyncio.run(database.write(completions.adding("ann", one)))
    caplog.set_level("INFO", "aigc")
    with pytest.raises(StorageFull) as info:
        asyncio.run(database.write(completions.adding("ann", one)))
    cause = "".join(traceback.format_exception(info.value))
    assert "IntegrityError" in cause
    assert "the database refused: " in caplog.text
    assert "secret" not in cause + caplog.text
