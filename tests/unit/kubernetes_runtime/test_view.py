"""How Workspace objects look from outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.workspace import Phase, Usage
from vibecode.runtimes.kubernetes.view import NOT_ANSWERING, Idle, Known, ends_run, is_unanswered, run_of, view

CREATED = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def workspace_object(
    *, generation: int = 1, spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "alice",
            "uid": "uid-1",
            "resourceVersion": "7",
            "generation": generation,
            "creationTimestamp": "2026-11-24T08:00:00Z",
            **metadata,
        },
        "spec": {"owner": "u-alice", "running": True, "idleTimeoutSeconds": 1800, **(spec or {})},
        "status": status or {},
    }


def status(phase: str, observed: int = 1, **more: Any) -> dict[str, Any]:
    return {"phase": phase, "observedGeneration": observed, "message": f"{phase} it is.", **more}


RUN: dict[str, Any] = {"podName": "p-1", "podIP": "10.1.2.3", "startedAt": "2026-11-24T08:01:00Z"}

objects = st.builds(
    workspace_object,
    generation=st.integers(1, 3),
    spec=st.fixed_dictionaries(
        {"running": st.booleans()},
        optional={"stopReason": st.just("Stopped by alice."), "restartedAt": st.sampled_from(["a", "b"])},
    ),
    status=st.one_of(
        st.just({}),
        st.builds(
            lambda phase, observed, more: status(phase, observed, **more),
            st.sampled_from(["Pending", "Starting", "Running", "Stopping", "Stopped", "Failed"]),
            st.integers(1, 3),
            st.fixed_dictionaries(
                {},
                optional={
                    "podName": st.just("p-1"),
                    "podIP": st.just("10.1.2.3"),
                    "startedAt": st.just("2026-11-24T08:01:00Z"),
                    "restartedAt": st.sampled_from(["a", "b"]),
                    "editorVersion": st.just("4.139.1"),
                    "updateWaits": st.booleans(),
                    "stopsAt": st.just("2026-11-24T09:00:00Z"),
                    "activity": st.just("stops in 5 min"),
                    "lastActivity": st.just("2026-11-24T08:30:00Z"),
                },
            ),
        ),
    ),
)
knowledge = st.builds(
    Known,
    old_news_below=st.integers(0, 4),
    is_leaving=st.booleans(),
    is_late=st.booleans(),
    idle=st.none() | st.just(Idle(reason="stops in 9 min", stops_at=CREATED)),
    last_active=st.none() | st.just(CREATED + timedelta(hours=1)),
    usage=st.just(Usage(cpu=0.5, memory=7, storage=9)),
    editor_version=st.none() | st.just("4.1"),
)


@given(objects, knowledge)
def test_what_does_not_run_shows_nothing_of_a_run(obj: dict[str, Any], known: Known) -> None:
    workspace = view(obj, known)
    assert workspace.reason
    assert workspace.last_active is not None
    if workspace.phase is not Phase.RUNNING:
        assert (workspace.started_at, workspace.stops_at, workspace.editor_version) == (None, None, None)
        assert not workspace.update_waits
        assert workspace.usage == Usage(storage=9)


@given(objects, knowledge)
def test_only_what_is_wanted_and_said_to_run_is_running(obj: dict[str, Any], known: Known) -> None:
    """Requests are forwarded to what is running, and end what waits for it."""
    if view(obj, known).phase is Phase.RUNNING:
        assert obj["status"]["phase"] == "Running"
        assert obj["status"]["observedGeneration"] >= known.old_news_below
        assert obj["spec"]["running"] or not is_unanswered(obj)
        assert not known.is_leaving


@given(objects, knowledge)
def test_what_is_to_run_is_never_shown_as_stopped_while_that_is_unanswered(obj: dict[str, Any], known: Known) -> None:
    """A stopped workspace is woken by a request; one that is on its way is waited for."""
    if obj["spec"]["running"] and is_unanswered(obj) and not known.is_leaving:
        assert view(obj, known).phase is not Phase.STOPPED


def test_a_new_object_waits_for_the_operator() -> None:
    workspace = view(workspace_object(), Known())
    assert (workspace.phase, workspace.reason) == (Phase.PENDING, "Waiting for the operator to take it up.")
    assert (workspace.id, workspace.name, workspace.owner, workspace.revision) == ("uid-1", "alice", "u-alice", 1)
    assert workspace.last_active == workspace.created_at == CREATED
    assert view(workspace_object(), Known(is_late=True)).reason == NOT_ANSWERING


def test_an_operator_that_is_away_is_not_blamed_for_what_runs() -> None:
    obj = workspace_object(generation=2, status=status("Running", 1, **RUN))
    workspace = view(obj, Known(is_late=True))
    assert (workspace.phase, workspace.reason) == (Phase.RUNNING, "Running it is.")


def test_a_stop_shows_at_once_with_its_reason() -> None:
    obj = workspace_object(
        generation=2, spec={"running": False, "stopReason": "Stopped by alice."}, status=status("Running", 1, **RUN)
    )
    workspace = view(obj, Known())
    assert (workspace.phase, workspace.reason) == (Phase.STOPPING, "Stopped by alice.")


def test_a_start_shows_at_once() -> None:
    for before in ("Stopped", "Stopping"):
        assert view(workspace_object(generation=2, status=status(before)), Known()).phase is Phase.STARTING
    asked_again = workspace_object(generation=2, spec={"restartedAt": "b"}, status=status("Failed", restartedAt="a"))
    assert view(asked_again, Known()).phase is Phase.STARTING
    other_change = workspace_object(generation=2, spec={"restartedAt": "a"}, status=status("Failed", restartedAt="a"))
    assert view(other_change, Known()).phase is Phase.FAILED


def test_news_of_a_run_that_was_to_end_is_old() -> None:
    """A stop and a start right after it: what the operator said before both is of the run that ends."""
    obj = workspace_object(generation=3, status=status("Running", 1, **RUN))
    assert view(obj, Known(old_news_below=3)).phase is Phase.STARTING
    answered = workspace_object(generation=3, status=status("Running", 3, **RUN))
    assert view(answered, Known(old_news_below=3)).phase is Phase.RUNNING


def test_words_of_an_earlier_run_are_not_those_of_this_one() -> None:
    obj = workspace_object(status=status("Running", stopsAt="2026-11-24T09:00:00Z", activity="stops in 5 min", **RUN))
    assert view(obj, Known()).reason == "Running it is."
    assert view(obj, Known()).stops_at is None
    known = Known(idle=Idle(reason="stops in 9 min", stops_at=CREATED))
    assert (view(obj, known).reason, view(obj, known).stops_at) == ("stops in 9 min", CREATED)


def test_the_editor_version_is_the_reported_one_else_the_one_written_down() -> None:
    obj = workspace_object(status=status("Running", editorVersion="4.2", updateWaits=True, **RUN))
    assert view(obj, Known()).editor_version == "4.2"
    assert view(obj, Known(editor_version="4.1")).editor_version == "4.1"
    assert view(obj, Known()).update_waits


def test_what_is_being_deleted_is_stopping() -> None:
    obj = workspace_object(status=status("Running", **RUN), deletionTimestamp="2026-11-24T09:00:00Z")
    assert view(obj, Known()).phase is Phase.STOPPING
    leaving = view(workspace_object(status=status("Running", **RUN)), Known(is_leaving=True, is_late=True))
    assert (leaving.phase, leaving.reason) == (Phase.STOPPING, "Being deleted.")


def test_which_changes_end_a_run() -> None:
    plain = workspace_object()
    assert not ends_run(plain, workspace_object(spec={"idleTimeoutSeconds": 60}))
    assert ends_run(plain, workspace_object(spec={"running": False}))
    assert ends_run(plain, workspace_object(spec={"restartedAt": "a"}))
    assert run_of(workspace_object(status=RUN)) != run_of(workspace_object(status={**RUN, "podName": "p-2"}))
