"""What runs is left alone; what was written is known again; what others added is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kubernetes.objects import config, workspace
from vibecode.runtimes.kubernetes.applied import mark, split_mark, taken_over, version_of
from vibecode.runtimes.kubernetes.pod import deployment, pod_template, start_digest
from vibecode.runtimes.kubernetes.resources import DEPLOYMENTS, SERVICES, Object
from vibecode.runtimes.kubernetes.rollout import Rollout, decide, recorded_start

LIVE: Object = {"metadata": {"uid": "12345678-aaaa", "generation": 4, "resourceVersion": "99"}}


def _decide(recorded: str | None, *, up: bool, image: str = "one", replicas: int = 1, **spec: Any) -> Rollout:
    subject = workspace(**spec)
    template = pod_template(
        subject, config(workspace={"image": image}), claims={"workspace": "workspace-alice", "home": "home-alice"}
    )
    start = start_digest(subject, template)
    return decide(recorded, deployment(subject, template, replicas=replicas), start=start, up=up)


def _recorded(**changes: Any) -> str:
    return mark(DEPLOYMENTS, _decide(None, up=False, **changes).wanted, LIVE)


def test_a_running_workspace_keeps_its_template() -> None:
    recorded = _recorded()
    waiting = _decide(recorded, up=True, image="two")
    assert waiting.waits
    assert waiting.start == recorded_start(recorded)
    assert waiting.wanted == split_mark(recorded)[0]


@pytest.mark.parametrize(
    ("up", "changes"),
    [
        (False, {"image": "two"}),
        (True, {"image": "two", "restartedAt": "now"}),
        (True, {"image": "two", "replicas": 0}),
        (True, {"restartedAt": "now"}),
    ],
    ids=["nothing runs", "restarted", "stopped", "restarted as it is"],
)
def test_otherwise_the_new_one_is_taken(up: bool, changes: dict[str, Any]) -> None:
    rollout = _decide(_recorded(), up=up, **changes)
    assert not rollout.waits
    assert rollout == _decide(None, up=False, **changes)


def test_a_stopped_one_starts_with_the_new_one() -> None:
    assert not _decide(_recorded(replicas=0), up=True, image="two").waits


def test_nothing_new_is_nothing_that_waits() -> None:
    rollout = _decide(_recorded(), up=True)
    assert not rollout.waits
    assert rollout.wanted == split_mark(_recorded())[0]


def test_versions_change_with_what_others_write_and_not_with_reports() -> None:
    reported = {"metadata": {**LIVE["metadata"], "resourceVersion": "100"}}
    changed = {"metadata": {**LIVE["metadata"], "generation": 5}}
    made_again = {"metadata": {**LIVE["metadata"], "uid": "87654321"}}
    assert version_of(DEPLOYMENTS, reported) == version_of(DEPLOYMENTS, LIVE)
    assert version_of(DEPLOYMENTS, changed) != version_of(DEPLOYMENTS, LIVE)
    assert version_of(DEPLOYMENTS, made_again) != version_of(DEPLOYMENTS, LIVE)
    assert version_of(SERVICES, reported) != version_of(SERVICES, LIVE)


def test_records() -> None:
    assert split_mark(None) == ("", "")
    assert split_mark(mark(SERVICES, "abc", LIVE)) == ("abc", "99")
    assert recorded_start(None) == ""


def test_what_others_own_of_the_spec_is_taken_over() -> None:
    ours = {"manager": "us", "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {}, "f:map": {"f:x": {}}}}}
    status = {"manager": "ctl", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}
    scale = {
        "manager": "kubectl",
        "operation": "Update",
        "subresource": "scale",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    edit = {
        "manager": "kubectl-edit",
        "operation": "Update",
        "fieldsV1": {"f:metadata": {"f:annotations": {}}, "f:spec": {"f:map": {"f:y": {"f:z": {}}}}},
    }
    assert taken_over([ours, status], "us") is None
    assert taken_over([status, edit], "us") is None
    assert taken_over([status, ours, scale, edit], "us") == [
        status,
        {**edit, "fieldsV1": {"f:metadata": {"f:annotations": {}}}},
        {
            **ours,
            "fieldsV1": {"f:spec": {"f:a": {}, "f:map": {"f:x": {}, "f:y": {"f:z": {}}}, "f:replicas": {}}},
        },
    ]
