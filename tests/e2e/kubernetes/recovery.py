"""When a cluster that something was done to is itself again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from tests.e2e.kubernetes.nodes import Node, container_names, is_ready, nodes
from tests.support.cluster import PATIENCE, PLATFORM, ClusterProduct
from tests.support.product_api import wait_until

_SYSTEM: Final = "kube-system"
_NAMESPACES: Final = (_SYSTEM, "local-path-storage", PLATFORM)
_CONTROLLERS: Final = ("kube-controller-manager", "kube-scheduler")
_OPENS: Final = 'exec 3<>"/dev/tcp/$0/$1"'


def wait_recovered(cluster: ClusterProduct) -> None:
    """Wait until the cluster works as before: whatever comes next must not meet what is left of a fault.

    Nodes and controllers have to say so anew, since their last words may be those of before the fault.
    """
    since = datetime.now(UTC)
    found: list[str] = []

    def look() -> bool:
        found[:] = [*_troubles(cluster, since)]
        return not found

    try:
        wait_until(look, "the cluster is itself again", limit=PATIENCE)
    except AssertionError:
        raise AssertionError(f"the cluster is not itself again: {'; '.join(found)}") from None


def _troubles(cluster: ClusterProduct, since: datetime) -> Iterator[str]:
    """Yield what is still wrong; what rests on something that is wrong isn't looked at."""
    ready = cluster.run_kubectl("get", "--raw", "/readyz", "--request-timeout=10s")
    if ready.returncode:
        yield f"the API server: {ready.stderr}"
        return
    troubles = [*_silent(cluster, since), *_unfit_nodes(cluster), *_unfit_pods(cluster)]
    yield from troubles
    if not troubles:
        yield from _ways_that_are_shut(cluster)


def _silent(cluster: ClusterProduct, since: datetime) -> Iterator[str]:
    """Yield controllers and nodes that haven't been heard of."""
    leases = [("lease", name, "-n", _SYSTEM) for name in _CONTROLLERS]
    leases += [("lease", name, "-n", "kube-node-lease") for name in container_names(cluster)]
    for lease in leases:
        done = cluster.run_kubectl("get", *lease, "-o", "jsonpath={.spec.renewTime}")
        if not done.stdout or datetime.fromisoformat(done.stdout) < since:
            yield f"nothing was heard of {lease[1]}"


def _unfit_nodes(cluster: ClusterProduct) -> Iterator[str]:
    found = {item["metadata"]["name"]: item for item in cluster.get("nodes")["items"]}
    for name in container_names(cluster):
        if name not in found or not is_ready(found[name]):
            yield f"the node {name} is not ready"
            continue
        for taint in found[name]["spec"].get("taints", []):
            if taint["key"] != "node-role.kubernetes.io/control-plane":
                yield f"the node {name} has the taint {taint['key']}"


def _unfit_pods(cluster: ClusterProduct) -> Iterator[str]:
    """Yield pods that aren't ready, and what has too few or too many of them."""
    for namespace in _NAMESPACES:
        for pod in cluster.get("pods", "-n", namespace)["items"]:
            if not is_ready(pod) or "deletionTimestamp" in pod["metadata"]:
                yield f"the pod {pod['metadata']['name']} is not ready"
        for item in cluster.get("deployments,daemonsets", "-n", namespace)["items"]:
            if not _is_rolled_out(item):
                yield f"{item['kind']} {item['metadata']['name']} is not complete"


def _is_rolled_out(item: dict[str, Any]) -> bool:
    status = item["status"]
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    if item["kind"] == "DaemonSet":
        wanted = status["desiredNumberScheduled"]
        return bool(status.get("numberReady", 0) == status.get("updatedNumberScheduled", 0) == wanted)
    wanted = item["spec"]["replicas"]
    return bool(
        status.get("readyReplicas", 0) == status.get("updatedReplicas", 0) == status.get("replicas", 0) == wanted
    )


def _ways_that_are_shut(cluster: ClusterProduct) -> Iterator[str]:
    """Yield what can't be reached: pods and Services from each node, the dashboard from here."""
    names = cluster.get("pods", "-n", _SYSTEM, "-l", "k8s-app=kube-dns")["items"]
    targets = [(pod["status"]["podIP"], 53) for pod in names]
    for namespace, service, port in (("default", "kubernetes", 443), (_SYSTEM, "kube-dns", 53)):
        targets.append((cluster.get("service", service, "-n", namespace)["spec"]["clusterIP"], port))
    for node in nodes(cluster):
        yield from (
            f"{node.name} does not reach {host}:{port}" for host, port in targets if not _opens(node, host, port)
        )
    answer = cluster.request("GET", "/api/v1/me")
    if answer.status != 200:
        yield f"the dashboard answers {answer.status}"


def _opens(node: Node, host: str, port: int) -> bool:
    return "open" in node.run("timeout", "5", "bash", "-c", f"{_OPENS} && echo open", host, str(port), check=False)
