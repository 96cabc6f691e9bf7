"""Workspace objects as ``kubectl apply`` makes them, what the operator made of them, and who the operator is."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

from tests.e2e.kubernetes.nodes import is_ready, platform_pods
from tests.support.cluster import PLATFORM, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until

KINDS: Final = ("serviceaccounts", "secrets", "networkpolicies", "services", "persistentvolumeclaims", "deployments")
"""What a workspace is made of."""

SMALL: Final = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
"""Enough for an editor that nobody uses."""

_WHOLE: Final = Counter(
    Deployment=1, NetworkPolicy=1, PersistentVolumeClaim=2, ReplicaSet=1, Secret=1, Service=1, ServiceAccount=1
)


def workspace_object(name: str, *, running: bool, batch: str, **metadata: Any) -> dict[str, Any]:
    """Return a Workspace that leaves nothing behind when it's deleted."""
    return {
        "apiVersion": "vibecode.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": WORKSPACES, "labels": {"test": batch}, **metadata},
        "spec": {"owner": "admin", "running": running, "resources": SMALL, "deletionPolicy": "Delete"},
    }


def create(cluster: ClusterProduct, *objects: dict[str, Any]) -> None:
    """Create objects with one call of kubectl."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl("create", "-f", "-", input=json.dumps(listed))


def workspaces(cluster: ClusterProduct, batch: str) -> list[dict[str, Any]]:
    """Return the Workspace objects of a batch."""
    items: list[dict[str, Any]] = cluster.get("workspaces", "-n", WORKSPACES, "-l", f"test={batch}")["items"]
    return items


def workspace(cluster: ClusterProduct, name: str) -> dict[str, Any]:
    """Return a Workspace object."""
    found: dict[str, Any] = cluster.get("workspace", name, "-n", WORKSPACES)
    return found


def is_settled(item: dict[str, Any]) -> bool:
    """Tell whether the operator has done what a Workspace asks for, and says so."""
    status = item.get("status", {})
    wanted = "Running" if item["spec"]["running"] else "Stopped"
    observed: bool = status.get("observedGeneration") == item["metadata"]["generation"]
    return observed and status.get("phase") == wanted


def wait_settled(cluster: ClusterProduct, batch: str, number: int, *, limit: float) -> None:
    """Wait until a whole batch is as it asks to be."""

    def look() -> bool:
        found = workspaces(cluster, batch)
        return len(found) == number and all(is_settled(item) for item in found)

    wait_until(look, f"{number} workspaces of {batch} are settled", limit=limit)


def pieces(cluster: ClusterProduct, names: Collection[str]) -> dict[str, Counter[str]]:
    """Return how many objects of each kind workspaces have, pods aside."""
    found: dict[str, Counter[str]] = {name: Counter() for name in names}
    kinds = ",".join((*KINDS, "replicasets"))
    for item in cluster.get(kinds, "-n", WORKSPACES, "-l", "vibecode.dev/workspace")["items"]:
        name = item["metadata"]["labels"]["vibecode.dev/workspace"]
        if name in found:
            found[name][item["kind"]] += 1
    return found


def incomplete(cluster: ClusterProduct, names: Collection[str]) -> dict[str, Counter[str]]:
    """Return the workspaces that lack something or have something twice."""
    return {name: found for name, found in pieces(cluster, names).items() if found != _WHOLE}


def remove(cluster: ClusterProduct, batch: str) -> None:
    """Delete a batch, and wait until nothing is left of it."""
    names = [item["metadata"]["name"] for item in workspaces(cluster, batch)]
    cluster.kubectl("delete", "workspaces", "-n", WORKSPACES, "-l", f"test={batch}", "--wait=false")
    wait_gone(cluster, names)


def wait_gone(cluster: ClusterProduct, names: Collection[str], *, limit: float = 300) -> None:
    """Wait until nothing is left of workspaces."""

    def look() -> bool:
        left = {item["metadata"]["name"] for item in cluster.get("workspaces", "-n", WORKSPACES)["items"]}
        return not left & set(names) and not any(pieces(cluster, names).values())

    wait_until(look, f"nothing is left of {len(names)} workspaces", limit=limit)


def leader(cluster: ClusterProduct) -> dict[str, Any]:
    """Return the pod of the operator that leads, once there is one and it isn't the last one's name that is read."""

    def look() -> dict[str, Any] | None:
        holder = cluster.get("lease", "vibecode-operator", "-n", PLATFORM)["spec"].get("holderIdentity")
        found = [pod for pod in platform_pods(cluster, "operator") if pod["metadata"]["name"] == holder]
        return found[0] if found and is_ready(found[0]) else None

    pod: dict[str, Any] = wait_until(look, "a replica leads", limit=120)
    return pod


def wait_both_replicas(cluster: ClusterProduct) -> None:
    """Wait until both replicas of the operator are ready."""

    def look() -> bool:
        found = platform_pods(cluster, "operator")
        return len(found) == 2 and all(is_ready(pod) for pod in found)

    wait_until(look, "both replicas of the operator are ready", limit=180)


def seconds_until_noticed(cluster: ClusterProduct, name: str, *, since: float, batch: str) -> float:
    """Create a Workspace; return how long after ``since`` (:func:`time.monotonic`) the operator had looked at it."""
    create(cluster, workspace_object(name, running=False, batch=batch))
    wait_until(lambda: is_settled(workspace(cluster, name)), f"{name} is noticed", limit=120)
    return time.monotonic() - since
