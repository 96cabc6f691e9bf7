"""Parts of the cluster that are gone for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from tests.e2e.kubernetes.nodes import nodes, platform_pods
from tests.e2e.kubernetes.recovery import wait_recovered
from tests.support.cluster import PATIENCE, PLATFORM, ClusterProduct
from tests.support.product_api import wait_until

_MANIFESTS: Final = "/etc/kubernetes/manifests"
_ASIDE: Final = "/root"
_CLIENTS: Final = ("kube-controller-manager", "kube-scheduler")
"""The cluster's own controllers, which are nothing without the API server: they would end again and again, and the
kubelet would wait longer each time, for minutes at last."""


@contextlib.contextmanager
def without_api_server(cluster: ClusterProduct) -> Iterator[None]:
    """Stop the API server, with the cluster's own controllers; at the end the cluster is itself again."""
    node = next(node for node in nodes(cluster) if node.is_control_plane)

    def move(name: str, source: str, target: str) -> None:
        node.run("mv", f"{source}/{name}.yaml", f"{target}/{name}.yaml")

    def answers() -> bool:
        return cluster.run_kubectl("get", "--raw", "/readyz", "--request-timeout=5s").returncode == 0

    moved = []
    try:
        for name in (*_CLIENTS, "kube-apiserver"):
            move(name, _MANIFESTS, _ASIDE)
            moved.append(name)
        wait_until(lambda: not answers(), "the API server is gone", limit=PATIENCE)
        yield
    finally:
        for name in reversed(moved):
            move(name, _ASIDE, _MANIFESTS)
            wait_until(answers, "the API server is back", limit=PATIENCE)
        # It ends without the API server too.
        cluster.kubectl("delete", "pods", "--all", "-n", "local-path-storage", "--wait=false")
        wait_recovered(cluster)


@contextlib.contextmanager
def without_replicas(cluster: ClusterProduct, deployment: str, *, of: int) -> Iterator[None]:
    """Have no pod of a part of the platform; at the end it has ``of`` again."""

    def scale(number: int) -> None:
        cluster.kubectl("scale", "-n", PLATFORM, f"deployment/{deployment}", f"--replicas={number}")

    try:
        scale(0)
        wait_until(lambda: not platform_pods(cluster, deployment), f"{deployment} is gone", limit=PATIENCE)
        yield
    finally:
        scale(of)
