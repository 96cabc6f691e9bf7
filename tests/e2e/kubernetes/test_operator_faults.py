"""The operator is killed, hangs, is gone, or has very much to do at once.

That it is killed after each single write, and that its watches break, is tried in tests/integration/kubernetes.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import pytest

from tests.e2e.kubernetes.inhabitants import Listener
from tests.e2e.kubernetes.nodes import first_process, pods
from tests.e2e.kubernetes.objects import (
    KINDS,
    clear,
    create,
    message,
    of_workspaces,
    remove,
    wait_complete,
    wait_gone,
    wait_settled,
    workspace,
    workspace_object,
    workspaces,
)
from tests.e2e.kubernetes.outages import without_replicas
from tests.e2e.kubernetes.replicas import (
    leader,
    lease,
    lose,
    metrics,
    replace,
    restarts,
    wait_at_rest,
    wait_both,
    wait_follower,
    writes,
)
from tests.e2e.kubernetes.witness import at_work
from tests.integration.security.people import Person
from tests.support.cluster import PATIENCE, WORKSPACES, ClusterProduct
from tests.support.product_api import wait_until
from vibecode.runtimes.kubernetes.resources import Resource

HAND_OVER: Final = 20.0
"""Seconds within which another replica has to lead."""


@pytest.fixture(autouse=True)
def both_replicas(cluster: ClusterProduct) -> None:
    wait_both(cluster)


def test_a_leader_that_hangs_is_followed_and_does_nothing_when_it_goes_on(cluster: ClusterProduct) -> None:
    """The worst case: nothing is released, and nothing restarts."""
    hung = leader(cluster)
    name, process, before = hung["metadata"]["name"], first_process(cluster, hung), wait_at_rest(cluster, hung)
    begun = datetime.now(UTC)
    process.signal("STOP")
    try:
        create(cluster, workspace_object("left-by-hung", batch="left-by-hung"))
        taken = (wait_follower(cluster, name) - begun).total_seconds()
        wait_settled(cluster, "left-by-hung", 1)
    finally:
        process.signal("CONT")
    print(f"a leader that hung was followed after {taken:.1f} s")
    assert taken <= HAND_OVER

    def resigned() -> dict[str, float] | None:
        found = metrics(cluster, hung)
        return found if found.get("leader") == 0 else None

    assert writes(wait_until(resigned, "the hung leader knows that it leads no more")) == writes(before)
    assert lease(cluster)["holderIdentity"] != name
    wait_complete(cluster, ["left-by-hung"])
    remove(cluster, "left-by-hung")


def test_a_leader_that_is_lost_is_followed(cluster: ClusterProduct) -> None:
    lost = leader(cluster)
    begun = lose(cluster, lost)
    create(cluster, workspace_object("left-by-lost", batch="left-by-lost"))
    taken = (wait_follower(cluster, lost["metadata"]["name"]) - begun).total_seconds()
    print(f"a leader that was lost was followed after {taken:.1f} s")
    assert taken <= HAND_OVER
    wait_settled(cluster, "left-by-lost", 1)
    wait_complete(cluster, ["left-by-lost"])
    remove(cluster, "left-by-lost")


def test_workspaces_come_whole_whenever_the_operator_is_killed(cluster: ClusterProduct) -> None:
    """At the moment when the first object of each kind is there, in the midst of several workspaces.

    Its container is started again in its pod, and takes its own Lease up.
    """
    names, running = [], {"killed-0-0", "killed-5-3"}
    for number, kind in enumerate(KINDS):
        batch = [f"killed-{number}-{each}" for each in range(5)]
        names += batch
        pod = leader(cluster)
        process = first_process(cluster, pod)
        with first_of(cluster, kind, batch) as wait_first:
            create(cluster, *(workspace_object(name, running=name in running, batch="killed") for name in batch))
            wait_first()
            process.signal("KILL")
        wait_settled(cluster, "killed", len(names))
        # The next one to be killed shall be one that never was: the kubelet waits longer each time.
        replace(cluster, pod)
        wait_follower(cluster, pod["metadata"]["name"])
    wait_complete(cluster, names)
    for name in running:
        (pod,) = pods(cluster, WORKSPACES, of_workspaces([name]))
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    clear(cluster, "killed")


@contextlib.contextmanager
def first_of(cluster: ClusterProduct, kind: Resource, names: list[str]) -> Iterator[Callable[[], None]]:
    """Watch for an object of workspaces; what is yielded waits for the first."""
    argv = ("get", kind.plural, "-n", WORKSPACES, "-l", of_workspaces(names), "--watch", "-o", "name")
    with subprocess.Popen(cluster.kubectl_argv(*argv), stdout=subprocess.PIPE, bufsize=0) as watch:
        assert watch.stdout is not None
        output = watch.stdout

        def wait() -> None:
            readable, _, _ = select.select([output], [], [], PATIENCE)
            assert readable, f"there is no {kind.kind}"

        try:
            yield wait
        finally:
            watch.kill()


def test_two_hundred_workspaces_at_once(cluster: ClusterProduct, alice: Person, program: Listener) -> None:
    names = [f"many-{number}" for number in range(200)]
    before = restarts(cluster)
    with at_work(cluster, alice, program) as witness:
        begun = datetime.now(UTC)
        create(cluster, *(workspace_object(name, running=name in names[:2], batch="many") for name in names))
        wait_settled(cluster, "many", len(names), limit=2 * PATIENCE)
        print(f"200 workspaces were settled after {(datetime.now(UTC) - begun).total_seconds():.0f} s")
        wait_complete(cluster, names)
        assert restarts(cluster) == before
        assert [item for item in workspaces(cluster, "many") if "failure" in item["status"]] == []
        clear(cluster, "many")
        assert witness.is_served()
        assert witness.is_undisturbed()


def test_a_workspace_is_deleted_without_an_operator(cluster: ClusterProduct) -> None:
    """None of ours has a finalizer, so nothing hangs where the operator is gone for good."""
    create(cluster, workspace_object("abandoned", running=True, batch="abandoned"))
    wait_settled(cluster, "abandoned", 1)
    assert "finalizers" not in workspace(cluster, "abandoned")["metadata"]
    with without_replicas(cluster, "operator", of=2):
        cluster.kubectl("delete", "workspace", "abandoned", "-n", WORKSPACES, "--wait=false")
        wait_gone(cluster, ["abandoned"])


def test_a_finalizer_of_somebody_elses_keeps_no_pod_and_is_named(cluster: ClusterProduct) -> None:
    """As an operator leaves it that is gone: only somebody can take it away."""
    finalizer = "example.org/left-behind"
    wanted = workspace_object("kept-back", running=True, batch="kept-back")
    create(cluster, {**wanted, "metadata": {**wanted["metadata"], "finalizers": [finalizer]}})
    wait_settled(cluster, "kept-back", 1)
    cluster.kubectl("delete", "workspace", "kept-back", "-n", WORKSPACES, "--wait=false")
    wait_until(lambda: finalizer in message(cluster, "kept-back"), "it says what keeps it", limit=PATIENCE)
    wait_until(lambda: not pods(cluster, WORKSPACES, of_workspaces(["kept-back"])), "its pod is gone", limit=PATIENCE)
    wait_until(lambda: finalizer in cluster.api("GET", "/workspaces/kept-back")["reason"], "the dashboard says it too")
    without = '{"metadata": {"finalizers": null}}'
    cluster.kubectl("patch", "workspace", "kept-back", "-n", WORKSPACES, "--type=merge", "-p", without)
    wait_gone(cluster, ["kept-back"])
