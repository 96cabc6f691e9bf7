"""When a cluster that something was done to is itself again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tests.e2e.kubernetes.nodes import Node, container_names, is_ready, nodes
from tests.support.cluster import PATIENCE, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until

_CONTROLLERS: Final = ("kube-controller-manager", "kube-scheduler")
_KINDS: Final = "nodes,leases.coordination.k8s.io,pods,deployments,daemonsets"
_CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
_TRY: Final = 'for target; do timeout 5 bash -c "exec 3<>/dev/tcp/$target" || echo "$target"; done'
"""Prints which of its arguments, such as ``10.96.0.1/443``, take no connection."""

_Objects = Mapping[str, Sequence[dict[str, Any]]]
"""By kind."""


def wait_recovered(cluster: ClusterProduct) -> None:
    """Wait until the cluster works as before: whatever comes next must not meet what is left of a fault.

    Nodes and controllers have to say so anew, since their last words may be those of before the fault.
    """
    since = datetime.now(UTC)
    found: list[str] = []

    def look() -> bool:
        found[:] = _troubles(cluster, since)
        return not found

    try:
        wait_until(look, "the cluster is itself again", limit=PATIENCE)
    except AssertionError:
        raise AssertionError(f"the cluster is not itself again: {'; '.join(found)}") from None


def _troubles(cluster: ClusterProduct, since: datetime) -> list[str]:
    """Return what is still wrong; what rests on something that is wrong isn't looked at."""
    done = cluster.run_kubectl("get", _KINDS, "--all-namespaces", "-o", "json", "--request-timeout=20s")
    if done.returncode:
        return [done.stderr]
    objects: dict[str, list[dict[str, Any]]] = {}
    for item in json.loads(done.stdout)["items"]:
        objects.setdefault(item["kind"], []).append(item)
    names = container_names(cluster)
    found = [*_silent(objects, names, since), *_unfit_nodes(objects, names), *_unfit_pods(objects)]
    return found or [*_closed(cluster, objects)]


def _silent(objects: _Objects, names: Sequence[str], since: datetime) -> Iterator[str]:
    """Yield controllers and nodes that haven't been heard of."""
    renewed = {item["metadata"]["name"]: item["spec"].get("renewTime") for item in objects["Lease"]}
    for name in (*_CONTROLLERS, *names):
        if not renewed.get(name) or datetime.fromisoformat(renewed[name]) < since:
            yield f"nothing was heard of {name}"


def _unfit_nodes(objects: _Objects, names: Sequence[str]) -> Iterator[str]:
    found = {item["metadata"]["name"]: item for item in objects["Node"]}
    for name in names:
        if name not in found or not is_ready(found[name]):
            yield f"the node {name} is not ready"
            continue
        for taint in found[name]["spec"].get("taints", []):
            if taint["key"] != _CONTROL_PLANE:
                yield f"the node {name} has the taint {taint['key']}"


def _unfit_pods(objects: _Objects) -> Iterator[str]:
    """Yield pods that aren't ready, and what has too few or too many of them; workspaces are others' business."""
    for pod in objects["Pod"]:
        if pod["metadata"]["namespace"] != WORKSPACES and (not is_ready(pod) or "deletionTimestamp" in pod["metadata"]):
            yield f"the pod {pod['metadata']['name']} is not ready"
    for item in (*objects["Deployment"], *objects["DaemonSet"]):
        if item["metadata"]["namespace"] != WORKSPACES and not _is_rolled_out(item):
            yield f"{item['kind']} {item['metadata']['name']} is not complete"


def _is_rolled_out(item: dict[str, Any]) -> bool:
    status = item["status"]
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    if item["kind"] == "DaemonSet":
        wanted, counts = status["desiredNumberScheduled"], ["numberReady", "updatedNumberScheduled"]
    else:
        wanted, counts = item["spec"]["replicas"], ["replicas", "updatedReplicas", "readyReplicas"]
    return all(status.get(count, 0) == wanted for count in counts)


def _closed(cluster: ClusterProduct, objects: _Objects) -> Iterator[str]:
    """Yield ways that are closed: from each node to pods of others and to Services, and from here to the dashboard."""
    resolvers = [pod for pod in objects["Pod"] if pod["metadata"].get("labels", {}).get("k8s-app") == "kube-dns"]
    targets = [f"{pod['status']['podIP']}/53" for pod in resolvers]
    targets += [service_address(cluster, "kube-dns", 53, "kube-system"), api_service(cluster)]
    for node in nodes(cluster):
        yield from (f"{node.name} does not reach {target}" for target in closed_to(node, *targets))
    status = cluster.request("GET", "/api/v1/me").status
    if status != 200:
        yield f"the dashboard answers {status}"


def api_service(cluster: ClusterProduct) -> str:
    """Return where pods find the API server, for :func:`closed_to`."""
    return service_address(cluster, "kubernetes", 443, "default")


def service_address(cluster: ClusterProduct, name: str, port: int, namespace: str) -> str:
    """Return the address of a Service, for :func:`closed_to`."""
    return f"{cluster.get('service', name, '-n', namespace)['spec']['clusterIP']}/{port}"


def closed_to(node: Node, *targets: str) -> list[str]:
    """Return the targets that take no connection from a node."""
    return node.run("bash", "-c", _TRY, "bash", *targets).split()
