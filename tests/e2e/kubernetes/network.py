"""What a workspace's network lets through: each probe as things are, and again with the policies loosened.

The second time proves that the first was a test: what the policies keep away is there, and would answer. Policies only
add up, so a further one that allows everything takes nothing away that has to be put back.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.kubernetes.inhabitants import Listener, run_inside
from tests.e2e.kubernetes.nodes import Node, node_of, nodes, platform_pods, pod_ports, pods, workspace_pod
from tests.support.cluster import PLATFORM, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT, READY_PORT, RELAY_PORT

Target = tuple[str, str, int]
"""Protocol, host and port."""

KUBELET: Final = 10250
AGENT_PORT: Final = 8081
METADATA: Final = "169.254.169.254"
PRIVATE: Final = ("10.77.77.77", "172.31.77.77", "192.168.77.77", "100.100.100.200")
"""An address of each private range (RFC 1918, RFC 6598); the last is where Alibaba Cloud has its metadata."""
INTERNET: Final = "192.88.99.77"
"""An address of a relay service that was given up (RFC 7526): no cluster has it, and it counts as public."""

_SYSTEM: Final = "kube-system"
_LOOSE: Final = "test-allows-everything"
_ALLOW_ALL: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": _LOOSE},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]},
}


@dataclass(frozen=True)
class Network:
    """What became of all probes, by the group of their target."""

    closed: dict[str, dict[Target, str]]
    """As the product is installed."""
    loosened: dict[str, dict[Target, str]]
    """With everything allowed."""
    answers: dict[str, tuple[int, str]]
    """With everything allowed, what API server and kubelets said to each way of asking."""


def look(cluster: ClusterProduct, attacker: str, victim: Listener, credentials: dict[str, str]) -> Network:
    """Probe everything from inside ``attacker``'s workspace.

    Parameters
    ----------
    victim
        A program in the other workspace.
    credentials
        Tokens to try, by what they are.
    """
    with outside_addresses(cluster, attacker), socket.create_server(("0.0.0.0", 0)) as host_listener:
        groups = targets(cluster, attacker, victim, host_port=host_listener.getsockname()[1])
        closed = probe(cluster, attacker, groups)
        with loosened(cluster):
            open_: dict[str, dict[Target, str]] = {}

            def is_open() -> bool:
                open_.update(probe(cluster, attacker, groups))
                return all(
                    outcome == "open" for name in groups if name != "own node" for outcome in open_[name].values()
                )

            # Each node takes a policy over in its own time. What stays closed is for the tests to say.
            with contextlib.suppress(AssertionError):
                wait_until(is_open, "the policies are loosened")
            answers = ask_cluster(cluster, attacker, credentials)
        victims: Target = ("tcp", victim_address(cluster, victim), victim.port)
        again = {"": [victims]}
        wait_until(lambda: probe(cluster, attacker, again)[""][victims] != "open", "the policies hold again")
    return Network(closed, open_, answers)


def targets(cluster: ClusterProduct, attacker: str, victim: Listener, *, host_port: int) -> dict[str, list[Target]]:
    """Return everything to probe, by group."""
    address = victim_address(cluster, victim)
    service = f"code-server-{victim.workspace}.{WORKSPACES}.svc"
    own = node_of(cluster, workspace_pod(cluster, attacker))
    others = [node for node in nodes(cluster) if node.name != own.name]
    groups: dict[str, list[Target]] = defaultdict(list)
    groups["another's pod"] = [("tcp", address, port) for port in (EDITOR_PORT, RELAY_PORT, READY_PORT, victim.port)]
    groups["another's pod"].append(("udp", address, victim.port))
    groups["another's service"] = [
        ("tcp", each, EDITOR_PORT) for each in (service, _service_address(cluster, victim.workspace))
    ]
    for component in ("control-plane", "operator", "edge"):
        for pod in platform_pods(cluster, component):
            for port in pod_ports(cluster, pod):
                if (component, port) != ("control-plane", AGENT_PORT):
                    groups[component].append(("tcp", pod["status"]["podIP"], port))
    for port in (8080, 8082):
        groups["control-plane"].append(("tcp", f"control-plane.{PLATFORM}.svc", port))
    groups["edge"].append(("tcp", f"edge.{PLATFORM}.svc", 80))
    for pod in platform_pods(cluster, "edge"):
        ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
        groups["edge"] += [("tcp", pod["status"]["hostIP"], p["hostPort"]) for p in ports if "hostPort" in p]
    groups["API server"] = [("tcp", "kubernetes.default.svc", 443)]
    for node in others:
        groups["nodes"] += [("tcp", node.address, port) for port in node.ports()]
    groups["cluster"] = list(_cluster_pods(cluster))
    groups["metadata"] = [("tcp", METADATA, KUBELET)]
    groups["private ranges"] = [("tcp", each, KUBELET) for each in PRIVATE]
    groups["machine under the cluster"] = [("tcp", _gateway(own), host_port)]
    groups["agent port"] = [("tcp", f"control-plane.{PLATFORM}.svc", AGENT_PORT)]
    groups["names"] = [("tcp", f"kube-dns.{_SYSTEM}.svc", 53)]
    groups["internet"] = [("tcp", INTERNET, KUBELET)]
    groups["own node"] = [("tcp", own.address, port) for port in own.ports()]
    return groups


def probe(cluster: ClusterProduct, attacker: str, groups: dict[str, list[Target]]) -> dict[str, dict[Target, str]]:
    """Try to reach targets from inside a workspace, all at once; return what became of each."""
    wanted = [target for group in groups.values() for target in group]
    outcomes = dict(zip(wanted, run_inside(cluster, attacker, "probe", wanted), strict=True))
    return {name: {target: outcomes[target] for target in group} for name, group in groups.items()}


def ask_cluster(cluster: ClusterProduct, attacker: str, credentials: dict[str, str]) -> dict[str, tuple[int, str]]:
    """Ask API server and kubelets from inside a workspace for what is worth having, anonymously and by tokens."""
    api = "https://kubernetes.default.svc/api/v1/namespaces"
    urls = {
        "secrets of workspaces": f"{api}/{WORKSPACES}/secrets",
        "secrets of the platform": f"{api}/{PLATFORM}/secrets",
        "Workspace objects": f"https://kubernetes.default.svc/apis/vibecode.dev/v1alpha1/namespaces/{WORKSPACES}/workspaces",
    }
    for node in nodes(cluster):
        urls[f"pods of {node.name}"] = f"https://{node.address}:{KUBELET}/pods"
    requests, names = [], []
    for credential, token in {"nothing": "", **credentials}.items():
        for name, url in urls.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            requests.append({"method": "GET", "url": url, "headers": headers})
            names.append(f"{name} with {credential}")
    answers = run_inside(cluster, attacker, "ask", requests)
    return {name: (status, body) for name, (status, body) in zip(names, answers, strict=True)}


@contextlib.contextmanager
def loosened(cluster: ClusterProduct) -> Iterator[None]:
    """Allow everything to all pods of workspaces and platform for a while."""
    policy = json.dumps(_ALLOW_ALL)
    try:
        for namespace in (WORKSPACES, PLATFORM):
            cluster.kubectl("apply", "-n", namespace, "-f", "-", input=policy)
        yield
    finally:
        for namespace in (WORKSPACES, PLATFORM):
            cluster.kubectl("delete", "-n", namespace, "networkpolicy", _LOOSE, "--ignore-not-found")


@contextlib.contextmanager
def outside_addresses(cluster: ClusterProduct, attacker: str) -> Iterator[None]:
    """Give addresses of the outside to another node than the attacker's, and routes to them.

    The kubelet there answers at all addresses of its node, so there is something to reach. It has to be another node:
    Kubernetes lets pods and their own node always talk, whatever policies say (NetworkPolicy, "What you can't do").
    """
    own = node_of(cluster, workspace_pod(cluster, attacker))
    other = next(node for node in nodes(cluster) if node.name != own.name)
    addresses = (METADATA, *PRIVATE, INTERNET)
    try:
        for address in addresses:
            other.run("ip", "address", "replace", f"{address}/32", "dev", "lo")
            own.run("ip", "route", "replace", f"{address}/32", "via", other.address)
        yield
    finally:
        for address in addresses:
            own.run("ip", "route", "delete", f"{address}/32", check=False)
            other.run("ip", "address", "delete", f"{address}/32", "dev", "lo", check=False)


def victim_address(cluster: ClusterProduct, victim: Listener) -> str:
    """Return the address of the pod that a listener is in."""
    address: str = workspace_pod(cluster, victim.workspace)["status"]["podIP"]
    return address


def _service_address(cluster: ClusterProduct, workspace: str) -> str:
    address: str = cluster.get("service", f"code-server-{workspace}", "-n", WORKSPACES)["spec"]["clusterIP"]
    return address


def _cluster_pods(cluster: ClusterProduct) -> Iterator[Target]:
    """Yield the TCP ports that the cluster's own pods declare, but for looking up names."""
    for pod in pods(cluster, _SYSTEM):
        if pod["spec"].get("hostNetwork"):
            continue  # those are the node's ports
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", []):
                if port.get("protocol", "TCP") == "TCP" and port["containerPort"] != 53:
                    yield "tcp", pod["status"]["podIP"], port["containerPort"]


def _gateway(node: Node) -> str:
    """Return the address of this machine on Docker's network."""
    route: dict[str, Any] = json.loads(node.run("ip", "-json", "route", "show", "default"))[0]
    gateway: str = route["gateway"]
    return gateway
