"""Workspace objects as ``kubectl apply`` makes them, and what the operator made of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Final

from tests.support.cluster import PATIENCE, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until
from vibecode.runtimes.kubernetes import resources
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import ObjectNotFound

KINDS: Final = (
    resources.SERVICE_ACCOUNTS,
    resources.SECRETS,
    resources.NETWORK_POLICIES,
    resources.SERVICES,
    resources.VOLUME_CLAIMS,
    resources.DEPLOYMENTS,
)
"""What a workspace is made of."""

SMALL: Final = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
"""Enough for an editor that nobody uses."""

_REPLICA_SETS: Final = resources.Resource("apps", "v1", "ReplicaSet", "replicasets")
_WHOLE: Final = Counter(
    Deployment=1, NetworkPolicy=1, PersistentVolumeClaim=2, ReplicaSet=1, Secret=1, Service=1, ServiceAccount=1
)


def workspace_object(name: str, *, batch: str, running: bool = False, **spec: Any) -> dict[str, Any]:
    """Return a Workspace that leaves nothing behind when it's deleted."""
    return {
        "apiVersion": "vibecode.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": WORKSPACES, "labels": {"test": batch}},
        "spec": {"owner": "admin", "running": running, "resources": SMALL, "deletionPolicy": "Delete", **spec},
    }


def create(cluster: ClusterProduct, *objects: dict[str, Any]) -> None:
    """Create Workspace objects, all at once."""

    async def send(client: Client) -> None:
        await asyncio.gather(*(client.create(resources.WORKSPACES, each, namespace=WORKSPACES) for each in objects))

    _with_client(cluster, send)


def _with_client(cluster: ClusterProduct, action: Callable[[Client], Awaitable[None]]) -> None:
    async def act() -> None:
        client = Client.connect(field_manager="kubectl-create", kubeconfig=cluster.kubeconfig)
        try:
            await action(client)
        finally:
            await client.close()

    asyncio.run(act())


def workspaces(cluster: ClusterProduct, batch: str) -> list[dict[str, Any]]:
    """Return the Workspace objects of a batch."""
    items: list[dict[str, Any]] = cluster.get("workspaces", "-n", WORKSPACES, "-l", f"test={batch}")["items"]
    return items


def workspace(cluster: ClusterProduct, name: str) -> dict[str, Any]:
    """Return a Workspace object."""
    found: dict[str, Any] = cluster.get("workspace", name, "-n", WORKSPACES)
    return found


def message(cluster: ClusterProduct, name: str) -> str:
    """Return what is said about a workspace."""
    found: str = workspace(cluster, name)["status"]["message"]
    return found


def is_settled(item: dict[str, Any]) -> bool:
    """Tell whether the operator has done what a Workspace asks for, and says so."""
    status = item.get("status", {})
    wanted = "Running" if item["spec"]["running"] else "Stopped"
    observed: bool = status.get("observedGeneration") == item["metadata"]["generation"]
    return observed and status.get("phase") == wanted


def wait_settled(cluster: ClusterProduct, batch: str, number: int, *, limit: float = PATIENCE) -> None:
    """Wait until a whole batch is as it asks to be."""

    def look() -> bool:
        found = workspaces(cluster, batch)
        return len(found) == number and all(is_settled(item) for item in found)

    wait_until(look, f"{number} workspaces of {batch} are settled", limit=limit)


def of_workspaces(names: Iterable[str]) -> str:
    """Return a selector of what belongs to workspaces."""
    return f"{resources.WORKSPACE_LABEL} in ({','.join(names)})"


def pieces(cluster: ClusterProduct, names: Collection[str]) -> dict[str, Counter[str]]:
    """Return how many objects of each kind workspaces have, pods aside."""
    found: dict[str, Counter[str]] = {name: Counter() for name in names}
    kinds = ",".join(kind.plural for kind in (*KINDS, _REPLICA_SETS))
    for item in cluster.get(kinds, "-n", WORKSPACES, "-l", resources.WORKSPACE_LABEL)["items"]:
        name = item["metadata"]["labels"][resources.WORKSPACE_LABEL]
        if name in found:
            found[name][item["kind"]] += 1
    return found


def wait_complete(cluster: ClusterProduct, names: Collection[str]) -> None:
    """Wait until workspaces have everything; fail if one has something twice.

    ReplicaSets are made by the cluster's own controller, which may take its time.
    """

    def look() -> bool:
        found = pieces(cluster, names)
        double = {name: counts for name, counts in found.items() if counts - _WHOLE}
        assert not double, f"more than there should be: {double}"
        return all(counts == _WHOLE for counts in found.values())

    wait_until(look, f"{len(names)} workspaces have all that belongs to them", limit=PATIENCE)


def remove(cluster: ClusterProduct, batch: str) -> None:
    """Delete a batch, and wait until nothing is left of it."""
    names = [item["metadata"]["name"] for item in workspaces(cluster, batch)]
    cluster.kubectl("delete", "workspaces", "-n", WORKSPACES, "-l", f"test={batch}", "--wait=false")
    wait_gone(cluster, names)


def clear(cluster: ClusterProduct, batch: str) -> None:
    """Delete a large batch without leaving it to the cluster's garbage collector, which takes a minute or two."""
    names = [item["metadata"]["name"] for item in workspaces(cluster, batch)]

    async def delete(client: Client) -> None:
        await asyncio.gather(*(client.delete(resources.WORKSPACES, name, namespace=WORKSPACES) for name in names))
        for kind in (*reversed(KINDS), _REPLICA_SETS):
            selection = resources.Selection(resource=kind, namespace=WORKSPACES, labels=of_workspaces(names))
            await asyncio.gather(*(_delete(client, kind, item) for item in await client.list(selection)))

    _with_client(cluster, delete)
    wait_gone(cluster, names)


async def _delete(client: Client, kind: resources.Resource, item: dict[str, Any]) -> None:
    with contextlib.suppress(ObjectNotFound):  # the garbage collector was faster
        await client.delete(kind, item["metadata"]["name"], namespace=WORKSPACES)


def wait_gone(cluster: ClusterProduct, names: Collection[str]) -> None:
    """Wait until nothing is left of workspaces, pods included."""

    def look() -> bool:
        left = {item["metadata"]["name"] for item in cluster.get("workspaces", "-n", WORKSPACES)["items"]}
        if left & set(names) or any(pieces(cluster, names).values()):
            return False
        return not cluster.get("pods", "-n", WORKSPACES, "-l", of_workspaces(names))["items"]

    wait_until(look, f"nothing is left of {len(names)} workspaces", limit=PATIENCE)
