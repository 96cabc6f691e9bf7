"""A workspace's whole life on a real cluster, by kubectl's means alone."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from tests.integration.kubernetes.conftest import Places
from tests.support import api_server
from tests.support.operators import KEY, Surface, make_config, wait_for
from vibecode.domain.secrets import agent_token_workspace
from vibecode.runtimes.kubernetes.controller import Controller
from vibecode.runtimes.kubernetes.naming import claim_name_for_owner
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    EVENTS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOLUME_CLAIMS,
    Selection,
)

pytestmark = pytest.mark.usefixtures("operator")


async def test_create_stop_start_restart(user: Surface) -> None:
    await user.create()
    running = await user.until_phase("Running")
    status = running["status"]
    (pod,) = await user.pods()
    assert status["url"] == "http://alice.ws.example.org"
    assert (status["podName"], status["podIP"]) == (pod["metadata"]["name"], pod["status"]["podIP"])
    assert status["message"] == "Running."
    assert {item["type"]: item["status"] for item in status["conditions"]} == dict.fromkeys(
        ("Ready", "Scheduled", "VolumesReady", "ImagePulled"), "True"
    )
    assert status["volumes"] == {"workspace": "workspace-alice", "home": "home-alice"}

    await user.change(running=False, stopReason="Stopped because nobody used it for 30 minutes.")
    stopped = (await user.until_phase("Stopped"))["status"]
    assert stopped["message"] == "Stopped because nobody used it for 30 minutes."
    assert "podIP" not in stopped
    assert "podName" not in stopped
    assert await user.pods() == []

    await user.change(running=True, stopReason=None)
    again = await user.until_phase("Running")
    assert again["status"]["podName"] != status["podName"]

    await user.change(restartedAt="2026-11-24T10:00:00Z")
    restarted = await user.until(
        lambda item: item["status"]["phase"] == "Running" and item["status"]["podName"] != again["status"]["podName"]
    )
    assert restarted["status"]["restartedAt"] == "2026-11-24T10:00:00Z"
    await wait_for(lambda: _has_events(user, {"Created", "Running", "Stopping", "Stopped", "Starting"}))


async def _has_events(user: Surface, reasons: set[str]) -> bool:
    events = await user.client.list(
        Selection(resource=EVENTS, namespace=user.namespace, fields="involvedObject.kind=Workspace")
    )
    return reasons <= {event["reason"] for event in events}


async def test_the_agent_can_prove_which_workspace_it_is(user: Surface, places: Places) -> None:
    created = await user.create(running=False)
    await user.until_phase("Stopped")
    secret = await user.get(SECRETS, "agent-alice")
    content = json.loads(base64.b64decode(secret["data"]["agent.json"]))
    assert content["url"] == "http://control-plane.vibecode-platform.svc:8081"
    assert content["dashboardUrl"] == "http://example.org"
    assert agent_token_workspace(b"0123456789abcdef0123456789abcdef", content["token"]) == created["metadata"]["uid"]


async def test_another_key_gives_all_another_token_and_ends_nothing(user: Surface, operator: Controller) -> None:
    await user.create()
    await user.create("idle", running=False)
    before = await user.until_phase("Running")
    await user.until_phase("Stopped", name="idle")
    key = b"f" * 32
    operator.use_key(key)
    await wait_for(lambda: _are_signed_with(user, key, "alice", "idle"))
    after = await user.get()
    assert after["status"]["phase"] == "Running"
    assert after["status"]["podName"] == before["status"]["podName"]
    assert not after["status"]["updateWaits"]


async def _are_signed_with(user: Surface, key: bytes, *names: str) -> bool:
    for name in names:
        data = (await user.get(SECRETS, f"agent-{name}"))["data"]["agent.json"]
        if agent_token_workspace(key, json.loads(base64.b64decode(data))["token"]) is None:
            return False
    return True


async def test_delete_keeps_the_volumes_for_their_owner_alone(user: Surface) -> None:
    await user.create(running=False)
    await user.until_phase("Stopped")
    kept = {item["metadata"]["name"]: item["metadata"]["uid"] for item in await user.find(VOLUME_CLAIMS)}
    await user.delete()
    for resource, name in (
        (DEPLOYMENTS, "code-server-alice"),
        (SERVICES, "code-server-alice"),
        (NETWORK_POLICIES, "code-server-alice"),
        (SERVICE_ACCOUNTS, "code-server-alice"),
        (SECRETS, "agent-alice"),
    ):
        await user.gone(resource, name)
    assert await user.names(VOLUME_CLAIMS) == {"workspace-alice", "home-alice"}

    await user.create(owner="mallory", running=False)
    foreign = (await user.until_phase("Stopped"))["status"]["volumes"]
    assert set(foreign.values()).isdisjoint(kept)
    await user.delete()
    await user.gone(DEPLOYMENTS, "code-server-alice")

    await user.create(owner="alice", running=False)
    assert (await user.until_phase("Stopped"))["status"]["volumes"] == {
        "workspace": "workspace-alice",
        "home": "home-alice",
    }
    now = {item["metadata"]["name"]: item["metadata"]["uid"] for item in await user.find(VOLUME_CLAIMS)}
    assert now.items() >= kept.items()


async def test_a_claim_that_the_operator_did_not_make_is_left_alone(user: Surface) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    for name in ("workspace-alice", "home-alice", "home-bob", claim_name_for_owner("home", "bob", "alice")):
        await user.client.create(VOLUME_CLAIMS, {"metadata": {"name": name}, "spec": spec}, namespace=user.namespace)
    before = await user.get(VOLUME_CLAIMS, "workspace-alice")
    await user.create(running=False)
    volumes = (await user.until_phase("Stopped"))["status"]["volumes"]
    assert not {"workspace-alice", "home-alice"} & set(volumes.values())
    assert (await user.get(VOLUME_CLAIMS, "workspace-alice"))["metadata"] == before["metadata"]
    await user.create("bob")
    assert "home-bob" in (await user.until_phase("Failed", name="bob"))["status"]["message"]


@pytest.mark.parametrize("at_once", [False, True], ids=["policy first", "policy and deletion in one breath"])
async def test_purge_leaves_nothing(user: Surface, at_once: bool) -> None:
    await user.create(running=False)
    await user.until_phase("Stopped")
    await user.change(deletionPolicy="Delete")
    if not at_once:
        await wait_for(lambda: _all_tied(user))
    await user.delete()
    for claim in ("workspace-alice", "home-alice"):
        await user.gone(VOLUME_CLAIMS, claim)


async def test_an_old_purge_does_not_reach_a_new_workspace(user: Surface, places: Places) -> None:
    """A replica that stood by knows of the purge when it comes to lead, long after the name was given again."""
    client = api_server.connect("vibecode-operator")
    config = make_config(places.workspaces, places.platform)
    standby = Controller(client, config, key=KEY, identity="standby")
    watching = asyncio.create_task(standby.watch())
    try:
        await standby.copies.synced()
        await user.create(running=False, deletionPolicy="Delete")
        await user.until_phase("Stopped")
        await user.delete()
        for claim in ("workspace-alice", "home-alice"):
            await user.gone(VOLUME_CLAIMS, claim)
        await user.create(running=False)
        await user.until_phase("Stopped")
        kept = {item["metadata"]["uid"] for item in await user.find(VOLUME_CLAIMS)}
        leading = asyncio.create_task(standby.lead())
        async with asyncio.timeout(30):
            while standby.counts.reconciled < 1 or len(standby.queue):
                await asyncio.sleep(0.05)
        leading.cancel()
        await asyncio.wait([leading])
        found = await user.find(VOLUME_CLAIMS)
        assert {item["metadata"]["uid"] for item in found} == kept
        assert not any(item["metadata"].get("deletionTimestamp") for item in found)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await client.close()


async def _all_tied(user: Surface) -> bool:
    return all(claim["metadata"].get("ownerReferences") for claim in await user.find(VOLUME_CLAIMS))


async def test_a_purge_that_is_taken_back_keeps_the_volumes(user: Surface) -> None:
    await user.create(running=False, deletionPolicy="Delete")
    await user.until_phase("Stopped")
    assert await _all_tied(user)
    await user.change(deletionPolicy="Retain")
    await user.until_phase("Stopped")
    assert not any(claim["metadata"].get("ownerReferences") for claim in await user.find(VOLUME_CLAIMS))
