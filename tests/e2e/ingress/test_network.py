"""Who reaches whom other than in the ways that are meant: workspaces, and pods that have no part in this."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.e2e.kubernetes.inhabitants import INSIDE, run_inside
from tests.e2e.kubernetes.network import Target, loosened
from tests.e2e.kubernetes.nodes import node_of, platform_pods, pods, workspace_pod
from tests.integration.security.people import Person
from tests.support.cluster import PLATFORM
from tests.support.ingress import BehindIngress
from tests.support.product_api import wait_until

Probe = Callable[[list[Target]], list[str]]

BYSTANDER: Final = "bystander"


@pytest.fixture(scope="module")
def bystander(cluster: BehindIngress) -> Iterator[Probe]:
    """Probes from a pod of the namespace ``default``, which no policy is for."""
    image = platform_pods(cluster, "control-plane")[0]["spec"]["containers"][0]["image"]
    cluster.kubectl("run", BYSTANDER, "--image", image, "--command", "--", "sleep", "infinity")
    cluster.kubectl("wait", "pod", BYSTANDER, "--for", "condition=Ready", "--timeout", "60s")
    source = (INSIDE / "probe.py").read_text()

    def probe(targets: list[Target]) -> list[str]:
        outcomes: list[str] = json.loads(
            cluster.kubectl("exec", BYSTANDER, "--", "python3", "-c", source, json.dumps(targets))
        )
        return outcomes

    yield probe
    cluster.kubectl("delete", "pod", BYSTANDER, "--now")


def outcomes(cluster: BehindIngress, probe: Probe, targets: list[Target]) -> tuple[list[str], list[str]]:
    """Return what becomes of probes as things are, and with everything allowed: what is kept away has to be there."""
    closed = probe(targets)
    with loosened(cluster):
        wait_until(lambda: probe(targets[:1]) == ["open"], "the policies are loosened")
        open_ = probe(targets)
    wait_until(lambda: probe(targets[:1]) != ["open"], "the policies hold again")
    return closed, open_


def of_the_edge(cluster: BehindIngress) -> list[Target]:
    addresses = [pod["status"]["podIP"] for pod in platform_pods(cluster, "edge")]
    return [("tcp", f"edge.{PLATFORM}.svc", 80), *(("tcp", address, 8080) for address in addresses)]


def test_a_workspace_reaches_neither_the_controller_nor_the_edge(cluster: BehindIngress, alice: Person) -> None:
    (controller,) = pods(cluster, "traefik")
    address = controller["status"]["podIP"]
    targets: list[Target] = [
        *of_the_edge(cluster),
        *(("tcp", address, port) for port in (8000, 8443, 8080)),
        *(("tcp", "traefik.traefik.svc", port) for port in (80, 443, 8080)),
        *(("tcp", node_of(cluster, controller).address, port) for port in (80, 443)),
    ]

    def probe(some: list[Target]) -> list[str]:
        found: list[str] = run_inside(cluster, alice.name, "probe", some)
        return found

    closed, open_ = outcomes(cluster, probe, targets)
    assert set(open_) == {"open"}
    assert [target for target, outcome in zip(targets, closed, strict=True) if outcome == "open"] == []


def test_only_the_controller_reaches_the_edge_and_nobody_goes_around_it(
    cluster: BehindIngress, alice: Person, bystander: Probe
) -> None:
    (control_plane,) = platform_pods(cluster, "control-plane")
    targets: list[Target] = [
        *of_the_edge(cluster),
        *(("tcp", control_plane["status"]["podIP"], port) for port in (8080, 8081, 8082)),
        ("tcp", workspace_pod(cluster, alice.name)["status"]["podIP"], 8080),
    ]
    closed, open_ = outcomes(cluster, bystander, targets)
    assert set(open_) == {"open"}
    assert [target for target, outcome in zip(targets, closed, strict=True) if outcome == "open"] == []
