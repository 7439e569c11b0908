"""Sessions of the page: begun once, found fast, kept over restarts, ended for good."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from aigc.db import sessions as module
from aigc.db.keys import Identity
from aigc.db.sessions import SESSION_SECONDS, TOKEN_SECONDS, Sessions
from aigc.db.transactions import Database
from aigc.errors import StorageFull

ANN = Identity("ann", "key_1")
NOW = 1_800_000_000.0


def begin(sessions: Sessions) -> str:
    return asyncio.run(sessions.begin(ANN))


def redeem(sessions: Sessions, token: str) -> Identity | None:
    cookie = asyncio.run(sessions.redeem(token))
    return sessions.find(cookie) if cookie else None


def test_a_token_works_once_and_for_fifteen_minutes(database: Database) -> None:
    now = NOW
    sessions = Sessions(database, clock=lambda: now)
    token = sessions.issue_token(ANN)
    assert redeem(sessions, token) == ANN
    assert redeem(sessions, token) is None
    late = sessions.issue_token(ANN)
    now += TOKEN_SECONDS
    assert redeem(sessions, late) is None


def test_a_token_is_not_lost_to_a_full_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(database)
    token = sessions.issue_token(ANN)

    async def full(work: object) -> None:
        raise StorageFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", full)
        with pytest.raises(StorageFull):
            asyncio.run(sessions.redeem(token))
    assert redeem(sessions, token) == ANN


def test_a_session_lasts_thirty_days_or_until_logout(database: Database) -> None:
    now = NOW
    sessions = Sessions(database, clock=lambda: now)
    cookie, other = begin(sessions), begin(sessions)
    assert cookie != other
    asyncio.run(sessions.end(other))
    assert (sessions.find(cookie), sessions.find(other), sessions.find("")) == (ANN, None, None)
    now += SESSION_SECONDS
    assert sessions.find(cookie) is None


def test_a_session_outlives_the_server_and_a_logout_does_too(database: Database) -> None:
    before = Sessions(database)
    cookie, ended = begin(before), begin(before)
    asyncio.run(before.end(ended))
    after = Sessions(database)
    assert (after.find(cookie), after.find(ended)) == (ANN, None)


def test_sessions_end_when_the_key_changes_that_cannot_be_revoked(database: Database) -> None:
    cookie = begin(Sessions(database, "the old key"))
    assert Sessions(database, "the new key").find(cookie) is None
    assert Sessions(database, "the old key").find(cookie) == ANN


def test_the_database_holds_no_cookie(database: Database) -> None:
    cookie = begin(Sessions(database))
    if database.path is None:
        pytest.skip("the files of a server can't be read")
    assert all(cookie.encode() not in file.read_bytes() for file in Path(database.path).parent.iterdir())


def test_the_oldest_sessions_make_room(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    sessions = Sessions(database)
    cookies = [begin(sessions) for _ in range(5)]
    expected = [None, None, ANN, ANN, ANN]
    assert [sessions.find(cookie) for cookie in cookies] == expected
    assert [Sessions(database).find(cookie) for cookie in cookies] == expected


def test_rows_of_sessions_that_are_over_are_removed(database: Database) -> None:
    now = NOW
    sessions = Sessions(database, clock=lambda: now)
    begin(sessions)
    now += 10
    begin(sessions)
    now += SESSION_SECONDS - 10
    asyncio.run(sessions.purge())
    with database.reading() as rows:
        assert rows.execute(text("SELECT count(*) FROM sessions")).scalar() == 1
