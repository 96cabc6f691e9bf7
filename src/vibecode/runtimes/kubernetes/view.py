"""How a Workspace object looks from outside, with what only this server knows about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from vibecode.domain.workspace import Phase, Usage, Workspace
from vibecode.runtimes.kubernetes.model import is_wanted, workspace_from_object
from vibecode.runtimes.kubernetes.resources import Object

ANSWER_LIMIT: Final = 30.0
"""Seconds after which an operator that hasn't taken up a request counts as away."""

NOT_ANSWERING: Final = "The operator is not answering: what was asked for is done when it is back."


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """The latest words about a workspace's use."""

    reason: str
    stops_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this server knows beside the object."""

    old_news_below: int = 0
    """A status of a generation below this one tells of a run that was to end since then."""
    is_leaving: bool = False
    """Whether this server is deleting it."""
    is_late: bool = False
    """Whether the operator takes longer than :data:`ANSWER_LIMIT` to take up the latest request."""
    idle: Idle | None = None
    last_active: datetime | None = None
    usage: Usage = field(default_factory=Usage)
    editor_version: str | None = None
    """What its agent reported."""


def view(obj: Object, known: Known) -> Workspace:
    """Return the workspace as callers see it.

    A request shows at once, before the operator has written anything: requests are routed by the phase.

    Parameters
    ----------
    obj
        The Workspace object, whole or trimmed.
    known
        What this server knows beside it.
    """
    workspace = workspace_from_object(obj)
    if known.is_leaving:
        workspace = replace(workspace, phase=Phase.STOPPING, reason="Being deleted.")
    elif workspace.phase is Phase.RUNNING and observed_generation(obj) < known.old_news_below:
        workspace = replace(workspace, phase=Phase.STARTING, reason="Starting: it was asked for.")
    workspace = replace(workspace, last_active=known.last_active or workspace.last_active or workspace.created_at)
    if known.is_late and not known.is_leaving and workspace.phase.is_moving:
        workspace = replace(workspace, reason=NOT_ANSWERING)
    if workspace.phase is not Phase.RUNNING:
        return replace(
            workspace,
            started_at=None,
            stops_at=None,
            editor_version=None,
            update_waits=False,
            usage=Usage(storage=known.usage.storage),
        )
    # The words in the object may be of an earlier run: they are for those who look at it there.
    idle = known.idle or Idle(reason=_message(obj) or workspace.reason, stops_at=None)
    return replace(
        workspace,
        reason=idle.reason,
        stops_at=idle.stops_at,
        usage=known.usage,
        editor_version=known.editor_version or workspace.editor_version,
    )


def observed_generation(obj: Object) -> int:
    """Return the generation of the spec that the status tells of; 0 if there is no status yet."""
    return int((obj.get("status") or {}).get("observedGeneration") or 0)


def is_unanswered(obj: Object) -> bool:
    """Tell whether the operator has still to take up the latest request."""
    return observed_generation(obj) < int(obj["metadata"].get("generation") or 1)


def ends_run(old: Object, new: Object) -> bool:
    """Tell whether a change of the spec asks a run that goes on to end, even if another follows at once."""
    before, after = old["spec"], new["spec"]
    return is_wanted(before) != is_wanted(after) or before.get("restartedAt") != after.get("restartedAt")


def run_of(obj: Object) -> tuple[object, ...]:
    """Return what tells one run of a workspace from the next."""
    status = obj.get("status") or {}
    return (status.get("podName"), status.get("startedAt"))


def pod_address(obj: Object) -> str | None:
    """Return the address of its pod; None unless it is ready."""
    return (obj.get("status") or {}).get("podIP") or None


def pod_name(obj: Object) -> str | None:
    """Return the name of its pod; None while there is none."""
    return (obj.get("status") or {}).get("podName") or None


def _message(obj: Object) -> str:
    return str((obj.get("status") or {}).get("message") or "")
