"""A pod that its node has ended: what a person reads, and when it isn't tried any more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kubernetes.objects import NOW, START, claim, pod, stamp, workspace
from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.announce import news
from vibecode.runtimes.kubernetes.diagnosis import Seen, Verdict, diagnose
from vibecode.runtimes.kubernetes.evictions import latest_eviction
from vibecode.runtimes.kubernetes.pods import has_ended, trim_pod
from vibecode.runtimes.kubernetes.resources import Object

# As the kubelet of Kubernetes 1.36 writes them.
TMP_FULL = 'Usage of EmptyDir volume "tmp" exceeds the limit "4Gi". '
POD_FULL = "Pod ephemeral local storage usage exceeds the total limit of containers 5Gi. "
CONTAINER_FULL = 'Container code-server exceeded its local ephemeral storage limit "5Gi". '
NODE_FULL = (
    "The node was low on resource: ephemeral-storage. Threshold quantity: 10, available: 9Ki. Container code-server "
    "was using 100Ki, request is 256Mi, has larger consumption of ephemeral-storage. "
)
NODE_DOWN = "Pod was terminated in response to imminent node shutdown."
NO_ROOM = "Pod was rejected: Node didn't have enough resource: cpu, requested: 500, used: 900, capacity: 1000"


def evicted(message: str, *, lasted: float = 100, ago: float = 2, start: str = START) -> Object:
    """Return a pod that its node ended so many seconds ago."""
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(-lasted - ago)},
        {"type": "Ready", "status": "False", "reason": "PodFailed", "lastTransitionTime": stamp(-ago)},
    ]
    gone = pod(age=lasted + ago, conditions=conditions, start=start)
    gone["status"] |= {"phase": "Failed", "reason": "Evicted", "message": message}
    return trim_pod(gone)


def look(*failed: Object, present: Object | None = None, running: bool = True) -> Verdict:
    now_there = [] if present is None else [trim_pod(present)]
    eviction = latest_eviction(failed, start=START, pod=now_there[0] if now_there else None, now=NOW)
    claims: dict[str, Object | None] = {"workspace": claim("workspace-alice"), "home": claim("home-alice")}
    spec: dict[str, Any] = {} if running else {"running": False}
    seen = Seen(workspace=workspace(**spec), now=NOW, start=START, pods=now_there, claims=claims, eviction=eviction)
    return diagnose(seen)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (TMP_FULL, "It was ended because it kept more than 4Gi in /tmp, which is empty again. It starts again."),
        (
            POD_FULL,
            "It was ended because it used more than 5Gi of its node's disk, outside of its volumes. It starts again.",
        ),
        (
            CONTAINER_FULL,
            "It was ended because it used more than 5Gi of its node's disk, outside of its volumes. It starts again.",
        ),
        (NODE_FULL, "Its node ran out of disk space, and ended it. It starts again."),
        (
            NODE_DOWN,
            "Its node ended it: Pod was terminated in response to imminent node shutdown. It starts again.",
        ),
        ("", "Its node ended it: Evicted. It starts again."),
    ],
)
def test_it_says_why_while_it_starts_again(said: str, sentence: str) -> None:
    for present in (None, pod(node="", age=1), pod(container={"state": {"running": {}}}, age=1)):
        verdict = look(evicted(said), present=present)
        assert (verdict.phase, verdict.reason, verdict.message) == (Phase.STARTING, "Evicted", sentence)
        assert not verdict.give_up


def test_once_it_runs_again_it_runs() -> None:
    assert look(evicted(TMP_FULL), present=pod(ready=True, age=1)).message == "Running."


def test_what_is_in_the_way_is_said_too() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1: disk-pressure"}
    verdict = look(evicted(NODE_FULL), present=pod(node="", conditions=[condition], age=1))
    assert verdict.reason == "Unschedulable"
    assert verdict.message.startswith("Its node ran out of disk space, and ended it. No node can take it.")


def test_filling_it_again_and_again_is_given_up() -> None:
    twice = [evicted(TMP_FULL, ago=2), evicted(TMP_FULL, ago=104)]
    assert look(*twice).phase is Phase.STARTING
    verdict = look(*twice, evicted(POD_FULL, ago=206))
    assert (verdict.phase, verdict.reason, verdict.give_up) == (Phase.FAILED, "Evicted", True)
    assert verdict.message == (
        "It was ended because it kept more than 4Gi in /tmp, which is empty again. That happened 3 times in a row. "
        "Keep large files in /workspace or the home, then restart it."
    )


@pytest.mark.parametrize(
    "failed",
    [
        [evicted(TMP_FULL, ago=2), evicted(TMP_FULL, ago=104), evicted(TMP_FULL, lasted=7200, ago=206)],
        [evicted(TMP_FULL, ago=2), evicted(TMP_FULL, ago=104), evicted(TMP_FULL, ago=900)],
        [evicted(NODE_FULL, ago=2), evicted(NODE_FULL, ago=104), evicted(NODE_FULL, ago=206)],
        [evicted(NO_ROOM, lasted=0, ago=age) for age in (1, 2, 3, 4)],
    ],
    ids=["it worked for hours before", "somebody started it in between", "the node's fault", "refused by the node"],
)
def test_else_it_is_tried_on(failed: list[Object]) -> None:
    verdict = look(*failed)
    assert (verdict.phase, verdict.give_up) == (Phase.STARTING, False)


@pytest.mark.parametrize(
    ("failed", "present"),
    [
        ([evicted(TMP_FULL, ago=3600)], pod(node="", age=1)),
        ([evicted(TMP_FULL, ago=3600)], None),
        ([evicted(TMP_FULL, start="aaaaaaaa-another")], pod(node="", age=1)),
    ],
    ids=["started long after", "not made for long", "restarted since"],
)
def test_an_old_end_is_not_the_reason_of_a_new_start(failed: list[Object], present: Object | None) -> None:
    assert look(*failed, present=present).reason in ("Creating", "Scheduling")


def test_an_update_that_waited_does_not_hide_the_reason() -> None:
    """The next pod is of another template then, though nobody asked for another start."""
    request = START.partition("-")[2]
    assert look(evicted(TMP_FULL, start=f"cccccccc-{request}")).reason == "Evicted"


def test_one_that_was_stopped_is_stopped() -> None:
    assert look(evicted(TMP_FULL), running=False).message == "Stopped."


def test_it_is_told_once() -> None:
    running: dict[str, Any] = {"phase": "Running", "conditions": [{"type": "Ready", "reason": "Ready"}]}
    verdict = look(evicted(TMP_FULL))
    assert news(running, verdict) == ("Crashed", verdict.message)
    later = look(evicted(TMP_FULL), present=pod(node="", age=1))
    before = {"phase": "Starting", "conditions": [{"type": "Ready", "reason": "Evicted"}]}
    assert news(before, later) is None


def test_only_what_ended_for_good_counts_as_ended() -> None:
    assert has_ended(evicted(TMP_FULL))
    assert not has_ended(trim_pod(pod(ready=True)))
    going = evicted(TMP_FULL)
    going["metadata"]["deletionTimestamp"] = stamp(5)
    assert not has_ended(going)
