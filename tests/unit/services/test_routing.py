"""The router's own parts; the decision itself is tested beside its rule, and the whole with the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import cast

import pytest

from vibecode.domain.addresses import Addresses, UnknownHost, WorkspaceHost
from vibecode.domain.edges import Upstream
from vibecode.domain.routing import ForwardToControlPlane, ForwardToEditor, ForwardToPort
from vibecode.domain.workspace import Phase, Workspace
from vibecode.runtimes.base import Change, Runtime
from vibecode.services.accounts import Accounts
from vibecode.services.activity import Activity
from vibecode.services.routing import WorkspaceRouter, ended_workspaces

ADDRESSES = Addresses(scheme="http", domain="vibecode.localhost", workspace_domain="vibecode.localhost", port=8000)
PLACE = Upstream(path="/run/editor.sock")


@dataclass
class Box:
    """What the router looks at of a workspace."""

    id: str
    name: str = "bob"
    phase: Phase = Phase.RUNNING


class MemoryRuntime:
    """Workspaces by name; ``replaced_by`` takes a name's place while its address is being looked up."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes = {box.name: box for box in boxes}
        self.replaced_by: Box | None = None
        self.changes: list[Change] = []

    def peek(self, name: str) -> Box | None:
        return self.boxes.get(name)

    async def list(self) -> Sequence[Box]:
        return list(self.boxes.values())

    async def upstream(self, name: str, *, port: int | None = None) -> Upstream | None:
        await asyncio.sleep(0)
        if self.replaced_by is not None:
            self.boxes[name] = self.replaced_by
        return PLACE

    async def watch(self) -> AsyncIterator[Change]:
        for change in self.changes:
            yield change


def router(runtime: MemoryRuntime) -> WorkspaceRouter:
    return WorkspaceRouter(
        cast(Runtime, runtime),
        cast(Accounts, None),
        cast(Activity, None),
        addresses=lambda: ADDRESSES,
        control_plane=Upstream(path="/run/api.sock"),
    )


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize(
    "decision",
    [
        ForwardToEditor(workspace="bob", workspace_id="w-1", session="s"),
        ForwardToPort(workspace="bob", workspace_id="w-1", port=3000, session="s"),
    ],
)
async def test_the_way_into_a_workspace_is_never_that_into_its_namesake(
    decision: ForwardToEditor | ForwardToPort, replaced: bool
) -> None:
    runtime = MemoryRuntime(Box("w-1"))
    if replaced:
        runtime.replaced_by = Box("w-2")
    assert await router(runtime).upstream(decision) == (None if replaced else PLACE)
    runtime.boxes.clear()
    runtime.replaced_by = None
    assert await router(runtime).upstream(decision) is None
    assert await router(runtime).upstream(ForwardToControlPlane()) == Upstream(path="/run/api.sock")


def test_hosts_that_are_not_ours_are_not_remembered() -> None:
    subject = router(MemoryRuntime())
    for number in range(100):
        assert subject.target(f"{number}.evil.example") == UnknownHost()
    for _ in range(2):
        assert subject.target("bob.vibecode.localhost") == WorkspaceHost(name="bob")
    assert list(subject._targets) == ["bob.vibecode.localhost"]


def changed(box: Box) -> Change:
    return Change(name=box.name, owner="bob", workspace=cast(Workspace, box))


async def test_every_workspace_that_ends_is_told() -> None:
    runtime = MemoryRuntime(Box("w-1", "bob"), Box("w-2", "eve"), Box("w-3", "joe"))
    runtime.changes = [
        changed(Box("w-1", "bob")),
        changed(Box("w-1", "bob", Phase.STOPPING)),
        Change(name="eve", owner="eve", workspace=None),
        # A slow reader sees only that joe's name is another workspace's now.
        changed(Box("w-4", "joe")),
        Change(name="joe", owner="joe", workspace=None),
        Change(name="nobody", owner="joe", workspace=None),
    ]
    told = [workspace_id async for workspace_id in ended_workspaces(cast(Runtime, runtime))]
    assert told == ["w-1", "w-2", "w-3", "w-4"]
