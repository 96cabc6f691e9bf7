"""What stays connected to a workspace, as its object changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kubernetes_runtime.test_view import RUN, status, workspace_object
from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.observed import Observed

RUNNING = workspace_object(status=status("Running", **RUN))
UNREADY = workspace_object(status=status("Starting", podName="p-1"))
"""As the operator writes it when a pod that ran misses its probes."""
OTHER_POD = workspace_object(status=status("Starting", podName="p-2"))
NO_POD = workspace_object(status=status("Starting"))
ASKED_AGAIN = workspace_object(generation=2, spec={"restartedAt": "b"}, status=status("Starting", podName="p-1"))
ASKED_WHILE_RUNNING = workspace_object(generation=2, spec={"restartedAt": "b"}, status=status("Running", **RUN))
OTHER_CHANGE = workspace_object(generation=2, spec={"idleTimeoutSeconds": 60}, status=status("Starting", podName="p-1"))
STOPPED = workspace_object(generation=2, spec={"running": False}, status=status("Starting", podName="p-1"))
DELETED = workspace_object(status=status("Starting", podName="p-1"), deletionTimestamp="2026-11-24T09:00:00Z")
FAILED = workspace_object(status=status("Failed", podName="p-1"))


async def observe(*seen: dict[str, Any]) -> Observed:
    observed = Observed(seen[0], lambda _: None)
    for obj in seen[1:]:
        observed.take(obj)
    observed.close()
    return observed


@pytest.mark.parametrize(
    "seen",
    [
        (RUNNING,),
        (RUNNING, UNREADY),
        (RUNNING, UNREADY, RUNNING, UNREADY),
        (RUNNING, UNREADY, OTHER_CHANGE),
        (UNREADY,),  # this server was started while it was unready
    ],
)
async def test_what_is_connected_to_a_pod_that_is_there_stays(seen: tuple[dict[str, Any], ...]) -> None:
    observed = await observe(*seen)
    assert observed.holds_connections
    # Nothing new is sent there all the same.
    assert (observed.workspace.phase is Phase.RUNNING) == (seen[-1] is RUNNING)


@pytest.mark.parametrize(
    "seen",
    [
        (NO_POD,),
        (RUNNING, NO_POD),
        (RUNNING, OTHER_POD),
        (RUNNING, UNREADY, OTHER_POD),
        (RUNNING, ASKED_WHILE_RUNNING),
        (RUNNING, ASKED_AGAIN),
        (RUNNING, UNREADY, ASKED_AGAIN),
        (ASKED_AGAIN,),
        (RUNNING, UNREADY, STOPPED),
        (RUNNING, UNREADY, DELETED),
        (RUNNING, FAILED),
    ],
)
async def test_what_was_connected_to_another_run_ends(seen: tuple[dict[str, Any], ...]) -> None:
    assert not (await observe(*seen)).holds_connections


async def test_what_is_being_deleted_or_gone_holds_nothing() -> None:
    observed = await observe(RUNNING)
    observed.set_leaving(True)
    assert not observed.holds_connections
    observed.set_leaving(False)
    assert observed.holds_connections
    observed.leave()
    assert not observed.holds_connections
