"""What the operator removes itself when a Workspace is gone, and what it leaves to the garbage collector."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.watch_server import WatchServer, serving
from tests.unit.kubernetes.objects import WORKSPACE_ID, claim, config, workspace
from vibecode.runtimes.kubernetes.copies import Copies
from vibecode.runtimes.kubernetes.departures import Departures
from vibecode.runtimes.kubernetes.naming import USER_ANNOTATION, claim_name_for_owner
from vibecode.runtimes.kubernetes.resources import VOLUME_CLAIMS, Object


@asynccontextmanager
async def departed(*claims: Object) -> AsyncIterator[tuple[Departures, WatchServer]]:
    """Have alice's Workspace gone, whose volumes were to go with it; these claims are there."""
    async with serving() as (server, client):
        settings = config()
        copies = Copies(
            client, namespace="ns", platform_namespace="platform", ingresses=False, on_change=lambda name: None
        )
        for each in claims:
            copies.note(VOLUME_CLAIMS, each)
        copies.removed.add(workspace(deletionPolicy="Delete"))
        yield Departures(client, copies, settings), server


def tied(item: Object, uid: str) -> Object:
    item["metadata"]["ownerReferences"] = [{"uid": uid}]
    return item


def used_by(item: Object, uid: str) -> Object:
    item["metadata"]["annotations"] = {USER_ANNOTATION: uid}
    return item


async def test_claims_that_nothing_ties_are_removed_under_each_name_they_can_have() -> None:
    other_name = claim_name_for_owner("workspace", "alice", "alice")
    async with departed(claim("home-alice"), claim(other_name)) as (departures, server):
        await departures.clean_up("alice", None)
        assert sorted(server.deleted) == sorted(["home-alice", other_name])


async def test_claims_that_go_with_their_owner_are_left_to_the_garbage_collector() -> None:
    async with departed(tied(claim("home-alice"), WORKSPACE_ID), claim("workspace-alice")) as (departures, server):
        await departures.clean_up("alice", None)
        assert server.deleted == ["workspace-alice"]


async def test_claims_of_others_stay() -> None:
    claims = (
        claim("home-alice", owner="bob"),
        used_by(claim("workspace-alice"), "another-workspace"),
        claim("home-bob", workspace="bob", owner="bob"),
    )
    async with departed(*claims) as (departures, server):
        await departures.clean_up("alice", None)
        assert server.deleted == []


async def test_it_is_done_once() -> None:
    async with departed(claim("home-alice")) as (departures, server):
        await departures.clean_up("alice", None)
        await departures.clean_up("alice", None)
        assert server.deleted == ["home-alice"]
