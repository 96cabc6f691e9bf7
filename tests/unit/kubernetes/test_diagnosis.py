"""From what is observed to a phase and words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kubernetes.objects import NOW, START, claim, ended, pod, stamp, waiting, workspace
from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.diagnosis import Seen, Verdict, diagnose
from vibecode.runtimes.kubernetes.pods import CrashCounter, trim_pod
from vibecode.runtimes.kubernetes.resources import Object
from vibecode.runtimes.kubernetes.status import CONTROL_PLANE_FIELDS, Parts, build_status, operators_part
from vibecode.runtimes.kubernetes.volumes import trim_claim

CLAIMS: dict[str, Object | None] = {"workspace": claim("workspace-alice"), "home": claim("home-alice")}
LIMITS = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}


def seen(*pods: Object, **changes: Any) -> Seen:
    spec = changes.pop("spec", {})
    values = {"claims": CLAIMS, "resources": LIMITS, **changes}
    trimmed = [trim_pod(item) for item in pods]
    return Seen(workspace=workspace(**spec), now=NOW, start=START, pods=trimmed, **values)


def local_claim() -> Object:
    """Return a claim as KIND's storage makes it."""
    whole = claim("home-alice")
    whole["metadata"]["annotations"]["volume.kubernetes.io/storage-provisioner"] = "rancher.io/local-path"
    return trim_claim(whole)


def scheduling(message: str) -> Object:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(node="", conditions=[condition])


PENDING_CLAIMS: dict[str, Object | None] = {"workspace": claim("workspace-alice", phase="Pending"), "home": None}

