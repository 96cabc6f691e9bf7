"""Replicas that are killed, at any point: another goes on, and nothing is done twice or left half done."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.integration.kubernetes.conftest import Places
from tests.support.operators import (
    IMAGE,
    Replica,
    Surface,
    config_data,
    make_config,
    mortal_client,
    operating,
    replica,
    wait_for,
)
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    LEASES,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOLUME_CLAIMS,
    WORKSPACES,
    Object,
)

HAND_OVER = 20.0


async def _holder(client: Client, namespace: str) -> str:
    try:
        lease = await client.get(LEASES, "vibecode-operator", namespace=namespace)
    except KubernetesError:
        return ""
    return str(lease["spec"].get("holderIdentity") or "")


async def test_killing_the_leader_hands_over(places: Places, user: Surface, tmp_path: Path) -> None:
    config = config_data(places.workspaces, places.platform)
    with replica(tmp_path, config, identity="one") as one:
        await wait_for(lambda: _is_held_by(places, "one"))
        with replica(tmp_path, config, identity="two") as two:
            await wait_for(lambda: _says(two, "two"))
            await user.create("first", running=False)
            await user.until_phase("Stopped", name="first")
            await asyncio.sleep(3)  # the other has seen the Lease by then, and waits
            assert "leading" not in two.log
            one.kill()
            killed = time.monotonic()
            await user.create("second", running=False)
            await user.until_phase("Stopped", name="second")
            took = time.monotonic() - killed
            print(f"handed over in {took:.1f} s")
            assert took <= HAND_OVER
            # In good order it goes at once.
            with replica(tmp_path, config, identity="three") as three:
                await wait_for(lambda: _says(three, "three"))
                left = time.monotonic()
                assert two.terminate() == 0
                await user.create("third", running=False)
                await user.until_phase("Stopped", name="third")
                assert time.monotonic() - left < 10


async def _is_held_by(places: Places, identity: str) -> bool:
    return await _holder(places.client, places.platform) == identity


async def test_a_leader_that_lost_its_lease_stops(places: Places, user: Surface, tmp_path: Path) -> None:
    config = config_data(places.workspaces, places.platform)
    with replica(tmp_path, config, identity="one") as one:
        await wait_for(lambda: _is_held_by(places, "one"))
        stolen = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 3600, "renewTime": None}}
        await places.client.patch(LEASES, "vibecode-operator", stolen, namespace=places.platform)
        await wait_for(lambda: _says(one, "no longer leading"))
        created = await user.create(running=False)
        await asyncio.sleep(2)
        assert "phase" not in (await user.get()).get("status", {})
        assert created["metadata"]["generation"] == 1


async def _says(replica: Replica, words: str) -> bool:
    return words in replica.log


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3, 0.6, 1.0])
async def test_killed_in_the_middle_of_its_work(places: Places, user: Surface, tmp_path: Path, after: float) -> None:
    config = config_data(places.workspaces, places.platform)
    names = [f"w{number}" for number in range(20)]
    with replica(tmp_path, config, identity="one") as one:
        await wait_for(lambda: _is_held_by(places, "one"))
        await asyncio.gather(*(user.create(name, running=False) for name in names))
        await asyncio.sleep(after)
        one.kill()
    # The same pod, started anew.
    with replica(tmp_path, config, identity="one"):
        await asyncio.gather(*(user.until_phase("Stopped", name=name) for name in names))
    await _is_complete(user, names)


async def test_killed_after_each_step(places: Places, user: Surface) -> None:
    """Whatever was the last write that took effect, the next one to lead does the rest, and only that."""
    config = make_config(places.workspaces, places.platform)
    steps = range(1, 10)
    for step in steps:
        name = f"w{step}"
        await user.create(name, running=False)
        client = mortal_client(writes=step)
        async with operating(config, client=client) as (controller, _):
            async with asyncio.timeout(30):
                while client.writes < step or controller.counts.reconciled < 1:
                    await asyncio.sleep(0.01)
        async with operating(config):
            await user.until_phase("Stopped", name=name)
    await _is_complete(user, [f"w{step}" for step in steps])


async def _is_complete(user: Surface, names: list[str]) -> None:
    """Check that each workspace has its objects, once, and nothing else is there."""
    main = {f"code-server-{name}" for name in names}
    for resource in (DEPLOYMENTS, SERVICES, NETWORK_POLICIES):
        assert await user.names(resource) == main
    assert await user.names(SERVICE_ACCOUNTS) - {"default"} == main
    assert await user.names(SECRETS) == {f"agent-{name}" for name in names}
    assert await user.names(VOLUME_CLAIMS) == {f"{kind}-{name}" for kind in ("workspace", "home") for name in names}


async def test_two_hundred_at_once(places: Places, user: Surface) -> None:
    names = [f"w{number:03}" for number in range(200)]
    config = make_config(places.workspaces, places.platform, image=f"{IMAGE}:1")
    async with operating(config) as (controller, client):
        began = time.monotonic()
        await asyncio.gather(*(user.create(name, running=False) for name in names))
        await wait_for(lambda: _are_stopped(user, len(names)), timeout=150, every=1)
        took = time.monotonic() - began
        writes = {key: number for key, number in client.requests.items() if key[0] != "GET"}
        print(f"200 workspaces in {took:.1f} s; writes: {writes}; looks: {controller.counts.reconciled}")
        await _is_complete(user, names)
        assert controller.counts.failed == 0
        # One write each and no more, but for the status and the news.
        for resource in (DEPLOYMENTS, SERVICES, NETWORK_POLICIES, SERVICE_ACCOUNTS, SECRETS):
            assert writes["PATCH", resource.kind] == len(names)
        assert writes["POST", VOLUME_CLAIMS.kind] == 2 * len(names)


async def test_a_change_does_not_wait_for_many_that_are_new(places: Places, user: Surface) -> None:
    config = make_config(places.workspaces, places.platform, image=f"{IMAGE}:1")
    async with operating(config):
        await user.create("known", running=False)
        await user.until_phase("Stopped", name="known")
    # Nobody looks while they are made: an operator might keep up with a busy API server.
    await asyncio.gather(*(user.create(f"new{number:03}", running=False) for number in range(200)))
    async with operating(config) as (controller, _):
        async with asyncio.timeout(30):
            while not controller.counts.reconciled:
                await asyncio.sleep(0.01)
        await user.change("known", idleTimeoutSeconds=600)
        await wait_for(lambda: _is_observed(user, "known"))
        left = [item for item in await user.find(WORKSPACES) if item["status"]["observedGeneration"] < 1]
        print(f"{len(left)} were not begun yet")
        assert left


async def _is_observed(user: Surface, name: str) -> bool:
    item = await user.get(WORKSPACES, name)
    observed: bool = item["status"]["observedGeneration"] == item["metadata"]["generation"]
    return observed


async def _are_stopped(user: Surface, number: int) -> bool:
    phases = [item.get("status", {}).get("phase") for item in await user.find(WORKSPACES)]
    return phases == ["Stopped"] * number


async def test_a_workspace_that_is_made_again_at_once(user: Surface, operator: Object) -> None:
    """The objects of the one before are going: they are neither taken over nor mixed up."""
    assert operator is not None
    await user.create()
    first = await user.until_phase("Running")
    await user.delete()
    await wait_for(lambda: _is_gone(user))
    second = await user.create()
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    running = await user.until_phase("Running")
    assert running["status"]["podName"] != first["status"]["podName"]
    assert running["status"]["volumes"] == first["status"]["volumes"]
    await wait_for(lambda: _all_owned_by(user, second["metadata"]["uid"]))


@pytest.mark.usefixtures("operator")
async def test_a_finalizer_that_somebody_left(user: Surface) -> None:
    """It keeps the object, which can't be helped; but nothing runs on, and the status says what to do."""
    await user.create()
    await user.until_phase("Running")
    await user.client.patch(
        WORKSPACES, "alice", {"metadata": {"finalizers": ["example.org/left"]}}, namespace=user.namespace
    )
    await user.delete()
    kept = await user.until(lambda item: "example.org/left" in item["status"]["message"])
    assert kept["status"]["phase"] == "Stopping"
    await user.gone_pods()
    await user.client.patch(WORKSPACES, "alice", {"metadata": {"finalizers": None}}, namespace=user.namespace)
    await user.gone(WORKSPACES, "alice")


async def _is_gone(user: Surface) -> bool:
    return "alice" not in {item["metadata"]["name"] for item in await user.find(WORKSPACES)}


async def _all_owned_by(user: Surface, uid: str) -> bool:
    for resource in (DEPLOYMENTS, SERVICES, NETWORK_POLICIES, SECRETS):
        owners = {ref["uid"] for item in await user.find(resource) for ref in item["metadata"]["ownerReferences"]}
        if owners != {uid}:
            return False
    return len(await user.pods()) == 1
