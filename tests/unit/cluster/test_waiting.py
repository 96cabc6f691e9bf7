"""Waiting for nodes and components: what is ready, and why something isn't."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import program
from vibecode.cluster import nodes, rollout
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.kubectl import Kubectl
from vibecode.cluster.rollout import Workload


def deployment(*, replicas: int = 1, observed: int = 1, generation: int = 1, **status: int) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "operator", "generation": generation},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": observed, **status},
    }


@pytest.mark.parametrize(
    ("item", "ready", "settled"),
    [
        (deployment(replicas=2, replicas_=0), 0, False),
        (deployment(replicas=2, updatedReplicas=2, availableReplicas=2), 2, False),
    ],
)
def test_deployments_without_all_their_pods_are_waited_for(item: dict[str, Any], ready: int, settled: bool) -> None:
    found = rollout.workload(item)
    assert (found.ready, found.settled) == (ready, settled)


def with_status(item: dict[str, Any], **status: int) -> dict[str, Any]:
    return {**item, "status": {**item["status"], **status}}


def test_a_deployment_is_settled_when_only_new_pods_are_left() -> None:
    item = with_status(deployment(replicas=2), replicas=2, updatedReplicas=2, availableReplicas=2)
    assert rollout.workload(item).settled
    assert not rollout.workload(with_status(item, replicas=3)).settled
    assert not rollout.workload(with_status(item, updatedReplicas=1)).settled
    assert not rollout.workload(with_status(item, observedGeneration=0)).settled


def daemonset(**status: int) -> dict[str, Any]:
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "edge", "generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1, **status},
    }


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        ({"desiredNumberScheduled": 1, "numberAvailable": 1, "updatedNumberScheduled": 1}, True),
        ({"desiredNumberScheduled": 1, "numberAvailable": 1, "updatedNumberScheduled": 0}, False),
        ({"desiredNumberScheduled": 0}, False),
        ({}, False),
    ],
)
def test_a_daemonset_needs_a_node(status: dict[str, int], settled: bool) -> None:
    assert rollout.workload(daemonset(**status)).settled is settled


def test_words_of_what_is_waited_for() -> None:
    missing = [
        Workload(name="control-plane", wanted=1, ready=0, settled=False),
        Workload(name="operator", wanted=2, ready=1, settled=False),
    ]
    assert rollout.words(missing) == "waiting for control-plane, operator (1 of 2 ready)"
    assert rollout.words([]) == "waiting for the first pods"


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "edge-x"}, "status": status}


def container(**more: Any) -> dict[str, Any]:
    return {"name": "nginx", "image": "vibecode/edge:1", "ready": False, "restartCount": 0, "state": {}, **more}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({}, None),
        ({"containerStatuses": [container(state={"waiting": {"reason": "ContainerCreating"}})]}, None),
        (
            {"containerStatuses": [container(ready=True, restartCount=3, lastState={"terminated": {"exitCode": 1}})]},
            None,
        ),
        (
            {"containerStatuses": [container(state={"waiting": {"reason": "ErrImageNeverPull"}})]},
            "can't get its image vibecode/edge:1 (ErrImageNeverPull)",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient memory"}]},
            "No node can take the pod edge-x: 0/3 nodes: Insufficient memory.",
        ),
        (
            {
                "containerStatuses": [
                    container(state={"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}})
                ]
            },
            "The pod edge-x can't be started: no secret.",
        ),
        (
            {"containerStatuses": [container(restartCount=2, lastState={"terminated": {"exitCode": 7}})]},
            "nginx in the pod edge-x ends again and again (exit code 7).",
        ),
        (
            {"containerStatuses": [container(restartCount=1, lastState={"terminated": {"reason": "OOMKilled"}})]},
            "ran out of memory",
        ),
    ],
)
def test_why_a_pod_is_not_ready(status: dict[str, Any], words: str | None) -> None:
    problem = rollout.pod_problem(pod(**status))
    assert (problem is None) is (words is None)
    if problem and words:
        assert words in problem.sentence


def test_a_pod_that_leaves_has_no_problem() -> None:
    leaving = pod(containerStatuses=[container(state={"waiting": {"reason": "ErrImagePull"}})])
    leaving["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    assert rollout.pod_problem(leaving) is None


def kubectl(tmp_path: Path, **answers: object) -> Kubectl:
    for name, items in answers.items():
        (tmp_path / name).write_text(json.dumps({"items": items}))
    script = f"""
case "$*" in
*"get deployments"*) cat {tmp_path}/workloads ;;
*"get pods"*) cat {tmp_path}/pods ;;
*"get nodes"*) cat {tmp_path}/nodes ;;
*"get leases"*) cat {tmp_path}/leases ;;
*logs*--previous*) printf 'starting\\nError: the database is read-only\\n' ;;
*) exit 1 ;;
esac"""
    return Kubectl(str(program(tmp_path, "kubectl", script)), tmp_path / "kubeconfig")


def test_a_failure_says_why_with_the_end_of_the_log(tmp_path: Path) -> None:
    crashing = pod(containerStatuses=[container(restartCount=2, lastState={"terminated": {"exitCode": 1}})])
    fake = kubectl(tmp_path, workloads=[daemonset(desiredNumberScheduled=1)], pods=[crashing])
    told: list[str] = []
    with pytest.raises(ClusterUnavailable) as caught:
        rollout.wait(fake, "ns", told.append, limit=0)
    assert caught.value.detail == (
        "nginx in the pod edge-x ends again and again (exit code 1). Its log ends with: the database is read-only."
    )
    assert told == ["waiting for edge"]


def test_what_runs_is_not_waited_for(tmp_path: Path) -> None:
    running = daemonset(desiredNumberScheduled=1, numberAvailable=1, updatedNumberScheduled=1)
    fake = kubectl(tmp_path, workloads=[running])
    assert [each.name for each in rollout.wait(fake, "ns", lambda _: None, limit=0)] == ["edge"]


def test_nothing_installed_is_not_taken_for_everything_running(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match="no working anything"):
        rollout.wait(kubectl(tmp_path, workloads=[], pods=[]), "ns", lambda _: None, limit=0)


def cluster_node(name: str = "c-worker", *, ready: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"tier": "code-server"}},
        "status": {"conditions": [{"type": "Ready", "status": ready, "message": "kubelet says so"}]},
    }


def lease(moment: str, name: str = "c-worker") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"renewTime": moment}}


STARTED = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("leases", "since", "ready"),
    [
        ([], None, True),
        ([], STARTED, False),
        ([lease("2030-01-01T11:59:59.999999Z")], STARTED, False),
        ([lease("2030-01-01T12:00:01.000000Z")], STARTED, True),
    ],
)
def test_a_node_that_was_started_has_to_say_so_itself(
    leases: list[dict[str, Any]], since: datetime | None, ready: bool
) -> None:
    (state,) = nodes.node_states([cluster_node()], leases, since)
    assert state.ready is ready


def test_nodes_that_do_not_come_are_named_with_their_reason(tmp_path: Path) -> None:
    fake = kubectl(tmp_path, nodes=[cluster_node(ready="False")])
    with pytest.raises(ClusterUnavailable, match=r"c-worker: kubelet says so"):
        nodes.wait(fake, 1, lambda _: None, limit=0)
    with pytest.raises(ClusterUnavailable, match="a node has not joined"):
        nodes.wait(kubectl(tmp_path, nodes=[cluster_node()]), 2, lambda _: None, limit=0)


def test_a_node_that_has_said_nothing_yet_is_not_ready() -> None:
    (state,) = nodes.node_states([{"metadata": {"name": "new"}}], [], None)
    assert not state.ready