CASES: dict[str, tuple[Seen, Phase, str, str]] = {
    "no pod yet": (seen(), Phase.PENDING, "Creating", "Creating its pod."),
    "no node yet": (seen(pod(node="")), Phase.PENDING, "Scheduling", "Looking for a node."),
    "no volume yet": (seen(pod(node=""), claims=PENDING_CLAIMS), Phase.PENDING, "Preparing", "Making its volumes."),
    "volume with a problem": (
        seen(pod(node=""), claims=PENDING_CLAIMS, warning='storageclass "x" not found'),
        Phase.PENDING,
        "StartSlow",
        'It can\'t start yet: storageclass "x" not found.',
    ),
    "creating": (
        seen(pod(container=waiting("ContainerCreating"))),
        Phase.STARTING,
        "Preparing",
        "Preparing its volumes and image.",
    ),
    "not answering yet": (
        seen(pod(container={"state": {"running": {"startedAt": stamp()}}})),
        Phase.STARTING,
        "EditorStarting",
        "Waiting for the editor to answer.",
    ),
    "ready": (seen(pod(ready=True)), Phase.RUNNING, "Ready", "Running."),
    "stopped": (seen(spec={"running": False}), Phase.STOPPED, "Stopped", "Stopped."),
    "stopped with a reason": (
        seen(spec={"running": False, "stopReason": "Nobody used it."}),
        Phase.STOPPED,
        "Stopped",
        "Nobody used it.",
    ),
    "stopping": (seen(pod(ready=True), spec={"running": False}), Phase.STOPPING, "Stopping", "Stopping."),
    "restarting": (
        seen(pod(ready=True, deleted=5, start="another")),
        Phase.STARTING,
        "PreviousPodEnds",
        "Waiting for the previous pod to end.",
    ),
    "restarting on a lost node": (
        seen(pod(ready=True, deleted=-100, start="another")),
        Phase.STARTING,
        "PreviousPodEnds",
        "The node node-1 does not answer, so it can't be known whether its pod has ended there.",
    ),
    "node lost": (
        seen(pod(conditions=[{"type": "Ready", "status": "Unknown"}])),
        Phase.STARTING,
        "NodeLost",
        "The node node-1 does not answer. If it stays so, it is moved, unless its volumes are tied to that node.",
    ),
    "node lost with its volumes": (
        seen(pod(conditions=[{"type": "Ready", "status": "Unknown"}]), claims={**CLAIMS, "home": local_claim()}),
        Phase.STARTING,
        "NodeLost",
        "The node node-1 does not answer, and its volumes are on it: it goes on when the node is back.",
    ),
    "node lost, as its controller marks it": (
        seen(
            pod(
                container={"state": {"running": {"startedAt": stamp()}}},
                conditions=[{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}],
            )
        ),
        Phase.STARTING,
        "NodeLost",
        "The node node-1 does not answer. If it stays so, it is moved, unless its volumes are tied to that node.",
    ),
    "too little memory": (
        seen(scheduling("0/3 nodes are available: 3 Insufficient memory.")),
        Phase.PENDING,
        "InsufficientMemory",
        (
            "No node has enough memory left (it asks for 1Gi of memory). It starts as soon as one can. "
            "The scheduler says: 0/3 nodes are available: 3 Insufficient memory."
        ),
    ),
    "no such node": (
        seen(scheduling("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")),
        Phase.PENDING,
        "NoFittingNode",
        (
            "No node fits its node selector, affinity or tolerations. It starts as soon as one can. "
            "The scheduler says: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
        ),
    ),
    "node of the volume, as newer schedulers say it": (
        seen(scheduling("0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.")),
        Phase.PENDING,
        "VolumeNode",
        (
            "The node that holds its volumes is gone or can't take it. It starts as soon as one can. "
            "The scheduler says: 0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity."
        ),
    ),
    "node of the volume": (
        seen(scheduling("0/2 nodes are available: 2 node(s) had volume node affinity conflict.")),
        Phase.PENDING,
        "VolumeNode",
        (
            "The node that holds its volumes is gone or can't take it. It starts as soon as one can. "
            "The scheduler says: 0/2 nodes are available: 2 node(s) had volume node affinity conflict."
        ),
    ),
    "quota": (
        seen(refusal='pods "x" is forbidden: exceeded quota: q, requested: limits.memory=4Gi, used: 8Gi, limited: 8Gi'),
        Phase.PENDING,
        "QuotaExceeded",
        (
            "The namespace's quota is used up: q, requested: limits.memory=4Gi, used: 8Gi, limited: 8Gi. "
            "It starts when there is room again."
        ),
    ),
    "image": (
        seen(pod(container=waiting("ErrImagePull", "pull access denied"))),
        Phase.STARTING,
        "ImagePull",
        "The image vibecode/workspace:1 can't be pulled; it is tried again and again. pull access denied.",
    ),
    "image for long": (
        seen(pod(container=waiting("ImagePullBackOff", "Back-off pulling image"), age=400)),
        Phase.FAILED,
        "ImagePull",
        "The image vibecode/workspace:1 can't be pulled; it is tried again and again.",
    ),
    "image name": (
        seen(pod(container=waiting("InvalidImageName", ""))),
        Phase.FAILED,
        "ImagePull",
        "The image name vibecode/workspace:1 is not valid.",
    ),
    "no secret": (
        seen(pod(container=waiting("CreateContainerConfigError", 'secret "x" not found'))),
        Phase.STARTING,
        "CreateContainerConfigError",
        'Its container can\'t be started: secret "x" not found.',
    ),
    "first crash": (
        seen(pod(container=ended(3, "a\nb\n\nc\nd\ne\nboom")), crashes=1),
        Phase.STARTING,
        "Crashed",
        "It ended with exit code 3. Trying again. Its last words: b\nc\nd\ne\nboom",
    ),
    "third crash": (
        seen(pod(container=ended(3, "boom", restarts=2)), crashes=3),
        Phase.FAILED,
        "Crashed",
        "It ended with exit code 3. That happened 3 times in a row. Its last words: boom",
    ),
    "out of memory": (
        seen(pod(container=ended(137, reason="OOMKilled")), crashes=1),
        Phase.STARTING,
        "Crashed",
        "It used more memory than it may (4Gi). Trying again.",
    ),
    "clone failed": (
        seen(pod(container=ended(65, "The repository https://u:secret@h/r was not found.")), crashes=1),
        Phase.FAILED,
        "SourceUnavailable",
        "The repository https://***@h/r was not found.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_verdicts(case: str) -> None:
    given_, phase, reason, message = CASES[case]
    verdict = diagnose(given_)
    assert (verdict.phase, verdict.reason, verdict.message) == (phase, reason, message)


def test_only_what_cannot_get_better_is_given_up() -> None:
    given_up = {case for case, (given_, *_) in CASES.items() if diagnose(given_).give_up}
    assert given_up == {"third crash", "clone failed"}


def test_an_image_is_looked_at_again_when_patience_ends() -> None:
    verdict = diagnose(CASES["image"][0])
    assert verdict.look_again == pytest.approx(176)


TEXT = st.text(max_size=30)
CONTAINERS = st.one_of(
    st.none(),
    st.builds(waiting, st.sampled_from(["ContainerCreating", "ErrImagePull", "Weird", "CrashLoopBackOff"]), TEXT),
    st.builds(ended, st.integers(0, 255), TEXT, restarts=st.integers(0, 9), lasted=st.floats(0, 9000)),
    st.just({"state": {"running": {"startedAt": stamp()}}}),
)
PODS = st.builds(
    pod,
    node=st.sampled_from(["", "node-1"]),
    ready=st.booleans(),
    container=CONTAINERS,
    deleted=st.one_of(st.none(), st.floats(-500, 20)),
    start=st.sampled_from([START, "other"]),
    age=st.floats(0, 10000),
)


@given(
    st.lists(PODS, max_size=3),
    st.booleans(),
    st.sampled_from(["", "exceeded quota: q", "violates PodSecurity", "odd"]),
    st.integers(0, 5),
    TEXT,
)
def test_whatever_is_seen_there_is_a_sentence(
    pods: list[Object], running: bool, refusal: str, crashes: int, warning: str
) -> None:
    view = seen(*pods, spec={"running": running}, refusal=refusal, crashes=crashes, warning=warning)
    verdict = diagnose(view)
    assert verdict.message
    assert verdict.reason.isalnum()
    if not running:
        assert verdict.phase is (Phase.STOPPING if pods else Phase.STOPPED)
    status = build_status(view, verdict, Parts(url="http://a", volumes={}))
    # An address is given out only while the pod answers.
    assert ("podIP" in status) == (verdict.phase is Phase.RUNNING)
    assert status["message"] == verdict.message
    # Server-side apply makes null of an empty map, which the kind refuses.
    assert {} not in status.values()
    # The same look again changes nothing.
    view.workspace["status"] = status
    assert build_status(view, verdict, Parts(url="http://a", volumes={})) == status


def test_a_condition_keeps_its_time_until_it_turns() -> None:
    view = seen(pod(ready=True))
    old = {"type": "Ready", "status": "True", "reason": "Ready", "message": "x", "lastTransitionTime": stamp(-900)}
    view.workspace["status"] = {"conditions": [old]}
    parts = Parts(url="", volumes={})
    status = build_status(view, diagnose(view), parts)
    assert status["conditions"][0]["lastTransitionTime"] == stamp(-900)
    status = build_status(view, Verdict(phase=Phase.FAILED, reason="X", message="x"), parts)
    assert status["conditions"][0]["lastTransitionTime"] == stamp()


def test_the_control_planes_part_is_not_the_operators() -> None:
    ours = build_status(seen(), diagnose(seen()), Parts(url="", volumes={}))
    assert not CONTROL_PLANE_FIELDS & ours.keys()
    assert operators_part({**ours, "lastActivity": stamp(), "activity": "kept", "stopsAt": stamp()}) == ours


def test_crashes_in_a_row_are_counted_once_each() -> None:
    counter = CrashCounter()

    def crash(restarts: int, lasted: float, at: float) -> int:
        container = ended(1, restarts=restarts, lasted=lasted)
        container["lastState"]["terminated"]["finishedAt"] = stamp(at)
        container["lastState"]["terminated"]["startedAt"] = stamp(at - lasted)
        return counter.count("alice", trim_pod(pod(container=container, age=100)))

    assert crash(0, 1, 0) == 1
    assert crash(0, 1, 0) == 1
    assert crash(1, 1, 20) == 2
    # It worked for an hour: what was before doesn't count.
    assert crash(2, 3600, 4000) == 0
    assert crash(3, 1, 4020) == 1


def test_an_operator_that_comes_later_counts_what_was_before() -> None:
    young = trim_pod(pod(container=ended(1, restarts=2), age=60))
    assert CrashCounter().count("alice", young) == 3
    # A week with a crash now and then is not a loop.
    old = trim_pod(pod(container=ended(1, restarts=5), age=7 * 24 * 3600))
    assert CrashCounter().count("alice", old) == 1
