"""Where workspaces report, with their own tokens: the editor's extension, and in a container its first process.

The local server answers it on a loopback address; on Kubernetes it has a port of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request

from vibecode.domain.errors import NotFound, Unauthenticated
from vibecode.domain.idleness import seconds_to_next_report
from vibecode.domain.workspace import ListeningPort, Workspace
from vibecode.runtimes.base import ProcessReport
from vibecode.services.activity import Report
from vibecode.web.dependencies import Services, ServicesDependency
from vibecode.web.schemas.agent import AgentAnswer, AgentProcesses, AgentProcessesAnswer, AgentReport

router = APIRouter(prefix="/agent/v1", tags=["agent"])

_YEAR = timedelta(days=366)

PROCESSES_INTERVAL = 10
"""Seconds between two reports of a workspace's processes while nothing changes."""


@router.post("/report")
async def report(body: AgentReport, request: Request, services: ServicesDependency) -> AgentAnswer:
    """Take what one editor window says about itself, and answer when its workspace stops."""
    workspace = _workspace(request, services)
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
    workspace = _workspace(request, services)
    services.activity.keep_running(workspace.name)
    return await _answer(workspace, services)


@router.post("/processes")
async def processes(body: AgentProcesses, request: Request, services: ServicesDependency) -> AgentProcessesAnswer:
    """Take what runs in a workspace whose processes this server can't see."""
    workspace = _workspace(request, services)
    if services.note_processes is None:
        raise NotFound("This server looks at its workspaces' processes itself.")
    report = ProcessReport(
        received_at=services.now(),
        busy_command=body.busy_command or None,
        cpu=body.cpu,
        memory=body.memory,
        storage=body.storage,
        ports=[ListeningPort(port=each.port, process=each.process, pid=each.pid) for each in body.ports],
        editor_version=body.editor_version,
    )
    services.note_processes(workspace.name, report)
    return AgentProcessesAnswer(report_again_in_seconds=PROCESSES_INTERVAL)


def _idle_seconds(last_interaction: datetime | None, now: datetime) -> float | None:
    """Return how long ago a moment of the workspace's clock was; None for one that can't be."""
    if last_interaction is None or last_interaction.tzinfo is None:
        return None
    try:
        ago = now - last_interaction
    except OverflowError:  # at the edge of the calendar
        return None
    return ago.total_seconds() if abs(ago) < _YEAR else None


def authenticate(authorization: str, services: Services) -> Workspace:
    """Return the workspace whose token came with a request.

    Parameters
    ----------
    authorization
        What the request's header of that name says.
    services
        Know the tokens.

    Raises
    ------
    Unauthenticated
    """
    scheme, _, token = authorization.partition(" ")
    workspace_id = services.agents.workspace(token.strip()) if scheme.lower() == "bearer" and token else None
    workspace = None if workspace_id is None else services.workspaces.by_id(workspace_id)
    if workspace is None:
        raise Unauthenticated("That is not the token of a workspace here (any more).")
    return workspace


def _workspace(request: Request, services: Services) -> Workspace:
    return authenticate(request.headers.get("authorization", ""), services)


async def _answer(workspace: Workspace, services: Services) -> AgentAnswer:
    verdict = await services.activity.verdict(workspace.name)
    return AgentAnswer(
        reason=verdict.reason,
        stops_at=verdict.stops_at,
        warning=verdict.warning,
        idle_timeout_seconds=workspace.spec.idle_timeout,
        report_again_in_seconds=seconds_to_next_report(
            verdict, idle_timeout=workspace.spec.idle_timeout, now=services.now()
        ),
    )
