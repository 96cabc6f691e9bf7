"""What becomes of a workspace's volumes, over a real API server.

A stand-in for the operator sets the status; volume claims are made here, as the operator leaves them.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.support.kubernetes_runtime import LIMIT, make_claims, opened, running, spec
from tests.support.status_setter import StatusSetter
from vibecode.domain.errors import Conflict, Unavailable, WorkspaceNotFound
from vibecode.domain.workspace import GitSource, Phase
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.resources import VOLUME_CLAIMS, WORKSPACES, Selection
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime

SOURCE = GitSource(url="https://git.example.org/team/project.git")


async def claims(client: Client, namespace: str) -> list[str]:
    found = await client.list(Selection(resource=VOLUME_CLAIMS, namespace=namespace))
    return sorted(claim["metadata"]["name"] for claim in found)


async def test_kept_volumes_are_listed_for_their_owner(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    await running(runtime)
    await make_claims(operator_client, namespace, "alice", "u-alice")
    assert await runtime.list_kept() == []
    await runtime.delete("alice", purge=False)
    (kept,) = await runtime.list_kept()
    assert (kept.name, kept.owner, kept.phase) == ("alice", "u-alice", Phase.STOPPED)
    assert kept.usage.storage == 12 * 2**30
    assert "kept" in kept.reason
    assert await runtime.list_kept(owner="u-alice") == [kept]
    assert await runtime.list_kept(owner="u-bob") == []

    with pytest.raises(Conflict, match="were kept"):
        await runtime.create(spec(source=SOURCE))
    # Another owner's workspace of the name has nothing to do with them.
    await runtime.create(spec(owner="u-bob", source=SOURCE))
    assert await runtime.list_kept() == [kept]
    await runtime.delete("alice", purge=True)
    assert await runtime.list_kept() == [kept]
    await runtime.create(spec())
    assert await runtime.list_kept() == []
    assert len(await claims(operator_client, namespace)) == 2


async def test_kept_volumes_are_removed_once(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    await make_claims(operator_client, namespace, "alice", "u-alice")
    await make_claims(operator_client, namespace, "alice", "u-bob")
    results = await asyncio.gather(
        *(runtime.purge_kept("alice", owner="u-alice") for _ in range(2)), return_exceptions=True
    )
    assert sorted(isinstance(result, WorkspaceNotFound) for result in results) == [False, True]
    assert await claims(operator_client, namespace) == ["home-alice-u-bob", "workspace-alice-u-bob"]
    with pytest.raises(WorkspaceNotFound):
        await runtime.purge_kept("bob", owner="u-bob")


async def test_volumes_of_a_workspace_that_lives_are_not_kept_ones(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    await running(runtime)
    await make_claims(operator_client, namespace, "alice", "u-alice")
    with pytest.raises(WorkspaceNotFound):
        await runtime.purge_kept("alice", owner="u-alice")
    assert len(await claims(operator_client, namespace)) == 2


async def test_a_purge_takes_the_volumes_that_the_operator_gave_the_object(
    runtime: KubernetesRuntime, client: Client, operator_client: Client, namespace: str
) -> None:
    await running(runtime)
    obj = await client.get(WORKSPACES, "alice", namespace=namespace)
    await make_claims(operator_client, namespace, "alice", "u-alice", owned=obj)
    await runtime.delete("alice", purge=True)
    assert await claims(operator_client, namespace) == []
    assert await runtime.list_kept() == []


async def test_nothing_is_deleted_while_the_operator_can_not_see_to_the_files(
    client: Client, namespace: str, setter: StatusSetter
) -> None:
    async with opened(client, namespace, policy_limit=1.0) as runtime:
        await running(runtime)
        setter.be_away()
        with pytest.raises(Unavailable, match="alice was not deleted"):
            await runtime.delete("alice", purge=True)
        assert (await runtime.get("alice")).phase is Phase.RUNNING
        obj = await client.get(WORKSPACES, "alice", namespace=namespace)
        # Else a later deletion would take the files, which nobody asked for then.
        assert obj["spec"]["deletionPolicy"] == "Retain"
    setter.come_back()
    async with opened(client, namespace) as runtime:
        await runtime.delete("alice", purge=True)
        assert await runtime.list() == []


async def test_a_deletion_that_is_given_up_leaves_the_files_as_they_were(
    runtime: KubernetesRuntime, client: Client, namespace: str, setter: StatusSetter
) -> None:
    await running(runtime)
    setter.be_away()
    deleting = asyncio.create_task(runtime.delete("alice", purge=True))
    async with asyncio.timeout(LIMIT):
        while (await client.get(WORKSPACES, "alice", namespace=namespace))["spec"]["deletionPolicy"] == "Retain":
            await asyncio.sleep(0.01)
    deleting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deleting
    obj = await client.get(WORKSPACES, "alice", namespace=namespace)
    assert obj["spec"]["deletionPolicy"] == "Retain"
    assert (await runtime.get("alice")).phase is Phase.RUNNING


async def test_without_purge_files_stay_whatever_the_object_said(
    client: Client, namespace: str, setter: StatusSetter, operator_client: Client
) -> None:
    async with opened(client, namespace, policy_limit=0.5) as runtime:
        await operator_client.create(
            WORKSPACES,
            {"metadata": {"name": "alice"}, "spec": {"owner": "u-alice", "deletionPolicy": "Delete"}},
            namespace=namespace,
        )
        await setter_answers(client, namespace)
        async with asyncio.timeout(LIMIT):
            while runtime.peek("alice") is None:
                await asyncio.sleep(0.02)
        setter.be_away()
        with pytest.raises(Unavailable):
            await runtime.delete("alice", purge=False)
        obj = await client.get(WORKSPACES, "alice", namespace=namespace)
        assert obj["spec"]["deletionPolicy"] == "Delete"
    setter.come_back()
    async with opened(client, namespace) as runtime:
        await runtime.delete("alice", purge=False)
        assert await runtime.list() == []


async def setter_answers(client: Client, namespace: str) -> None:
    async with asyncio.timeout(LIMIT):
        while (await client.get(WORKSPACES, "alice", namespace=namespace))["status"].get("phase") != "Running":
            await asyncio.sleep(0.02)


async def test_a_workspace_being_deleted_takes_no_requests(
    client: Client, namespace: str, setter: StatusSetter
) -> None:
    async with opened(client, namespace, policy_limit=30) as runtime:
        await running(runtime)
        setter.be_away()
        deleting = asyncio.create_task(runtime.delete("alice", purge=True))
        await asyncio.sleep(0)
        async with asyncio.timeout(LIMIT):
            while (await runtime.get("alice")).phase is not Phase.STOPPING:
                await asyncio.sleep(0.01)
        assert await runtime.upstream("alice") is None
        for asked in (runtime.start("alice"), runtime.restart("alice"), runtime.stop("alice", reason="Stopped.")):
            with pytest.raises(Conflict, match="is being deleted"):
                await asked
        setter.come_back()
        await deleting
