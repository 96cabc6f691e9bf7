"""The database: migrations, and what the repositories promise."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vibecode.database.accounts import AccountRepository
from vibecode.database.engine import HEAD, MIGRATIONS, Database, open_database
from vibecode.database.idempotency import LIFETIME, IdempotencyRepository
from vibecode.database.tables import Table
from vibecode.database.workspaces import EVENTS_KEPT, WorkspaceRepository
from vibecode.domain.accounts import OneTimeSecret, Role, Session, SessionKind, User
from vibecode.domain.errors import DataFolderUnusable, NameTaken
from vibecode.domain.workspace import Event, GitSource, TemplateSource, WorkspaceSpec
from vibecode.runtimes.local.store import WorkspaceRecord

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(tmp_path / "test.db")
    yield opened
    await opened.close()


def record(workspace_id: str = "w-1", name: str = "alice", **changes: object) -> WorkspaceRecord:
    spec = WorkspaceSpec(name=name, owner="alice")
    base = WorkspaceRecord(id=workspace_id, spec=spec, revision=1, created_at=NOW, wants_running=True)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_migrations_make_the_tables_of_the_code(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, pool

    asyncio.run(open_database(tmp_path / "test.db").close())
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}", poolclass=pool.NullPool)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Table.metadata)
    engine.dispose()
    assert differences == []
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_database_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    asyncio.run(open_database(path).close())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(DataFolderUnusable, match="newer version of VibeCode"):
        open_database(path)


def test_a_damaged_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DataFolderUnusable, match="can't be used"):
        open_database(path)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    asyncio.run(open_database(path).close())
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "source",
    [
        None,
        GitSource(url="https://git.example.org/x.git", branch="main"),
        TemplateSource(name="python", parameters={"package": "shop"}),
    ],
)
async def test_records_come_back_as_they_were(database: Database, source: GitSource | TemplateSource | None) -> None:
    store = WorkspaceRepository(database)
    spec = WorkspaceSpec(name="alice", owner="alice", source=source, idle_timeout=None)
    kept = record(spec=spec, last_active=NOW, reason="Stopped by alice.", provisioned=True)
    await store.insert(kept)
    assert await store.load() == [kept]
    changed = replace(kept, revision=2, failed=True)
    await store.save(changed)
    assert await store.load() == [changed]
    await store.remove("w-1")
    assert await store.load() == []


async def test_a_name_is_taken_until_its_workspace_is_deleted(database: Database) -> None:
    store = WorkspaceRepository(database)
    await store.insert(record())
    with pytest.raises(NameTaken):
        await store.insert(record("w-2"))
    await store.save(record(deleted_at=NOW))
    await store.insert(record("w-2"))
    with pytest.raises(NameTaken):
        await store.save(record())


async def test_of_two_at_once_one_gets_the_name(database: Database) -> None:
    store = WorkspaceRepository(database)
    results = await asyncio.gather(*(store.insert(record(f"w-{n}")) for n in range(8)), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, NameTaken) for result in results) == 7


async def test_the_oldest_events_go_first(database: Database) -> None:
    store = WorkspaceRepository(database)
    await store.insert(record())
    for number in range(EVENTS_KEPT + 3):
        await store.add_event("w-1", Event(at=NOW, kind="running", message=str(number)))
    events = await store.events("w-1", limit=1000)
    assert len(events) == EVENTS_KEPT
    assert events[0].message == str(EVENTS_KEPT + 2)
    await store.add_event("w-gone", Event(at=NOW, kind="running", message="too late"))


async def test_a_one_time_secret_is_given_once(database: Database) -> None:
    accounts = AccountRepository(database)
    await accounts.add_user(User(id="alice", email=None, role=Role.MEMBER, created_at=NOW))
    secret = OneTimeSecret(
        secret_hash="h", user="alice", origin="o", session=None, binding_hash="", expires_at=NOW + timedelta(minutes=1)
    )
    await accounts.add_secret(secret)
    taken = await asyncio.gather(*(accounts.take_secret("h") for _ in range(5)))
    assert sorted(taken, key=lambda item: item is None) == [secret, None, None, None, None]


async def test_removing_a_user_ends_their_sessions(database: Database) -> None:
    accounts = AccountRepository(database)
    await accounts.add_user(User(id="alice", email=None, role=Role.MEMBER, created_at=NOW))
    session = Session(
        id="s-1",
        secret_hash="h",
        user="alice",
        kind=SessionKind.BROWSER,
        origin="o",
        parent=None,
        created_at=NOW,
        last_seen_at=NOW,
        expires_at=NOW,
    )
    await accounts.add_session(session)
    await accounts.add_session(replace(session, id="s-2", secret_hash="i", parent="s-1"))
    assert len(await accounts.sessions()) == 2
    await accounts.remove_user("alice")
    assert await accounts.sessions() == []


async def test_an_idempotency_key_belongs_to_its_first_request_for_a_day(database: Database) -> None:
    await AccountRepository(database).add_user(User(id="alice", email=None, role=Role.MEMBER, created_at=NOW))
    keys = IdempotencyRepository(database)
    assert await keys.claim("alice", "k", request_hash="a", workspace="one", now=NOW) is None
    assert await keys.claim("alice", "k", request_hash="b", workspace="two", now=NOW) == ("a", "one")
    assert await keys.claim("alice", "k", request_hash="b", workspace="two", now=NOW + LIFETIME) is None
    await keys.release("alice", "k")
    assert await keys.claim("alice", "k", request_hash="c", workspace="three", now=NOW) is None
