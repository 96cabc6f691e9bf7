"""Parts of the cluster that are gone for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from tests.e2e.kubernetes.nodes import nodes
from tests.e2e.kubernetes.recovery import api_service, closed_to, wait_recovered
from tests.support.cluster import PATIENCE, PLATFORM, ClusterProduct
from tests.support.product_api import wait_until

_MANIFESTS: Final = "/etc/kubernetes/manifests"
_ASIDE: Final = "/root"
_CLIENTS: Final = ("kube-controller-manager", "kube-scheduler")
"""The cluster's own controllers. They are nothing without the API server: they would end again and again, as would who
makes volumes, and the kubelet would start them after minutes at last."""


@contextlib.contextmanager
def without_api_server(cluster: ClusterProduct) -> Iterator[None]:
    """Stop the API server, with the cluster's own controllers; at the end the cluster is itself again."""
    members = nodes(cluster)
    node, service = next(each for each in members if each.is_control_plane), api_service(cluster)

    def move(name: str, source: str, target: str) -> None:
        node.run("mv", f"{source}/{name}.yaml", f"{target}/{name}.yaml")

    def answers() -> bool:
        return cluster.run_kubectl("get", "--raw", "/readyz", "--request-timeout=5s").returncode == 0

    def is_found() -> bool:
        return not any(closed_to(each, service) for each in members)

    moved = []
    with without_replicas(cluster, "local-path-provisioner", of=1, namespace="local-path-storage"):
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
            # Who makes volumes ends at once, too, if it doesn't find the API server when it starts.
            wait_until(is_found, "pods find it again", limit=PATIENCE)
    wait_recovered(cluster)


@contextlib.contextmanager
def without_replicas(cluster: ClusterProduct, deployment: str, *, of: int, namespace: str = PLATFORM) -> Iterator[None]:
    """Have no pod of a Deployment; at the end ``of`` are asked for again."""

    def scale(number: int) -> None:
        cluster.kubectl("scale", "-n", namespace, f"deployment/{deployment}", f"--replicas={number}")

    def is_gone() -> bool:
        return "replicas" not in cluster.get("deployment", deployment, "-n", namespace)["status"]

    try:
        scale(0)
        wait_until(is_gone, f"{deployment} is gone", limit=PATIENCE)
        yield
    finally:
        scale(of)
