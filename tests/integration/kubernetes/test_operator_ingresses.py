"""Ingresses of workspaces, by an operator that exposes them so. It is alone: one that doesn't would undo its work."""

from __future__ import annotations

from tests.integration.kubernetes.conftest import Places
from tests.support.operators import Surface, make_config, operating
from vibecode.runtimes.kubernetes.naming import INGRESS_OWNER
from vibecode.runtimes.kubernetes.resources import CONFIG_MAPS, INGRESSES

EXPOSURE = {"mode": "ingress", "ingress": {"className": "web", "tls": True, "annotations": {"a": "b"}}}


async def _make_ingress_owner(places: Places) -> None:
    """Make what the chart makes for the Ingresses of workspaces to go with."""
    await places.client.create(CONFIG_MAPS, {"metadata": {"name": INGRESS_OWNER}}, namespace=places.platform)


async def test_ingress_mode_exposes_the_edge_and_cleans_up(places: Places, user: Surface) -> None:
    config = make_config(places.workspaces, places.platform, exposure=EXPOSURE)
    await _make_ingress_owner(places)
    async with operating(config):
        await user.create("bob", running=False)
        await user.until_phase("Stopped", name="bob")
        ingress = await user.client.get(INGRESSES, "workspace-bob", namespace=places.platform)
        (rule,) = ingress["spec"]["rules"]
        assert rule["host"] == "bob.ws.example.org"
        assert rule["http"]["paths"][0]["backend"] == {"service": {"name": "edge", "port": {"number": 80}}}
        assert ingress["spec"]["tls"] == [{"hosts": ["bob.ws.example.org"], "secretName": "tls-bob"}]
    await user.delete("bob")
    # It was deleted while nobody looked.
    async with operating(config):
        await Surface(user.client, places.platform).gone(INGRESSES, "workspace-bob")


async def test_ingresses_go_with_the_way_to_expose_workspaces(places: Places, user: Surface) -> None:
    """As an upgrade does it that leaves them out: nobody may remove them then but the garbage collector."""
    platform = Surface(user.client, places.platform)
    config = make_config(places.workspaces, places.platform, exposure=EXPOSURE)
    await _make_ingress_owner(places)
    async with operating(config):
        for name in ("alice", "bob"):
            await user.create(name, running=False)
            await user.until_phase("Stopped", name=name)
        assert await platform.names(INGRESSES) == {"workspace-alice", "workspace-bob"}
        await user.client.delete(CONFIG_MAPS, INGRESS_OWNER, namespace=places.platform)
        # An operator of before is still there, and makes none again once it knows.
        for name in ("alice", "bob"):
            waiting = await user.until(lambda item: INGRESS_OWNER in item["status"]["message"], name=name)
            assert waiting["status"]["phase"] == "Pending"
            await platform.gone(INGRESSES, f"workspace-{name}")
        assert await platform.names(INGRESSES) == set()
    async with operating(make_config(places.workspaces, places.platform)):
        await user.until_phase("Stopped")
        await user.until_phase("Stopped", name="bob")
    assert await platform.names(INGRESSES) == set()
    # And back.
    async with operating(config):
        for name in ("alice", "bob"):
            await user.until(lambda item: INGRESS_OWNER in item["status"]["message"], name=name)
        await _make_ingress_owner(places)
        for name in ("alice", "bob"):
            await user.until_phase("Stopped", name=name)
        assert await platform.names(INGRESSES) == {"workspace-alice", "workspace-bob"}
