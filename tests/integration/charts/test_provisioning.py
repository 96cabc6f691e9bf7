"""Workspaces by Helm, by the script and by the command, on a real API server. The test stands in for the operator."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scripts.chart_values import ROOT, WORKSPACE
from tests.integration.charts.cluster import Cluster
from tests.integration.charts.test_release import Release

SCRIPT = (str(ROOT / "scripts/provision-workspace.sh"),)
COMMAND = (sys.executable, "-c", "from vibecode.cli.main import main; main()", "provision")
BOTH = pytest.mark.parametrize("tool", [SCRIPT, COMMAND], ids=["script", "command"])
DOMAIN = "vibecode.localhost"


@pytest.fixture(scope="module")
def release(cluster: Cluster, workspaces_defined: None) -> Iterator[Release]:
    with cluster.namespace() as first, cluster.namespace() as second:
        made = Release(cluster, first, second)
        made.upgrade()
        yield made
        made.helm("uninstall", "vibecode")


def provision(release: Release, tool: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the two for a release."""
    if tool is COMMAND:
        arguments = (*arguments, "--namespace", release.namespace, "--timeout", "60s")
    settings = {"VIBECODE_PLATFORM_NAMESPACE": release.namespace, "VIBECODE_PROVISION_TIMEOUT": "60s"}
    return subprocess.run(
        [*tool, *arguments],
        capture_output=True,
        text=True,
        env={**release.cluster.environment, **settings},
        timeout=100,
        check=False,
    )


def workspace(release: Release, name: str) -> dict[str, Any]:
    found = release.cluster.get("workspace", name, release.workspaces)
    assert found is not None
    return found


def set_status(release: Release, name: str, **status: Any) -> None:
    """Write a status as the operator does: with the generation that it is about."""
    known = {"observedGeneration": workspace(release, name)["metadata"]["generation"], **status}
    release.cluster.kubectl(
        *("patch", "workspace", name, "-n", release.workspaces, "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": known})),
    )


def condition(kind: str, status: str, message: str = "x") -> dict[str, str]:
    since = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": status, "reason": "Test", "message": message, "lastTransitionTime": since}


@contextmanager
def operator(release: Release, name: str) -> Iterator[threading.Event]:
    """Make a workspace run once it is there and the event is set, and tell its address."""
    begin, end = threading.Event(), threading.Event()

    def work() -> None:
        begin.wait(60)
        while not end.wait(0.2):
            if release.cluster.get("workspace", name, release.workspaces) is not None:
                conditions = [condition("Ready", "True")]
                set_status(release, name, phase="Running", url=f"http://{name}.{DOMAIN}:8880", conditions=conditions)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield begin
    finally:
        end.set()
        begin.set()
        thread.join()


@BOTH
def test_a_workspace_is_made_and_its_address_printed(release: Release, tool: tuple[str, ...]) -> None:
    name = "alice-1" if tool is SCRIPT else "alice-2"
    email = "a,b=c{d}\"e'f\\g@example.org"
    with operator(release, name) as begin:
        begin.set()
        result = provision(release, tool, name, email, DOMAIN)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"http://{name}.{DOMAIN}:8880\n"
    made = workspace(release, name)
    assert (made["spec"]["owner"], made["spec"]["email"]) == (name, email)
    assert made["metadata"]["annotations"]["meta.helm.sh/release-name"] == f"code-server-{name}"

    # Stopped since, and its owner has changed a setting: it stays as it is.
    for patch in ({"running": False, "stopReason": "Idle."}, {"idleTimeoutSeconds": 7200}):
        spec = json.dumps({"spec": patch})
        release.cluster.kubectl("patch", "workspace", name, "-n", release.workspaces, "--type=merge", "-p", spec)
    set_status(release, name, phase="Stopped", conditions=[condition("Scheduled", "False")])
    before = workspace(release, name)["spec"]
    again = provision(release, tool, name, email)
    assert again.returncode == 0, again.stderr
    assert again.stdout == result.stdout
    assert workspace(release, name)["spec"] == before


