"""Who may see and remove the files of deleted workspaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.local_runtime import build, opened, spec
from vibecode.database.engine import open_database
from vibecode.database.idempotency import IdempotencyRepository
from vibecode.domain.accounts import Role, User
from vibecode.domain.errors import Forbidden, InvalidInput, WorkspaceNotFound
from vibecode.runtimes.local.runtime import LocalRuntime
from vibecode.services.activity import Activity
from vibecode.services.clock import SteadyClock
from vibecode.services.workspaces import Workspaces

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ADMIN, ALICE, BOB = (
    User(id=name, email=None, role=role, created_at=NOW)
    for name, role in (("root-1", Role.ADMIN), ("alice", Role.MEMBER), ("bob", Role.MEMBER))
)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    async with opened(build(tmp_path / "data")) as runtime:
        yield runtime


@pytest.fixture
async def workspaces(tmp_path: Path, runtime: LocalRuntime) -> AsyncIterator[Workspaces]:
    database = open_database(tmp_path / "test.db")
    yield Workspaces(
        runtime,
        Activity(runtime, SteadyClock()),
        IdempotencyRepository(database),
        user={user.id: user for user in (ADMIN, ALICE, BOB)}.__getitem__,
        now=lambda: NOW,
    )
    await database.close()


async def keep(runtime: LocalRuntime, owner: User, name: str = "shop") -> None:
    """Leave kept files of a user."""
    await runtime.create(spec(name, owner=owner.id))
    assert await runtime.wait_ready(name, timeout=60)
    await runtime.delete(name, purge=False)


async def test_an_owner_sees_and_removes_their_own(workspaces: Workspaces, runtime: LocalRuntime) -> None:
    await keep(runtime, ALICE)
    assert [kept.name for kept in await workspaces.list_kept(ALICE)] == ["shop"]
    with pytest.raises(WorkspaceNotFound, match="deleted already"):
        await workspaces.delete(ALICE, "shop", purge=False)
    await workspaces.delete(ALICE, "shop", purge=True)
    assert await workspaces.list_kept(ALICE) == []


async def test_nobody_but_an_admin_gets_at_those_of_others(workspaces: Workspaces, runtime: LocalRuntime) -> None:
    await keep(runtime, ALICE)
    assert await workspaces.list_kept(BOB) == []
    with pytest.raises(Forbidden):
        await workspaces.list_kept(BOB, owner="alice")
    for owner in (None, "alice"):
        with pytest.raises(WorkspaceNotFound, match="There is no workspace shop"):
            await workspaces.delete(BOB, "shop", purge=True, owner=owner)
    await workspaces.delete(ADMIN, "shop", purge=True)
    assert await workspaces.list_kept(ADMIN) == []


async def test_a_living_workspace_of_the_name_is_not_taken_for_kept_files(
    workspaces: Workspaces, runtime: LocalRuntime
) -> None:
    await keep(runtime, ALICE)
    await runtime.create(spec("shop", owner="bob"))
    await workspaces.delete(ALICE, "shop", purge=True)
    assert [workspace.owner for workspace in await workspaces.list(ADMIN)] == ["bob"]

    await keep(runtime, ALICE, "other")
    await runtime.create(spec("other", owner="bob"))
    await workspaces.delete(ADMIN, "other", purge=True, owner="alice")
    assert [workspace.name for workspace in await workspaces.list(ADMIN, owner="bob")] == ["other", "shop"]
    assert await workspaces.list_kept(ADMIN) == []


async def test_of_several_users_one_has_to_be_named(workspaces: Workspaces, runtime: LocalRuntime) -> None:
    await keep(runtime, ALICE)
    await keep(runtime, BOB)
    with pytest.raises(InvalidInput, match=r"\(alice, bob\)"):
        await workspaces.delete(ADMIN, "shop", purge=True)
    await workspaces.delete(ADMIN, "shop", purge=True, owner="bob")
    assert [kept.owner for kept in await workspaces.list_kept(ADMIN)] == ["alice"]
