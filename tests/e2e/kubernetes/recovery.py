"""When a cluster that something was done to is itself again."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tests.e2e.kubernetes.nodes import Node, container_names, is_ready, nodes, pods
from tests.support.cluster import PATIENCE, PLATFORM, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until

_CONTROLLERS: Final = ("kube-controller-manager", "kube-scheduler")
_KINDS: Final = "nodes,leases.coordination.k8s.io,pods,deployments,daemonsets"
_CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
_TRY: Final = 'for target; do timeout 5 bash -c "exec 3<>/dev/tcp/$target" || echo "$target"; done'
"""Prints which of its arguments, such as ``10.96.0.1/443``, take no connection."""

_SYSTEM: Final = "kube-system"
_ASK: Final = """
import socket, sys
name, *resolvers = sys.argv[1:]
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
for resolver in resolvers:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.settimeout(5)
        way.connect((resolver, 53))
        way.send(bytes.fromhex("000101000001000000000000") + labels + bytes.fromhex("0000010001"))
        try:
            is_known = way.recv(512)[6:8] != bytes(2)
        except OSError:
            is_known = False
    if not is_known:
        print(f"the resolver {resolver} does not know {name}")
"""
"""Asks resolvers for the address of a name (RFC 1035), and prints those that have none."""

_Objects = Mapping[str, Sequence[dict[str, Any]]]
"""By kind."""


def wait_recovered(cluster: ClusterProduct) -> None:
    """Wait until the cluster works as before: whatever comes next must not meet what is left of a fault.

    Nodes and controllers have to say so anew, since their last words may be those of before the fault. Who lost sight
    of the API server asks again after up to a minute, and until then knows nothing that is new.
    """
    since = datetime.now(UTC)
    _wait(lambda: _troubles(cluster, since))
    with newcomer(cluster) as name:
        _wait(lambda: _strangers(cluster, name))


def _wait(look: Callable[[], list[str]]) -> None:
    """Wait until there are no troubles; fail with those that are left."""
    found: list[str] = []

    def is_well() -> bool:
        try:
            found[:] = look()
        except (AssertionError, OSError) as error:  # what is asked does not answer yet
            found[:] = [str(error)]
        return not found

    try:
        wait_until(is_well, "the cluster is itself again", limit=PATIENCE)
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
    return [*_silent(objects, names, since), *_unfit_nodes(objects, names), *_unfit_pods(objects)]


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


def _strangers(cluster: ClusterProduct, new: str) -> list[str]:
    """Return who doesn't know what has just been made by :func:`newcomer`, and what doesn't answer."""
    item = cluster.get("daemonset", new, "-n", _SYSTEM)
    members = nodes(cluster)
    if not _is_rolled_out(item) or item["status"]["numberReady"] != len(members):
        return ["a new pod is not ready on each node"]
    service = service_address(cluster, new, 53, _SYSTEM)
    resolvers = [pod["status"]["podIP"] for pod in pods(cluster, _SYSTEM, "k8s-app=kube-dns")]
    found = []
    for node in members:
        closed = closed_to(node, service, api_service(cluster), *(f"{each}/53" for each in resolvers))
        found += [f"{node.name} does not reach {target}" for target in closed]
    control_plane = ("exec", "-n", PLATFORM, "deploy/control-plane", "--", "python", "-c", _ASK)
    found += cluster.kubectl(*control_plane, f"{new}.{_SYSTEM}.svc.cluster.local", *resolvers).splitlines()
    status = cluster.request("GET", "/api/v1/me").status
    return found + ([] if status == 200 else [f"the dashboard answers {status}"])


@contextlib.contextmanager
def newcomer(cluster: ClusterProduct) -> Iterator[str]:
    """Have a pod on each node, and a Service of their name, that were not there before."""
    new = f"test-newcomer-{secrets.token_hex(4)}"
    label, metadata = {"test": new}, {"name": new, "namespace": _SYSTEM}
    images = [name for image in cluster.get("nodes")["items"][0]["status"]["images"] for name in image["names"]]
    pause = {"name": "pause", "image": next(name for name in images if "/pause:" in name), "imagePullPolicy": "Never"}
    template = {
        "metadata": {"labels": label},
        "spec": {
            "containers": [pause],
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
        },
    }
    items = [
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": label}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53}]},
        },
    ]
    try:
        cluster.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        yield new
    finally:
        cluster.kubectl("delete", f"daemonset/{new}", f"service/{new}", "-n", _SYSTEM, "--ignore-not-found")


def api_service(cluster: ClusterProduct) -> str:
    """Return where pods find the API server, for :func:`closed_to`."""
    return service_address(cluster, "kubernetes", 443, "default")


def service_address(cluster: ClusterProduct, name: str, port: int, namespace: str) -> str:
    """Return the address of a Service, for :func:`closed_to`."""
    return f"{cluster.get('service', name, '-n', namespace)['spec']['clusterIP']}/{port}"


def closed_to(node: Node, *targets: str) -> list[str]:
    """Return the targets that take no connection from a node."""
    return node.run("bash", "-c", _TRY, "bash", *targets).split()
