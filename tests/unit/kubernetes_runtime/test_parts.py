"""What comes from a cluster and from workspaces, read and made safe."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain import errors
from vibecode.domain.workspace import ListeningPort, Phase
from vibecode.runtimes.base import ProcessReport
from vibecode.runtimes.kubernetes.errors import (
    ApiUnavailable,
    KubernetesError,
    NotPermitted,
    ObjectExists,
    ObjectInvalid,
    ObjectNotFound,
    QuotaExceeded,
    WriteConflict,
)
from vibecode.runtimes.kubernetes.kept import group_kept, kept_view
from vibecode.runtimes.kubernetes.object_events import event_from_object
from vibecode.runtimes.kubernetes.pod_logs import parse_line
from vibecode.runtimes.kubernetes.refusals import as_refusal, is_another
from vibecode.runtimes.kubernetes.reports import cleaned

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def report(**changes: Any) -> ProcessReport:
    values: dict[str, Any] = {
        "received_at": NOW,
        "busy_command": None,
        "cpu": 0.0,
        "memory": 0,
        "storage": None,
        "ports": (),
        "editor_version": None,
    }
    return ProcessReport(**(values | changes))


def port(number: int, process: str = "node", pid: int = 7) -> ListeningPort:
    return ListeningPort(port=number, process=process, pid=pid)


@given(
    st.builds(
        report,
        busy_command=st.none() | st.text(),
        cpu=st.floats(),
        memory=st.integers(),
        storage=st.none() | st.integers(),
        ports=st.lists(st.builds(port, st.integers(), st.text(), st.integers()), max_size=300),
        editor_version=st.none() | st.text(),
    )
)
def test_whatever_a_workspace_reports_is_within_bounds(reported: ProcessReport) -> None:
    clean = cleaned(reported)
    assert math.isfinite(clean.cpu)
    assert 0 <= clean.cpu <= 4096
    assert 0 <= clean.memory <= 2**60
    assert clean.storage is None or 0 <= clean.storage <= 2**60
    for text in (clean.busy_command, clean.editor_version):
        assert text is None or (text.isprintable() and 0 < len(text) <= 200)
    numbers = [each.port for each in clean.ports]
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= 200
    assert all(1 <= each.port <= 65535 and each.port != 8080 for each in clean.ports)
    assert all(each.process.isprintable() and len(each.process) <= 200 for each in clean.ports)
    assert cleaned(clean) == clean


def test_a_usual_report_stays_as_it_is() -> None:
    usual = report(
        busy_command="npm test", cpu=0.5, memory=9, storage=4, ports=(port(3000), port(5173)), editor_version="4.139.1"
    )
    assert cleaned(usual) == usual
    assert [each.port for each in cleaned(report(ports=[port(n) for n in range(1, 1000)])).ports][-1] == 200


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ObjectNotFound("x"), errors.WorkspaceNotFound, "There is no workspace alice."),
        (ObjectExists("x"), errors.NameTaken, "There is a workspace alice already"),
        (
            QuotaExceeded(
                'workspaces.vibecode.dev "a" is forbidden: exceeded quota: few, requested: count/w=1, used: 1'
            ),
            errors.Conflict,
            "(few, requested: count/w=1, used: 1)",
        ),
        (
            NotPermitted(
                'workspaces.vibecode.dev is forbidden: User "system:serviceaccount:a:b" cannot create resource '
                '"workspaces" in API group "vibecode.dev" in the namespace "w"',
                status=403,
            ),
            errors.Unavailable,
            "its log says which right is missing",
        ),
        (NotPermitted("Unauthorized", status=401), errors.Unavailable, "which right is missing"),
        (
            NotPermitted('admission webhook "x" denied the request: not on Sundays', status=403),
            errors.Forbidden,
            "The cluster does not allow that: not on Sundays.",
        ),
        (
            NotPermitted("on maintenance", status=403),
            errors.Forbidden,
            "The cluster does not allow that: on maintenance.",
        ),
        (
            ObjectInvalid("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: Eve has none.", status=422),
            errors.Forbidden,
            "The cluster does not allow that: Eve has none.",
        ),
        (WriteConflict("x"), errors.Unavailable, "changed by others"),
        (ApiUnavailable("x"), errors.Unavailable, "does not answer"),
        (KubernetesError("odd \x1b[31mthing"), errors.Unavailable, "odd thing"),
        (
            ObjectInvalid(
                'Workspace.vibecode.dev "a--b" is invalid: <nil>: Invalid value: A workspace name can\'t contain that.'
            ),
            errors.InvalidInput,
            "The cluster does not take that: A workspace name can't contain that.",
        ),
        (
            ObjectInvalid(
                'Workspace.vibecode.dev "zz" is invalid: [spec.owner: Invalid value: "x--y": A user id is short., '
                "spec.idleTimeoutSeconds: Invalid value: 5: The idle timeout is longer.]"
            ),
            errors.InvalidInput,
            "spec.owner: A user id is short., spec.idleTimeoutSeconds: The idle timeout is longer.",
        ),
        (ObjectInvalid("strict decoding error"), errors.InvalidInput, "strict decoding error."),
    ],
)
def test_what_the_server_refuses_is_said_in_a_sentence(
    error: KubernetesError, kind: type[errors.VibeCodeError], words: str
) -> None:
    refusal = as_refusal(error, "alice")
    assert type(refusal) is kind
    assert words in refusal.detail
    assert refusal.detail.isprintable()


def test_a_broken_rule_names_the_field() -> None:
    refusal = as_refusal(
        ObjectInvalid(
            'Workspace.vibecode.dev "a" is invalid: spec.idleTimeoutSeconds: Invalid value: 5: The idle timeout is 0.'
        ),
        "a",
    )
    assert (refusal.field, refusal.detail) == ("idleTimeoutSeconds", "The idle timeout is 0.")


def test_another_object_under_the_name_is_known_by_its_uid() -> None:
    message = 'Workspace.vibecode.dev "a" is invalid: metadata.uid: Invalid value: "0": field is immutable'
    assert is_another(ObjectInvalid(message))
    assert not is_another(ObjectInvalid('Workspace.vibecode.dev "a" is invalid: spec.owner: Required value'))


def claim(workspace: str = "alice", owner: str = "u-alice", *, size: str = "10Gi", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"workspace-{workspace}",
            "uid": f"uid-{size}",
            "creationTimestamp": "2026-11-24T08:00:00Z",
            "labels": {"vibecode.dev/workspace": workspace, "vibecode.dev/owner": owner},
            **metadata,
        },
        "status": {"capacity": {"storage": size}},
    }


def test_kept_volumes_are_grouped_by_name_and_owner() -> None:
    owned: dict[str, Any] = {"ownerReferences": [{"kind": "Workspace", "name": "zoe", "uid": "1"}]}
    found = group_kept(
        [
            claim("zoe", size="1Gi"),
            claim("alice", "u-bob"),
            claim("alice", size="10Gi", creationTimestamp="2026-11-24T08:00:01Z"),
            claim("alice", size="2Gi"),
            claim("gone", deletionTimestamp="2026-11-24T09:00:00Z"),
            claim("leaving", **owned),
            {"metadata": {"name": "somebody-elses"}},
        ]
    )
    assert [(kept.name, kept.owner) for kept in found] == [
        ("alice", "u-alice"),
        ("alice", "u-bob"),
        ("zoe", "u-alice"),
    ]
    workspace = kept_view(found[0])
    assert (workspace.name, workspace.owner, workspace.phase) == ("alice", "u-alice", Phase.STOPPED)
    assert workspace.usage.storage == 12 * 2**30
    assert workspace.id == "uid-2Gi"
    assert workspace.reason == "Deleted; its files are kept for its owner."


def test_a_size_that_is_none_counts_as_nothing() -> None:
    (kept,) = group_kept([claim(size="much")])
    assert kept_view(kept).usage.storage == 0
    kept.claims[0]["status"] = {}
    kept.claims[0]["spec"] = {"resources": {"requests": {"storage": "1500Ki"}}}
    assert kept_view(kept).usage.storage == 1_536_000


def test_events_of_both_kinds_are_read() -> None:
    core = {
        "metadata": {},
        "reason": "ImagePullFailed",
        "message": "No such image https://a:secret@r.example/\n\x1b[31mx",
        "lastTimestamp": "2026-11-24T09:00:00Z",
        "count": 3,
    }
    event = event_from_object(core)
    assert (event.at, event.kind) == (NOW, "imagepullfailed")
    assert event.message == "No such image https://***@r.example/ x (3 times)"
    newer = {
        "metadata": {"creationTimestamp": "2026-11-24T08:00:00Z"},
        "reason": "Started",
        "note": "Runs.",
        "eventTime": "2026-11-24T08:59:00.123456Z",
        "series": {"count": 2, "lastObservedTime": "2026-11-24T09:00:00.000000Z"},
    }
    assert event_from_object(newer).at == NOW
    assert event_from_object(newer).message == "Runs. (2 times)"
    both = {**core, "eventTime": "2026-11-24T09:00:00.123456Z"}
    assert event_from_object(both).at == NOW + timedelta(microseconds=123456)
    bare = event_from_object({"metadata": {"creationTimestamp": "2026-11-24T09:00:00Z"}})
    assert (bare.at, bare.kind, bare.message) == (NOW, "event", "")


@given(st.lists(st.integers(0, 3 * 10**9), min_size=2, max_size=2))
def test_stamps_compare_as_their_times_do(nanoseconds: list[int]) -> None:
    """The container runtime leaves out zeros at the end (RFC3339Nano of Go)."""

    def stamp(value: int) -> str:
        seconds, rest = divmod(value, 10**9)
        fraction = f".{rest:09}".rstrip("0").rstrip(".")
        return f"2026-11-24T09:00:{seconds:02}{fraction}Z"

    first, second = (parse_line(f"{stamp(value)} hello", now=NOW) for value in nanoseconds)
    assert (first[0] < second[0]) == (nanoseconds[0] < nanoseconds[1])
    assert first[1].at - NOW == timedelta(microseconds=nanoseconds[0] // 1000)
    assert first[1].text == "hello"


def test_lines_are_made_safe() -> None:
    stamp, line = parse_line("2026-11-24T09:00:00.5Z \x1b[31mclone https://me:secret@git.example/x\tdone", now=NOW)
    assert stamp
    assert line.text == "clone https://***@git.example/x\tdone"
    assert parse_line("unable to retrieve container logs", now=NOW)[0] == ""
    assert parse_line("unable to retrieve container logs", now=NOW)[1].text == "unable to retrieve container logs"
    assert len(parse_line("2026-11-24T09:00:00Z " + "x" * 100_000, now=NOW)[1].text) == 4000
    assert parse_line("2026-11-24T09:00:00Z ", now=NOW)[1].text == ""
