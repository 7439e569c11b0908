"""Opens the database: connection settings, migrations, and the words for its failures.

Knows: SQLAlchemy, Alembic, what SQLite needs to be safe under several threads and processes. Does not know: any table.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aigc.errors import EngineMissing, StorageFull, UserError

_BUSY_SECONDS = 60
"""How long a statement waits for another process's lock: a backup or a vacuum takes tens of seconds."""
_MIGRATION_LOCK = 8400_0001
"""Number of the PostgreSQL advisory lock under which one process migrates."""


def connect(url: str) -> Engine:
    """An engine for ``url`` whose tables are up to date.

    Args:
        url: SQLAlchemy URL, ``sqlite:///file`` or ``postgresql+psycopg://...``.
    Raises:
        UserError: the URL has a form that SQLAlchemy doesn't know.
        EngineMissing: the driver isn't installed.
        StorageFull: the database can't be reached or written.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite(parsed.database or "", url)
        else:
            engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise UserError(
            "AIGC_DATABASE_URL is not a URL that can be used",
            hint="accepted: sqlite:///PATH and postgresql+psycopg://USER:PASSWORD@HOST/NAME",
        ) from error
    except ModuleNotFoundError as error:
        raise EngineMissing(
            f"the database driver {error.name!r} isn't installed", hint="pip install 'aigc-studio[postgres]'"
        ) from error
    with failures_in_words():
        _migrate(engine)
    return engine


def _sqlite(path: str, url: str) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Before SQLite makes it with the umask's mode: others have no business here.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in (
            f"busy_timeout={_BUSY_SECONDS * 1000}",
            "journal_mode=WAL",  # readers go on while one writes
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


@contextlib.contextmanager
def failures_in_words() -> Iterator[None]:
    """Turn the driver's errors into `StorageFull`; their text may hold values and stays in ``__cause__``."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise StorageFull(
            f"the database could not be used ({type(error).__name__})",
            hint="is the disk full, does another program hold the database, or is its server down?",
            retry_after_seconds=5,
        ) from error


def head() -> str:
    """Newest revision that this version of the package knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _migrate(engine: Engine) -> None:
    newest = head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    with _alone(engine), engine.begin() as connection:
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
    with FileLock(f"{path}.migrate.lock", timeout=_BUSY_SECONDS):
        yield
