"""A node that restarts, and one that doesn't come back."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.kubernetes.nodes import Node, node_of, nodes, pods, workspace_pod
from tests.e2e.kubernetes.objects import create, message, of_workspaces, remove, wait_settled, workspace_object
from tests.e2e.kubernetes.recovery import wait_recovered
from tests.e2e.kubernetes.shared_storage import CLASS, SharedStorage, shared_storage
from tests.e2e.kubernetes.witness import status_of
from tests.integration.security.people import Person, enter, host_of
from tests.support.cluster import PATIENCE, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until

MOVABLE = "movable"


@pytest.fixture
def node(cluster: ClusterProduct, alice: Person) -> Node:
    """The node that Alice's workspace is on."""
    return node_of(cluster, workspace_pod(cluster, alice.name))


@pytest.fixture
def other(cluster: ClusterProduct, node: Node) -> Node:
    """Another node that is no control plane."""
    return next(each for each in nodes(cluster) if not each.is_control_plane and each.name != node.name)


@pytest.fixture
def storage(cluster: ClusterProduct, node: Node, other: Node) -> Iterator[SharedStorage]:
    """A workspace that runs on the node, with volumes that the other can have as well."""
    with shared_storage(cluster, [node, other], MOVABLE) as storage:
        create(cluster, workspace_object(MOVABLE, running=True, batch=MOVABLE, storageClassName=CLASS))
        try:
            wait_settled(cluster, MOVABLE, 1)
            yield storage
        finally:
            remove(cluster, MOVABLE)


def test_a_workspace_comes_back_after_its_node_restarted(cluster: ClusterProduct, alice: Person, node: Node) -> None:
    cluster.files(alice.name).write("mine.txt", "not to be lost")
    before = containers(cluster, alice.name)
    begun = time.monotonic()
    node.docker("restart")
    wait_until(lambda: containers(cluster, alice.name) not in ([], before), "its container is another", limit=PATIENCE)
    cluster.wait_for(alice.name, "running")
    wait_at_work(cluster, alice)
    print(f"a node restarted, and the editor answered after {time.monotonic() - begun:.0f} s")
    wait_recovered(cluster)


def test_a_lost_node_is_named_and_who_can_comes_back_on_another(
    cluster: ClusterProduct, alice: Person, node: Node, other: Node, storage: SharedStorage
) -> None:
    """Alice's volumes are directories of the node that is lost, so she has to wait for it; others' need not."""
    assert workspace_pod(cluster, MOVABLE)["spec"]["nodeName"] == node.name
    for name in (alice.name, MOVABLE):
        cluster.files(name).write("mine.txt", "not to be lost")
    storage.spread(node)
    begun = time.monotonic()
    with away(cluster, node):
        bring_image(cluster, other)
        silent = f"The node {node.name} does not answer"
        wait_said(cluster, alice.name, f"{silent}, and its volumes are on it: it goes on when the node is back.")
        wait_said(cluster, MOVABLE, f"{silent}. If it stays so, it is moved")
        print(f"a node was lost, and its workspaces said so after {time.monotonic() - begun:.0f} s")
        with labelled(cluster, other, f"tier={node.labels['tier']}"):
            cluster.kubectl("delete", "node", node.name)
            wait_settled(cluster, MOVABLE, 1)
            print(f"a node was lost, and a workspace ran on another after {time.monotonic() - begun:.0f} s")
            assert workspace_pod(cluster, MOVABLE)["spec"]["nodeName"] == other.name
            assert cluster.files(MOVABLE).read("mine.txt") == "not to be lost"
            wait_said(cluster, alice.name, "The node that holds its volumes is gone")
            assert cluster.api("GET", f"/workspaces/{alice.name}")["status"] == "pending"
    cluster.wait_for(alice.name, "running")
    wait_at_work(cluster, alice)
    assert workspace_pod(cluster, alice.name)["spec"]["nodeName"] == node.name


@contextlib.contextmanager
def away(cluster: ClusterProduct, node: Node) -> Iterator[None]:
    """Have a node stopped; at the end it is there again, and the cluster itself."""
    node.docker("stop")
    try:
        yield
    finally:
        node.docker("start")
        wait_recovered(cluster)


def bring_image(cluster: ClusterProduct, node: Node) -> None:
    """Bring the image of workspaces to a node that had none."""
    image = workspace_pod(cluster, MOVABLE)["spec"]["containers"][0]["image"]
    argv = ["kind", "load", "docker-image", image, "--name", cluster.name, "--nodes", node.name]
    subprocess.run(argv, capture_output=True, timeout=PATIENCE, check=True)


@contextlib.contextmanager
def labelled(cluster: ClusterProduct, node: Node, label: str) -> Iterator[None]:
    """Have a label of a node with another value."""
    key = label.partition("=")[0]
    try:
        cluster.kubectl("label", "node", node.name, label, "--overwrite")
        yield
    finally:
        cluster.kubectl("label", "node", node.name, f"{key}={node.labels[key]}", "--overwrite")


def containers(cluster: ClusterProduct, name: str) -> list[str]:
    """Return the ids of a workspace's containers."""
    found = pods(cluster, WORKSPACES, of_workspaces([name]))
    statuses = [each for pod in found for each in pod["status"].get("containerStatuses", [])]
    return [each["containerID"] for each in statuses if "containerID" in each]


def wait_said(cluster: ClusterProduct, name: str, words: str) -> None:
    """Wait until something is said about a workspace."""
    wait_until(lambda: words in message(cluster, name), f"it is said of {name}: {words}", limit=PATIENCE)


def wait_at_work(cluster: ClusterProduct, person: Person) -> None:
    """Wait until the editor answers its owner through the edge, with what was in it."""
    session, host = enter(cluster, person.cookie, person.name), host_of(cluster, person.name)
    wait_until(
        lambda: status_of(cluster, host, session, target="/healthz") == 200, "the editor answers", limit=PATIENCE
    )
    assert cluster.files(person.name).read("mine.txt") == "not to be lost"
