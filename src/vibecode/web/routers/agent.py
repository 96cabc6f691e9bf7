"""Where the editor's extension reports; answered on a loopback address, with the workspace's own token."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request

from vibecode.domain.errors import Unauthenticated
from vibecode.domain.workspace import Workspace
from vibecode.services.activity import Report
from vibecode.web.dependencies import Services, ServicesDependency
from vibecode.web.schemas import AgentAnswer, AgentReport

router = APIRouter(prefix="/agent/v1", tags=["agent"])

_YEAR = timedelta(days=366)

REPORT_INTERVAL = 30
"""Seconds between two reports of one window."""


@router.post("/report")
async def report(body: AgentReport, request: Request, services: ServicesDependency) -> AgentAnswer:
    """Take what one editor window says about itself, and answer when its workspace stops."""
    workspace = await _workspace(request, services)
    services.activity.report(
        workspace.name,
        Report(
            window_id=body.window_id,
            window_active=body.window_active,
            idle_seconds=_idle_seconds(body.last_interaction, services.now()),
            foreground_tasks=tuple(task.name for task in body.tasks if not task.background),
            debug_sessions=tuple(session.name for session in body.debug_sessions),
            closed=body.closed,
        ),
    )
    return await _answer(workspace, services)


@router.post("/keep-running")
async def keep_running(request: Request, services: ServicesDependency) -> AgentAnswer:
    """Let the workspace's idle timeout start anew."""
    workspace = await _workspace(request, services)
    services.activity.keep_running(workspace.name)
    return await _answer(workspace, services)


def _idle_seconds(last_interaction: datetime | None, now: datetime) -> float | None:
    """Return how long ago a moment of the workspace's clock was; None for one that can't be."""
    if last_interaction is None or last_interaction.tzinfo is None:
        return None
    try:
        ago = now - last_interaction
    except OverflowError:  # at the edge of the calendar
        return None
    return ago.total_seconds() if abs(ago) < _YEAR else None


async def _workspace(request: Request, services: Services) -> Workspace:
    """Return the workspace whose token came with the request.

    Raises
    ------
    Unauthenticated
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    workspace_id = services.agents.workspace(token.strip()) if scheme.lower() == "bearer" and token else None
    workspace = None if workspace_id is None else await services.workspaces.by_id(workspace_id)
    if workspace is None:
        raise Unauthenticated("That is not the token of a workspace here (any more).")
    return workspace


async def _answer(workspace: Workspace, services: Services) -> AgentAnswer:
    verdict = await services.activity.verdict(workspace.name)
    return AgentAnswer(
        reason=verdict.reason,
        stops_at=verdict.stops_at,
        warning=verdict.warning,
        idle_timeout_seconds=workspace.spec.idle_timeout,
        report_again_in_seconds=REPORT_INTERVAL,
    )
