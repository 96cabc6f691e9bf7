"""Watching workspaces: nothing that changes after the call is missed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from vibecode.domain.accounts import Role, User
from vibecode.runtimes.base import Change, Runtime
from vibecode.runtimes.changes import ChangeReader, Changes
from vibecode.services.activity import Activity
from vibecode.services.workspaces import IdempotencyStore, Workspaces

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
OF_ALICE = Change(name="box", owner="alice", workspace=None)
OF_BOB = Change(name="den", owner="bob", workspace=None)


class ChangingRuntime:
    """Nothing but changes."""

    def __init__(self) -> None:
        self.changes = Changes()

    def watch(self) -> ChangeReader:
        return self.changes.read()


@pytest.mark.parametrize(("role", "seen"), [(Role.MEMBER, [OF_ALICE]), (Role.ADMIN, [OF_BOB, OF_ALICE])])
async def test_what_changes_before_the_first_is_asked_for_is_told(role: Role, seen: list[Change]) -> None:
    """As while a stream's reader is told how all workspaces are: that takes a while, and they go on changing."""
    runtime = ChangingRuntime()
    workspaces = Workspaces(
        cast(Runtime, runtime),
        cast(Activity, None),
        cast(IdempotencyStore, None),
        user=lambda name: actor,
        now=lambda: NOW,
    )
    actor = User(id="alice", email=None, role=role, created_at=NOW)
    changes = workspaces.watch(actor)
    for change in (OF_BOB, OF_ALICE):
        runtime.changes.publish(change)
    runtime.changes.end()
    assert [change async for change in changes] == seen