def test_helm_waits_until_the_operator_says_that_it_is_ready(release: Release) -> None:
    done = threading.Event()
    answer: list[str] = []

    def install() -> None:
        answer.append(provision(release, SCRIPT, "carol", "carol@example.org").stderr)
        done.set()

    with operator(release, "carol") as begin:
        thread = threading.Thread(target=install)
        thread.start()
        while release.cluster.get("workspace", "carol", release.workspaces) is None:
            assert not done.wait(0.2), answer
        # It is there, and nobody has looked at it: the status says so from the beginning.
        assert workspace(release, "carol")["status"] == {"observedGeneration": -1}
        assert not done.wait(2)
        set_status(release, "carol", phase="Starting", conditions=[condition("Ready", "False")])
        assert not done.wait(2)
        begin.set()
        thread.join()
    assert done.is_set()


def test_helm_gives_up_at_once_on_a_workspace_that_cannot_start(release: Release) -> None:
    def fail() -> None:
        while release.cluster.get("workspace", "dave", release.workspaces) is None:
            pass
        stalled = condition("Stalled", "True", "The image can't be pulled.")
        set_status(release, "dave", phase="Failed", conditions=[condition("Ready", "False"), stalled])

    thread = threading.Thread(target=fail)
    thread.start()
    result = provision(release, COMMAND, "dave", "dave@example.org")
    thread.join()
    assert result.returncode == 1
    assert "The image can't be pulled." in result.stderr
    assert not result.stdout


@BOTH
def test_a_workspace_of_somebody_else_is_left_alone(release: Release, tool: tuple[str, ...]) -> None:
    name = "erin-1" if tool is SCRIPT else "erin-2"
    create(release, name, owner="mallory")
    result = provision(release, tool, name, "erin@example.org")
    assert (result.returncode, result.stdout) == (1, "")
    assert "it belongs to mallory" in result.stderr
    assert workspace(release, name)["spec"]["owner"] == "mallory"


@BOTH
def test_a_workspace_that_its_owner_made_is_left_as_it_is(release: Release, tool: tuple[str, ...]) -> None:
    name = "frank-1" if tool is SCRIPT else "frank-2"
    create(release, name, owner=name)
    set_status(release, name, phase="Running", url="http://here", conditions=[condition("Ready", "True")])
    result = provision(release, tool, name, "frank@example.org")
    assert (result.returncode, result.stdout) == (0, "http://here\n"), result.stderr
    assert "annotations" not in workspace(release, name)["metadata"]


def create(release: Release, name: str, *, owner: str) -> None:
    manifest = {
        "apiVersion": "vibecode.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": release.workspaces},
        "spec": {"owner": owner},
    }
    release.cluster.kubectl("create", "-f", "-", text=json.dumps(manifest))


@BOTH
def test_a_domain_of_another_platform_is_refused(release: Release, tool: tuple[str, ...]) -> None:
    result = provision(release, tool, "grace", "grace@example.org", "code.example.org")
    assert result.returncode == 1
    assert f"The platform serves workspaces below {DOMAIN}, not code.example.org" in result.stderr
    assert release.cluster.get("workspace", "grace", release.workspaces) is None


@BOTH
def test_a_cluster_without_the_platform_is_told(release: Release, tool: tuple[str, ...]) -> None:
    elsewhere = Release(release.cluster, "default", release.workspaces)
    result = provision(elsewhere, tool, "grace", "grace@example.org")
    assert result.returncode == 1
    assert "The platform is not installed in namespace default" in result.stderr


@BOTH
def test_a_name_of_the_products_own_is_refused(release: Release, tool: tuple[str, ...]) -> None:
    result = provision(release, tool, "admin", "admin@example.org")
    assert result.returncode == 1
    assert "The name admin is reserved" in result.stderr
    assert release.cluster.get("workspace", "admin", release.workspaces) is None


def test_uninstalling_a_workspaces_release_deletes_it(release: Release) -> None:
    release.cluster.helm(
        *("upgrade", "--install", "code-server-heidi", str(WORKSPACE), "--namespace", release.workspaces),
        *("--set", "user.id=heidi"),
    )
    assert workspace(release, "heidi")["spec"]["running"] is True
    release.cluster.helm("uninstall", "code-server-heidi", "--namespace", release.workspaces)
    assert release.cluster.get("workspace", "heidi", release.workspaces) is None
