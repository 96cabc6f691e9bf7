"""Where the editor's extension reports; answered on a loopback address, with the workspace's own token."""

from __future__ import annotations

from fastapi import APIRouter, Request

from vibecode.domain.errors import Unauthenticated
from vibecode.domain.workspace import Workspace
from vibecode.services.activity import Report
from vibecode.web.dependencies import Services, ServicesDependency
from vibecode.web.schemas import AgentAnswer, AgentReport

router = APIRouter(prefix="/agent/v1", tags=["agent"])

REPORT_INTERVAL = 30
"""Seconds between two reports of one window."""


@router.post("/report")
async def report(body: AgentReport, request: Request, services: ServicesDependency) -> AgentAnswer:
    """Take what one editor window says about itself, and answer when its workspace stops."""
    workspace = await _workspace(request, services)
    idle = None
    if body.last_interaction is not None and body.last_interaction.tzinfo is not None:
        idle = (services.now() - body.last_interaction).total_seconds()
    services.activity.report(
        workspace.name,
        Report(
            window_id=body.window_id,
            window_active=body.window_active,
            idle_seconds=idle,
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
