"""What the operator does about what others do to its objects, and what it doesn't do when there is nothing to do."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.kubernetes.conftest import Places
from tests.support.operators import IMAGE, Surface, make_config, operating, wait_for
from vibecode.runtimes.kubernetes.controller import Controller
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    EVENTS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOLUME_CLAIMS,
    WORKSPACES,
    Object,
    Resource,
    Selection,
)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (DEPLOYMENTS, "code-server-alice"),
        (SERVICES, "code-server-alice"),
        (NETWORK_POLICIES, "code-server-alice"),
        (SERVICE_ACCOUNTS, "code-server-alice"),
        (SECRETS, "agent-alice"),
        (VOLUME_CLAIMS, "home-alice"),
    ],
    ids=lambda value: value.kind if isinstance(value, Resource) else "",
)
async def test_a_deleted_child_comes_back(user: Surface, resource: Resource, name: str) -> None:
    await user.create(running=False)
    await user.until_phase("Stopped")
    before = (await user.get(resource, name))["metadata"]["uid"]
    await user.client.delete(resource, name, namespace=user.namespace)
    await wait_for(lambda: _is_another(user, resource, name, before))


async def _is_another(user: Surface, resource: Resource, name: str, uid: str) -> bool:
    found = {item["metadata"]["name"]: item["metadata"]["uid"] for item in await user.find(resource)}
    return bool(found.get(name, uid) != uid)


EXTRA_CONTAINER: Object = {"name": "miner", "image": "example.org/miner"}


@pytest.mark.usefixtures("operator")
async def test_foreign_changes_are_undone_and_additions_too(user: Surface) -> None:
    await user.create(running=False)
    await user.until_phase("Stopped")
    client, name, namespace = user.client, "code-server-alice", user.namespace
    right = (await user.get(DEPLOYMENTS, name))["spec"]
    strategic = [
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": EXTRA_CONTAINER},
        {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
    ]
    await client.patch(DEPLOYMENTS, name, strategic, namespace=namespace)
    await wait_for(lambda: _has_spec(user, DEPLOYMENTS, right))

    right = (await user.get(NETWORK_POLICIES, name))["spec"]
    await client.patch(NETWORK_POLICIES, name, {"spec": {"ingress": [{}]}}, namespace=namespace)
    await wait_for(lambda: _has_spec(user, NETWORK_POLICIES, right))

    right = (await user.get(SERVICES, name))["spec"]
    port = [{"op": "add", "path": "/spec/ports/-", "value": {"name": "ssh", "port": 22}}]
    await client.patch(SERVICES, name, port, namespace=namespace)
    await wait_for(lambda: _has_spec(user, SERVICES, right))

    data = (await user.get(SECRETS, "agent-alice"))["data"]
    await client.patch(SECRETS, "agent-alice", {"data": {"agent.json": "e30="}}, namespace=namespace)
    await wait_for(lambda: _has_data(user, data))

    await wait_for(lambda: _are_told(user, {"Deployment", "NetworkPolicy", "Service"}))


async def _are_told(user: Surface, kinds: set[str]) -> bool:
    events = await user.client.list(Selection(resource=EVENTS, namespace=user.namespace, fields="reason=Reverted"))
    return {event["message"].split()[5] for event in events} >= kinds


async def _has_spec(user: Surface, resource: Resource, spec: Object) -> bool:
    return bool((await user.get(resource, "code-server-alice"))["spec"] == spec)


async def _has_data(user: Surface, data: Object) -> bool:
    return bool((await user.get(SECRETS, "agent-alice"))["data"] == data)


async def test_a_restart_with_nothing_to_do_writes_nothing(places: Places, user: Surface, image: str) -> None:
    config = make_config(places.workspaces, places.platform, image=f"{image}:1")
    names = [f"w{number}" for number in range(10)]
    async with operating(config):
        for name in names:
            await user.create(name, running=False)
        await user.create("alice")
        await user.until_phase("Running")
        for name in names:
            await user.until_phase("Stopped", name=name)
    async with operating(config) as (controller, client):
        async with asyncio.timeout(30):
            while controller.counts.reconciled < len(names) + 1:
                await asyncio.sleep(0.05)
        # What a reconcile asks for comes before it ends; and nothing else came.
        assert client.writes == 0
        assert controller.counts.failed == 0


async def test_a_quiet_workspace_costs_no_writes(user: Surface, operator: Controller, places: Places) -> None:
    await user.create()
    await user.until_phase("Running")
    looks = [await _looks_after_a_note(operator, places, minute) for minute in range(10)]
    # The kubelet may have had news of its own beside one of them or another.
    assert 0 in looks
    assert (await user.get())["status"]["phase"] == "Running"


async def _looks_after_a_note(operator: Controller, places: Places, minute: int) -> int:
    """Note what the control plane notes each minute, and return how often the operator looked because of it."""
    seen = operator.counts.reconciled
    note = {"lastActivity": f"2026-11-24T10:{minute:02}:00Z", "activity": "kept: a tab is open"}
    part = {"metadata": {"name": "alice"}, "status": note}
    await places.client.apply_status(WORKSPACES, part, namespace=places.workspaces)
    await wait_for(lambda: _has_noted(operator, note["lastActivity"]))
    # A look without a write takes no time but a few turns.
    await places.user.get()
    return operator.counts.reconciled - seen


async def _has_noted(operator: Controller, last_activity: str) -> bool:
    noted: bool = operator.copies.workspaces["alice"]["status"].get("lastActivity") == last_activity
    return noted and not len(operator.queue)


async def test_an_update_waits_for_the_next_start(places: Places, user: Surface, image: str) -> None:
    old = make_config(places.workspaces, places.platform, image=f"{image}:1")
    new = make_config(places.workspaces, places.platform, image=f"{image}:2")
    async with operating(old):
        await user.create()
        await user.create("idle", running=False)
        before = await user.until_phase("Running")
        await user.until_phase("Stopped", name="idle")
    async with operating(new):
        waiting = await user.until(lambda item: bool(item["status"]["updateWaits"]))
        assert waiting["status"]["phase"] == "Running"
        assert waiting["status"]["podName"] == before["status"]["podName"]
        # A change of its resources waits as well.
        await user.change(resources={"requests": {"memory": "20Mi"}, "limits": {"memory": "64Mi"}})
        still = await user.until_phase("Running")
        assert still["status"]["podName"] == before["status"]["podName"]
        # One that is stopped takes the new image when it is started.
        await user.change("idle", running=True)
        assert (await user.until_phase("Running", name="idle"))["status"]["image"] == f"{IMAGE}:2"
        await user.change(restartedAt="now")
        after = await user.until(
            lambda item: (
                item["status"]["phase"] == "Running" and item["status"]["podName"] != before["status"]["podName"]
            )
        )
        assert after["status"]["image"] == f"{IMAGE}:2"
        assert not after["status"]["updateWaits"]


@pytest.mark.usefixtures("operator")
async def test_volumes_grow_where_their_class_lets_them(user: Surface) -> None:
    classes = Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
    growing = f"growing-{user.namespace}"
    standard = {
        "metadata": {"name": growing},
        "provisioner": "rancher.io/local-path",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }
    await user.client.create(classes, standard, namespace=None)
    try:
        await user.create(storageClassName=growing)
        await user.create("fixed")
        await user.until_phase("Running")
        await user.change(storage={"workspace": "300Mi"})
        await wait_for(lambda: _asks_for(user, "workspace-alice", "300Mi"))
        await user.until_phase("Running", name="fixed")
        await user.change("fixed", storage={"workspace": "300Mi"})
        fixed = await user.until(
            lambda item: any(part["reason"] == "ResizeRefused" for part in item["status"]["conditions"]), name="fixed"
        )
        assert fixed["status"]["phase"] == "Running"
        assert await _asks_for(user, "workspace-fixed", "100Mi")
    finally:
        await user.client.delete(classes, growing, namespace=None)


async def _asks_for(user: Surface, claim: str, size: str) -> bool:
    found = await user.get(VOLUME_CLAIMS, claim)
    return bool(found["spec"]["resources"]["requests"]["storage"] == size)
