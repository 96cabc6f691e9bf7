"""A real API server accepts what the platform's chart makes, in every way to expose it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.charts.cluster import RESTRICTED, Cluster
from tests.unit.charts.rendering import MODES, Object, merged, platform

FOREIGN = {"load balancer", "wildcard ingress", "ingress each", "gateway", "monitored"}
"""Modes with objects of kinds that others define."""


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """A namespace for the platform and one for workspaces."""
    with cluster.namespace() as first, cluster.namespace(RESTRICTED) as second:
        yield first, second


def objects(mode: str, namespaces: tuple[str, str]) -> list[Object]:
    """Render the chart for these namespaces."""
    first, second = namespaces
    rendered = platform(merged(MODES[mode], {"workspaces": {"namespace": second}}), namespace=first)
    # A pod is only accepted once its account is there; pods are checked below.
    return [each for each in rendered.objects if each["kind"] != "Pod"]


@pytest.mark.parametrize("mode", MODES)
def test_the_api_server_accepts_every_object(
    cluster: Cluster, namespaces: tuple[str, str], mode: str, request: pytest.FixtureRequest
) -> None:
    if mode in FOREIGN:
        request.getfixturevalue("foreign_kinds")
    rendered = objects(mode, namespaces)
    result = cluster.dry_run(*rendered)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == len(rendered)
    assert not result.stderr, "the API server warns of something"


@pytest.mark.parametrize("mode", ["default", "load balancer"])
def test_the_pods_meet_the_restricted_standard(cluster: Cluster, namespaces: tuple[str, str], mode: str) -> None:
    with cluster.namespace(RESTRICTED) as namespace:
        result = cluster.dry_run(*as_pods(mode, namespaces), namespace=namespace)
    assert result.returncode == 0, result.stderr
    assert "would violate" not in result.stderr


def test_ports_of_the_node_are_all_that_the_standard_minds(cluster: Cluster, namespaces: tuple[str, str]) -> None:
    with cluster.namespace(RESTRICTED) as namespace:
        result = cluster.dry_run(*as_pods("kind", namespaces), namespace=namespace)
    assert result.returncode != 0
    (refused,) = (line for line in result.stderr.splitlines() if "violates PodSecurity" in line)
    reasons = refused.split('violates PodSecurity "restricted:latest": ')[1]
    assert reasons.startswith("hostPort (container")
    assert ", " not in reasons.partition(")")[2]


def as_pods(mode: str, namespaces: tuple[str, str]) -> list[Object]:
    """Return pods as the platform's controllers would make them."""
    first, second = namespaces
    rendered = platform(merged(MODES[mode], {"workspaces": {"namespace": second}}), namespace=first)
    pods = []
    for name, template in rendered.pods().items():
        metadata = {"name": name, "labels": template["metadata"]["labels"]}
        # The account isn't there in this namespace, which is another question.
        spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
        pods.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return pods
