"""Watches that break: what happened meanwhile is seen all the same, whether or not the server still knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from tests.integration.kubernetes.conftest import Places
from tests.support.api_server import gated
from tests.support.operators import Surface, make_config, operating, wait_for
from vibecode.runtimes.kubernetes import reflector
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import VersionExpired
from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.resources import DEPLOYMENTS, NETWORK_POLICIES, Object

FIRST = "1"
"""A cluster's first version, which is from before the server knew of Workspaces."""


@pytest.mark.parametrize("gone", [False, True], ids=["cut", "410"])
async def test_what_happened_without_a_watch_is_done(
    places: Places, user: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setattr(reflector, "backoff", partial(reflector.backoff, longest=0.5))
    config = make_config(places.workspaces, places.platform)
    async with (
        gated("vibecode-operator", tmp_path) as (client, gate),
        operating(config, client=client) as (controller, _),
    ):
        reflectors = [each for _, each in controller.copies.reflectors()]
        for name in ("changed", "harmed", "removed"):
            await user.create(name, running=False)
            await user.until_phase("Stopped", name=name)
        gate.shut()
        await wait_for(lambda: _are_cut(gate.connections))
        if gone:
            # As after a long silence. What tries meanwhile with the version of before is refused.
            for each in reflectors:
                each._version = FIRST
        await user.create("new", running=False)
        await user.change("changed", stopReason="Stopped while nobody watched.")
        await user.client.delete(DEPLOYMENTS, "code-server-harmed", namespace=user.namespace)
        open_policy: Object = {"spec": {"ingress": [{}]}}
        await user.client.patch(NETWORK_POLICIES, "code-server-harmed", open_policy, namespace=user.namespace)
        await user.delete("removed")
        gate.reopen()
        await user.until_phase("Stopped", name="new")
        await user.until(lambda item: item["status"]["message"] == "Stopped while nobody watched.", name="changed")
        await wait_for(lambda: _is_mended(user))
        await wait_for(lambda: _knows(set(controller.copies.workspaces), {"changed", "harmed", "new"}))
        # Each asks again when its own pause is over.
        forgotten = [gone and await _is_forgotten(user.client, each) for each in reflectors]
        assert any(forgotten) is gone
        await wait_for(lambda: _have_listed(reflectors, [2 if each else 1 for each in forgotten]))


async def _is_forgotten(client: Client, reflector: Reflector) -> bool:
    """Ask whether the server answers 410: of a kind that seldom changes it may still know everything."""
    try:
        async with aclosing(client.watch(reflector._selection, version=FIRST, seconds=1)) as events:
            async for _ in events:
                break
    except VersionExpired:
        return True
    return False


async def _have_listed(reflectors: Sequence[Reflector], times: Sequence[int]) -> bool:
    return [each.lists for each in reflectors] == list(times)


async def _are_cut(connections: int) -> bool:
    return connections == 0


async def _is_mended(user: Surface) -> bool:
    deployments = await user.names(DEPLOYMENTS)
    policy = await user.get(NETWORK_POLICIES, "code-server-harmed")
    return "code-server-harmed" in deployments and policy["spec"]["ingress"] != [{}]


async def _knows(known: set[str], names: set[str]) -> bool:
    return known == names
