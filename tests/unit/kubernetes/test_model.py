"""The Workspace object read as the domain's workspace, and the operator's configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kubernetes.objects import stamp, workspace
from vibecode.domain.errors import InvalidInput
from vibecode.domain.workspace import GitSource, Phase, Source, TemplateSource, WorkspaceChanges, WorkspaceSpec
from vibecode.runtimes.kubernetes.config import load_config, parse_config
from vibecode.runtimes.kubernetes.errors import (
    ApiUnavailable,
    KubernetesError,
    NotPermitted,
    ObjectExists,
    ObjectInvalid,
    ObjectNotFound,
    QuotaExceeded,
    VersionExpired,
    WriteConflict,
    error_from_status,
)
from vibecode.runtimes.kubernetes.model import (
    WAITING,
    changes_patch,
    object_from_spec,
    spec_from_object,
    start_patch,
    stop_patch,
    trim_workspace,
    workspace_from_object,
)
from vibecode.runtimes.kubernetes.resources import Object

TEXT = st.text(min_size=1, max_size=20)
SOURCES: st.SearchStrategy[Source] = st.one_of(
    st.none(),
    st.builds(GitSource, url=TEXT, branch=st.one_of(st.none(), TEXT)),
    st.builds(TemplateSource, name=TEXT, parameters=st.dictionaries(TEXT, st.text(max_size=20), max_size=3)),
)
SPECS = st.builds(
    WorkspaceSpec,
    name=st.just("alice"),
    owner=TEXT,
    source=SOURCES,
    idle_timeout=st.one_of(st.none(), st.integers(60, 2592000)),
)


@given(SPECS)
def test_a_spec_is_read_as_it_was_written(spec: WorkspaceSpec) -> None:
    obj = json.loads(json.dumps(object_from_spec(spec)))
    assert spec_from_object(obj) == spec
    assert obj["spec"]["running"] is True


def test_what_the_operator_has_not_seen_is_pending() -> None:
    seen = workspace_from_object(workspace())
    assert (seen.phase, seen.reason, seen.revision) == (Phase.PENDING, WAITING, 1)
    assert seen.spec.idle_timeout == 1800


RUNNING: Object = {
    "phase": "Running",
    "message": "Running.",
    "observedGeneration": 1,
    "startedAt": stamp(-9),
    "activity": "kept: a tab is open",
    "stopsAt": stamp(900),
    "lastActivity": stamp(-3),
    "editorVersion": "4.139.1",
    "updateWaits": True,
}


def test_a_running_workspace() -> None:
    seen = workspace_from_object(workspace(status=RUNNING))
    assert seen.phase is Phase.RUNNING
    assert seen.reason == "kept: a tab is open"
    assert seen.started_at == datetime(2026, 11, 24, 11, 59, 51, tzinfo=UTC)
    assert seen.editor_version == "4.139.1"
    assert seen.update_waits


@pytest.mark.parametrize(
    ("status", "spec", "phase"),
    [
        ({"phase": "Stopped"}, {}, Phase.STARTING),
        ({"phase": "Running"}, {"running": False}, Phase.STOPPING),
        ({"phase": "Failed", "restartedAt": "a"}, {"restartedAt": "b"}, Phase.STARTING),
        ({"phase": "Failed", "restartedAt": "a"}, {"restartedAt": "a"}, Phase.FAILED),
        ({"phase": "Running", "restartedAt": "a"}, {"restartedAt": "b"}, Phase.STARTING),
        ({"phase": "Running", "restartedAt": "a"}, {"restartedAt": "a", "idleTimeoutSeconds": 60}, Phase.RUNNING),
    ],
)
def test_a_request_shows_before_the_operator_acts(status: Object, spec: Object, phase: Phase) -> None:
    subject = workspace(status={"message": "x", "observedGeneration": 0, **status}, **spec)
    assert workspace_from_object(subject).phase is phase
    # What it has seen is as it says.
    subject["status"]["observedGeneration"] = 1
    assert workspace_from_object(subject).phase is Phase(status["phase"].lower())


def test_one_that_is_going() -> None:
    subject = workspace(status=RUNNING)
    subject["metadata"]["deletionTimestamp"] = stamp()
    assert workspace_from_object(subject).phase is Phase.STOPPING


def test_trimming_changes_nothing_that_is_read() -> None:
    subject = workspace(status=RUNNING)
    subject["metadata"] |= {"managedFields": [{}], "annotations": {"kubectl.kubernetes.io/last-applied": "x" * 999}}
    assert workspace_from_object(trim_workspace(subject)) == workspace_from_object(subject)
    assert "managedFields" not in trim_workspace(subject)["metadata"]


def test_patches() -> None:
    one, two = (start_patch(at=datetime(2026, 1, 1, 0, 0, 0, ms * 1000, tzinfo=UTC)) for ms in (1, 2))
    assert one["spec"]["running"] is True
    assert one["spec"]["restartedAt"] != two["spec"]["restartedAt"]
    assert stop_patch(reason="Idle.") == {"spec": {"running": False, "stopReason": "Idle."}}
    assert changes_patch(WorkspaceChanges(idle_timeout=90)) == {"spec": {"idleTimeoutSeconds": 90}}
    assert changes_patch(WorkspaceChanges(never_idle=True)) == {"spec": {"idleTimeoutSeconds": 0}}
    assert changes_patch(WorkspaceChanges()) == {"spec": {}}


GOOD: dict[str, Any] = {
    "addresses": {"scheme": "https", "domain": "example.org", "workspaceDomain": "example.org", "port": 443},
    "workspace": {"image": "x"},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, "unknown key colour"),
        ({"workspace": {"image": "x", "imagee": "y"}}, "unknown key workspace.imagee"),
        ({"workspace": {}}, "lacks the key workspace.image"),
        ({"workers": 0}, "wrong value at workers"),
        ({"network": {"blockedCidrs": ["10.0.0.0/99"]}}, "wrong value at network.blockedCidrs"),
        ({"workspace": {"image": "x", "security": {"runAsUser": 0}}}, "workspace.security.runAsUser"),
    ],
)
def test_a_wrong_configuration_is_said_in_one_sentence(change: Object, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_config({**GOOD, **change})
    assert words in caught.value.detail
    assert "\n" not in caught.value.detail


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    with pytest.raises(InvalidInput, match="can't be read"):
        load_config(path)
    path.write_text("{")
    with pytest.raises(InvalidInput, match="is no JSON"):
        load_config(path)
    path.write_text(json.dumps(GOOD))
    assert load_config(path).addresses.addresses.workspace("alice") == "https://alice.example.org"


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (409, {"reason": "AlreadyExists"}, ObjectExists),
        (409, {"reason": "Conflict"}, WriteConflict),
        (410, {"reason": "Expired"}, VersionExpired),
        (404, {"reason": "NotFound"}, ObjectNotFound),
        (403, {"message": "exceeded quota: q"}, QuotaExceeded),
        (403, {"message": "no"}, NotPermitted),
        (422, {"reason": "Invalid"}, ObjectInvalid),
        (429, {}, ApiUnavailable),
        (503, "not JSON", ApiUnavailable),
        (418, None, KubernetesError),
    ],
)
def test_errors(code: int, body: object, kind: type[KubernetesError]) -> None:
    error = error_from_status(code, body)
    assert type(error) is kind
    assert error.message
    assert error.status == code
