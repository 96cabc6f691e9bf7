"""The runtime of a cluster with the operator at work: pods that run, and volumes that stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.kubernetes_runtime import LIMIT, opened, reach, running, spec
from tests.support.operators import kubeconfig, load_image, make_config, namespaces, operating
from tests.support.runtime_contract import RuntimeContract
from vibecode.domain.errors import Conflict
from vibecode.domain.workspace import GitSource, Phase, Workspace
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.resources import DEPLOYMENTS, PODS, VOLUME_CLAIMS, Selection
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime


@dataclass(frozen=True, slots=True)
class Cluster:
    """The runtime, and a look behind it."""

    runtime: KubernetesRuntime
    client: Client
    namespace: str

    async def claims(self) -> dict[str, str]:
        """Return the UIDs of volume claims by name."""
        found = await self.client.list(Selection(resource=VOLUME_CLAIMS, namespace=self.namespace))
        return {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in found}

    async def running(self, owner: str = "u-alice") -> Workspace:
        return await running(self.runtime, owner=owner)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of an image whose pods answer, in the cluster."""
    kubeconfig()
    return load_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
async def cluster(client: Client, image: str) -> AsyncIterator[Cluster]:
    async with (
        namespaces(client) as (workspaces, platform),
        operating(make_config(workspaces, platform, image=f"{image}:1")) as (operator, _),
        opened(client, workspaces) as runtime,
    ):
        await operator.copies.synced()
        yield Cluster(runtime, client, workspaces)


class TestKubernetesRuntimeWithOperator(RuntimeContract):
    # The operator's first word of a start is that it makes the pod.
    SHOWN_WHEN_STARTED = (Phase.STARTING, Phase.PENDING)

    @pytest.fixture
    async def runtime(self, cluster: Cluster) -> KubernetesRuntime:
        return cluster.runtime


async def test_files_are_kept_for_their_owner_alone(cluster: Cluster) -> None:
    runtime = cluster.runtime
    await cluster.running()
    of_alice = await cluster.claims()
    await runtime.delete("alice", purge=False)
    assert await cluster.client.list(Selection(resource=PODS, namespace=cluster.namespace)) == []
    (kept,) = await runtime.list_kept()
    assert (kept.name, kept.owner, kept.phase) == ("alice", "u-alice", Phase.STOPPED)
    assert kept.usage.storage == 150 * 2**20
    with pytest.raises(Conflict, match="were kept"):
        await runtime.create(spec(source=GitSource(url="https://git.example.org/a/b.git")))

    await cluster.running("u-bob")
    both = await cluster.claims()
    assert both.keys() > of_alice.keys()
    assert len(both) == 4
    assert await runtime.list_kept() == [kept]
    await runtime.delete("alice", purge=True)
    assert await cluster.claims() == of_alice

    await cluster.running()
    assert await cluster.claims() == of_alice
    assert await runtime.list_kept() == []
    await runtime.delete("alice", purge=False)
    await runtime.purge_kept("alice", owner="u-alice")
    assert await cluster.claims() == {}


async def test_nothing_is_left_of_a_workspace_that_was_purged_while_it_ran(cluster: Cluster) -> None:
    await cluster.running()
    upstream = await cluster.runtime.upstream("alice")
    assert upstream is not None
    assert upstream.port == 8080
    await cluster.runtime.delete("alice", purge=True)
    assert await cluster.claims() == {}
    assert await cluster.client.list(Selection(resource=PODS, namespace=cluster.namespace)) == []
    async with asyncio.timeout(LIMIT):
        while await cluster.client.list(Selection(resource=DEPLOYMENTS, namespace=cluster.namespace)):
            await asyncio.sleep(0.1)
    again = await cluster.running("u-bob")
    assert again.owner == "u-bob"


async def test_a_start_that_fails_says_why_and_events_tell_of_it(cluster: Cluster) -> None:
    runtime = cluster.runtime
    await runtime.create(spec(source=GitSource(url="https://git.example.org/team/absent.git")))
    assert not await runtime.wait_ready("alice", timeout=LIMIT)
    failed = await runtime.get("alice")
    assert failed.phase is Phase.FAILED
    assert "The repository was not found." in failed.reason
    async with asyncio.timeout(LIMIT):
        while [event.kind for event in await runtime.events("alice", limit=1)] != ["failed"]:
            await asyncio.sleep(0.1)
    assert [event.kind for event in await runtime.events("alice")][-1] == "created"
    assert (await runtime.start("alice")).phase in (Phase.PENDING, Phase.STARTING)
    assert (await reach(runtime, "alice", Phase.FAILED)).reason == failed.reason
