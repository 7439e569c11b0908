"""A new database for each test: SQLite, and PostgreSQL where ``AIGC_TEST_POSTGRES`` is the URL of one to be emptied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from aigc.db.transactions import Database

POSTGRES = os.environ.get("AIGC_TEST_POSTGRES")


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'aigc.db'}"
    if request.param == "postgresql":
        assert POSTGRES is not None
        url = POSTGRES
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    made = Database(url)
    yield made
    made.close()
