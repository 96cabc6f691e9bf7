"""Opening the database: SQLite in WAL mode, brought to the present version."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from vibecode.domain.errors import DataFolderUnusable, Unavailable

HEAD: Final = "0001"
"""The newest migration; a test compares it to the migrations folder."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Database:
    """A database that is open."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that only reads.

        Raises
        ------
        DataFolderUnusable, Unavailable
            The disk is full or fails, or the database is locked.
        """
        with _explained():
            async with self._sessions() as transaction:
                yield transaction

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that is committed at its end, or undone if that is an exception.

        Raises
        ------
        DataFolderUnusable, Unavailable
            The disk is full or fails, or the database is locked. Nothing was changed.
        """
        with _explained():
            async with self._sessions.begin() as transaction:
                yield transaction

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn SQLite's refusals into sentences; what breaks a constraint is the caller's to explain."""
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig)
        if "locked" in reason or "busy" in reason:
            raise Unavailable("The database is busy with something else: try again in a moment.") from error
        raise DataFolderUnusable(
            f"The database can't be read or written ({reason}): check free space and permissions of the data folder."
        ) from error


def open_database(path: Path) -> Database:
    """Open or create the database at ``path`` and migrate it.

    Raises
    ------
    DataFolderUnusable
        It was written by a newer version, is damaged, or can't be written.
    """
    try:
        _migrate(path)
    except (sqlite3.Error, OSError) as error:
        raise DataFolderUnusable(
            f"The database {path} can't be used ({error}): check free space and permissions of the folder, "
            "or restore it from a backup."
        ) from None
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _configure)
    return Database(engine)


def _configure(connection: Any, _record: object) -> None:
    """Set what SQLite keeps per connection. One connection serves all: requests are few, and none waits on a lock."""
    cursor = connection.cursor()
    for pragma in ("foreign_keys = ON", "busy_timeout = 5000", "synchronous = NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(path: Path) -> None:
    """Bring the schema up to :data:`HEAD`; Alembic is imported only when there is something to do."""
    version = _version(path)
    if version == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    path.touch(mode=0o600, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = f"sqlite:///{path}"
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if "Can't locate revision" in str(error):
            raise DataFolderUnusable(
                f"The data folder was written by a newer version of VibeCode (schema {version}): upgrade VibeCode, "
                "or name another folder with --data-dir."
            ) from None
        raise


def _version(path: Path) -> str | None:
    """Return the schema's version, None for a new database."""
    if not path.exists():
        return None
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if table else None
        return str(row[0]) if row else None
    finally:
        connection.close()
