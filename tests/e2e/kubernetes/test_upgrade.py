"""Upgrade and rollback of the platform while people work: whoever is connected stays connected."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.kubernetes.edge import get, send, status, websocket
from tests.e2e.kubernetes.inhabitants import Listener, listen
from tests.integration.security.people import Person, enter, host_of
from tests.support.cluster import NAME, PLATFORM, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until
from vibecode.cluster.platform import PLATFORM_NODES

pytestmark = pytest.mark.timeout(1200)

CHART: Final = Path(__file__).parents[3] / "charts" / "vibecode-platform"
RELEASE: Final = "vibecode"
NEWER: Final = "vibecode/control-plane:newer"


def helm(cluster: ClusterProduct, *arguments: str) -> str:
    argv = ["helm", "--kubeconfig", str(cluster.kubeconfig), "--namespace", PLATFORM, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pods(cluster: ClusterProduct, namespace: str, selector: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = cluster.get("pods", "-n", namespace, "-l", selector)["items"]
    return items


def component(cluster: ClusterProduct, name: str) -> list[dict[str, Any]]:
    return pods(cluster, PLATFORM, f"app.kubernetes.io/component={name}")


def identities(items: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return which pods these are, and how often containers of theirs were started again."""
    return sorted(
        (each["metadata"]["uid"], sum(one["restartCount"] for one in each["status"]["containerStatuses"]))
        for each in items
    )


@pytest.fixture(scope="module")
def program(cluster: ClusterProduct, alice: Person) -> Listener:
    return listen(cluster, alice.name, 18082, "alice")


@pytest.fixture
def newer(cluster: ClusterProduct) -> Iterator[str]:
    """Another image of the control plane, on the nodes that run it: a layer more than the present one."""
    [pod] = component(cluster, "control-plane")
    present = pod["spec"]["containers"][0]["image"]
    nodes = cluster.get("nodes", "-l", ",".join(f"{key}={value}" for key, value in PLATFORM_NODES.items()))["items"]
    build = subprocess.run(
        ["docker", "build", "--tag", NEWER, "-"],
        input=f"FROM {present}\nENV VIBECODE_TEST_IS_NEWER=yes\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    names = ",".join(node["metadata"]["name"] for node in nodes)
    load = subprocess.run(
        ["kind", "load", "docker-image", NEWER, "--name", NAME, "--nodes", names],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert load.returncode == 0, load.stderr
    before = json.loads(helm(cluster, "history", RELEASE, "--output", "json"))[-1]["revision"]
    try:
        yield NEWER.rpartition(":")[2]
    finally:
        if component(cluster, "control-plane")[0]["spec"]["containers"][0]["image"] != present:
            helm(cluster, "rollback", RELEASE, str(before), "--wait", "--timeout", "5m")
        docker("image", "rm", NEWER)


def test_upgrade_and_rollback_disconnect_nobody(
    cluster: ClusterProduct, alice: Person, program: Listener, newer: str
) -> None:
    session = program.session(alice)
    editor = host_of(cluster, alice.name)
    editor_session = enter(cluster, alice.cookie, alice.name)
    selector = f"vibecode.dev/workspace={alice.name}"
    workspace = identities(pods(cluster, WORKSPACES, selector))
    edge = identities(component(cluster, "edge"))
    revision = json.loads(helm(cluster, "history", RELEASE, "--output", "json"))[-1]["revision"]
    values = cluster.data_dir / "kubernetes" / "values.json"
    set_newer = ("--values", str(values), "--set", f"controlPlane.image.tag={newer}")
    steps = (
        ("upgrade", RELEASE, str(CHART), *set_newer, "--wait", "--timeout", "5m"),
        ("rollback", RELEASE, str(revision), "--wait", "--timeout", "5m"),
    )

    def loads() -> bool:
        page = (f"Cookie: {editor_session}", "Accept: text/html", "Sec-Fetch-Mode: navigate")
        answer = send(cluster, get(editor, *page, target="/?folder=/workspace"))
        return status(answer) == 200 and b"workbench" in answer

    wait_until(loads, "the editor's page loads")
    with websocket(cluster, program.host, session) as talk:
        assert talk.echoes("before")
        for step in steps:
            [before] = component(cluster, "control-plane")
            helm(cluster, *step)
            [after] = component(cluster, "control-plane")
            assert after["metadata"]["uid"] != before["metadata"]["uid"]
            assert (after["spec"]["containers"][0]["image"] == NEWER) == (step[0] == "upgrade")
            assert talk.echoes(f"after the {step[0]}")
            wait_until(loads, f"the editor's page loads after the {step[0]}")
            assert talk.echoes("still there")
            assert identities(pods(cluster, WORKSPACES, selector)) == workspace
            assert identities(component(cluster, "edge")) == edge
            with websocket(cluster, program.host, session) as another:
                assert another.echoes("somebody new")
