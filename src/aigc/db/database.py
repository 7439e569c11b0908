"""Opens the database: connection settings and migrations.

Knows: SQLAlchemy, Alembic, what SQLite needs to be safe under several threads and processes. Does not know: any table.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from aigc.db.failures import damaged, failures_in_words
from aigc.errors import EngineMissing, UserError

_SQLITE = "sqlite:///"
BUSY_SECONDS = 60
"""How long a statement waits for another process's lock: a backup or a vacuum takes tens of seconds."""
WRITES = {"aigc_writes": True}
"""Execution options of a connection whose transactions write."""
_MIGRATION_LOCK = 8400_0001
"""Number of the PostgreSQL advisory lock under which one process migrates."""


def connect(url: str) -> Engine:
    """An engine for ``url`` whose tables are up to date.

    Args:
        url: SQLAlchemy URL, ``sqlite:///file`` or ``postgresql+psycopg://...``.
    Raises:
        UserError: the URL has a form that SQLAlchemy doesn't know, or a newer version made the database.
        EngineMissing: the driver isn't installed.
        StorageBusy: another program holds the database, or its server doesn't answer.
        StorageFull: the database can't be written, or is damaged.
    """
    engine = _engine(url, _sqlite)
    try:
        with failures_in_words():
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def examine(url: str) -> str | None:
    """Look whether a database can be used; nothing is changed, nothing created.

    Returns: its revision; None where there is none yet.
    Raises: as `connect`.
    """
    path = url[len(_SQLITE) :] if url.startswith(_SQLITE) else None
    if path is not None and not Path(path).exists():
        return None
    engine = _engine(url, _sqlite_to_read)
    try:
        with failures_in_words(), engine.connect() as connection:
            if path is not None and connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
                raise damaged()
            return _revision(connection)
    finally:
        engine.dispose()


def _engine(url: str, sqlite: Callable[[str, URL], Engine]) -> Engine:
    try:
        if url.startswith(_SQLITE):
            # The path as it is: versions of SQLAlchemy differ in what they make of a % in it.
            path = url[len(_SQLITE) :]
            return sqlite(path, URL.create("sqlite", database=path))
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise UserError(
            "AIGC_DATABASE_URL is not a URL that can be used",
            hint="accepted: sqlite:///PATH and postgresql+psycopg://USER:PASSWORD@HOST/NAME",
        ) from error
    except ModuleNotFoundError as error:
        raise EngineMissing(
            f"the database driver {error.name!r} isn't installed", hint="pip install 'aigc-studio[postgres]'"
        ) from error


def _sqlite(path: str, url: URL) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Before SQLite makes it with the umask's mode: others have no business here.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)  # errors name no values

    @event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # Python's own BEGIN comes too late, see below
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in (
            f"busy_timeout={BUSY_SECONDS * 1000}",
            "journal_mode=WAL",  # readers go on while one writes
            "synchronous=FULL",  # what was committed survives a power cut
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and then writes can't wait for a lock, only fail. One that says at once that
        # it will write waits its turn.
        writes = connection.get_execution_options().get("aigc_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _sqlite_to_read(path: str, url: URL) -> Engine:
    uri = Path(path).absolute().as_uri() + "?mode=ro"
    return create_engine(url, creator=lambda: sqlite3.connect(uri, uri=True, timeout=5, check_same_thread=False))


def head() -> str:
    """Newest revision that this version of the package knows."""
    revision = _versions().get_current_head()
    assert revision is not None
    return revision


def _versions() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str | None:
    """At which version the tables are; None: there are none. Raises: UserError: a version that isn't known here."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {version.revision for version in _versions().walk_revisions()}:
        raise UserError(
            f"a newer version of aigc made this database (it is at {current}, this version knows {head()})",
            hint="upgrade aigc, or set AIGC_HOME or AIGC_DATABASE_URL to another place",
        )
    return current


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == head():
            return
    with _alone(engine), engine.execution_options(**WRITES).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextlib.contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """One migrating process at a time: SQLite's own lock doesn't cover a whole migration."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    if not path or path == ":memory:":
        yield
        return
    with FileLock(f"{path}.migrate.lock", timeout=BUSY_SECONDS):
        yield
