"""The nodes of a KIND cluster, which are containers of this machine's Docker."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Any, Final

from tests.support.cluster import PATIENCE, PLATFORM, WORKSPACES, ClusterProduct

_LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp."""


@dataclass(frozen=True)
class Node:
    """A node, whose name is its container's."""

    name: str
    address: str
    labels: dict[str, str]

    @property
    def is_control_plane(self) -> bool:
        return "node-role.kubernetes.io/control-plane" in self.labels

    def run(self, *argv: str, check: bool = True) -> str:
        """Run a program on the node, as root; return what it printed."""
        done = subprocess.run(
            ["docker", "exec", self.name, *argv], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout

    def docker(self, action: str) -> None:
        """Have Docker ``stop``, ``start`` or ``restart`` the node."""
        subprocess.run(["docker", action, self.name], capture_output=True, timeout=PATIENCE, check=True)

    def ports(self) -> list[int]:
        """Return the TCP ports that something listens on, other than on loopback addresses."""
        return listening(self.run("cat", "/proc/net/tcp", "/proc/net/tcp6"))


def nodes(cluster: ClusterProduct) -> list[Node]:
    """Return all nodes that are registered."""
    return [_node(item) for item in cluster.get("nodes")["items"]]


def container_names(cluster: ClusterProduct) -> list[str]:
    """Return the names of all nodes, whether they are registered or not."""
    done = subprocess.run(["kind", "get", "nodes", "--name", cluster.name], capture_output=True, text=True, check=True)
    return done.stdout.split()


def node_of(cluster: ClusterProduct, pod: dict[str, Any]) -> Node:
    """Return the node that a pod is on."""
    return _node(cluster.get("node", pod["spec"]["nodeName"]))


def _node(item: dict[str, Any]) -> Node:
    metadata = item["metadata"]
    address = next(each["address"] for each in item["status"]["addresses"] if each["type"] == "InternalIP")
    return Node(metadata["name"], address, metadata["labels"])


def workspace_pod(cluster: ClusterProduct, workspace: str) -> dict[str, Any]:
    """Return the pod of a workspace."""
    found = pods(cluster, WORKSPACES, f"vibecode.dev/workspace={workspace}")
    assert len(found) == 1, [pod["metadata"]["name"] for pod in found]
    return found[0]


def platform_pods(cluster: ClusterProduct, component: str) -> list[dict[str, Any]]:
    """Return the pods of a part of the platform that aren't being deleted."""
    return pods(cluster, PLATFORM, f"app.kubernetes.io/component={component}")


def pods(cluster: ClusterProduct, namespace: str, labels: str = "") -> list[dict[str, Any]]:
    """Return the pods of a namespace that aren't being deleted."""
    items: list[dict[str, Any]] = cluster.get("pods", "-n", namespace, "-l", labels)["items"]
    return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]


def is_ready(item: dict[str, Any]) -> bool:
    """Tell whether a pod or node has the condition Ready."""
    conditions = item["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def listening(table: str) -> list[int]:
    """Return the ports in /proc/net/tcp and tcp6 that something listens on, other than on loopback addresses."""
    found = set()
    for line in table.splitlines():
        columns = line.split()
        if len(columns) < 4 or columns[3] != _LISTENING:
            continue
        address, _, port = columns[1].partition(":")
        # Each group of 32 bits is in the order of this machine: the last byte of an IPv4 address comes first.
        is_loopback = address.endswith("7F") if len(address) == 8 else address == "0" * 24 + "01000000"
        if not is_loopback:
            found.add(int(port, 16))
    return sorted(found)


def pod_ports(cluster: ClusterProduct, pod: dict[str, Any]) -> list[int]:
    """Return the ports of a pod that something listens on, as its own kernel tells."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    container = pod["spec"]["containers"][0]["name"]
    command = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
    return listening(cluster.kubectl("exec", "-n", namespace, name, "-c", container, "--", *command))


@dataclass(frozen=True)
class Process:
    """A process on a node."""

    node: Node
    number: int

    def signal(self, name: str) -> None:
        self.node.run("kill", f"-{name}", str(self.number))


def first_process(cluster: ClusterProduct, pod: dict[str, Any]) -> Process:
    """Return the process that a pod's container was started with, found by POD_NAME in its environment.

    From inside it can't be killed or stopped: there it's number 1.
    """
    node = node_of(cluster, pod)
    script = (
        'for found in $(grep -lsxz "POD_NAME=$0" /proc/[0-9]*/environ); do '
        r'grep -ls "^NSpid:.*[[:space:]]1$" "${found%environ}status"; done; true'
    )
    found = node.run("sh", "-c", script, pod["metadata"]["name"]).split()
    assert len(found) == 1, found
    return Process(node, int(found[0].split("/")[2]))
