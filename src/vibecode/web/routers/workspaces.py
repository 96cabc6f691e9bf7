"""Workspaces: what they are and what to do with them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from vibecode.domain import workspace as domain
from vibecode.domain.errors import InvalidInput, PreconditionRequired
from vibecode.domain.workspace import WorkspaceChanges, WorkspaceSpec
from vibecode.runtimes import base as runtime
from vibecode.web.dependencies import Caller, CallerDependency, Services, ServicesDependency
from vibecode.web.schemas.workspaces import (
    Event,
    EventList,
    LogLine,
    LogLines,
    NewWorkspace,
    Port,
    PortList,
    Workspace,
    WorkspacePage,
    WorkspaceUpdate,
)
from vibecode.web.streams import until

router = APIRouter(prefix="/workspaces", tags=["workspaces"])


@router.get("")
async def list_workspaces(
    caller: CallerDependency,
    services: ServicesDependency,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
    owner: Annotated[str | None, Query(description="Only this user's; others' only for admins.")] = None,
    kept: Annotated[bool, Query(description="Instead those that were deleted with their files kept.")] = False,
) -> WorkspacePage:
    """List the workspaces that the caller may see, by name."""
    find = services.workspaces.list_kept if kept else services.workspaces.list
    workspaces = await find(caller.user, owner=owner)
    items, next_cursor = _page(workspaces, after=_decode_cursor(cursor), limit=limit)
    addresses = services.addresses()
    return WorkspacePage(items=[Workspace.of(item, addresses) for item in items], next_cursor=next_cursor)


@router.post("", status_code=201)
async def create_workspace(
    body: NewWorkspace,
    response: Response,
    caller: CallerDependency,
    services: ServicesDependency,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=255, description="With the same key, a repeated request creates only one."),
    ] = None,
) -> Workspace:
    """Create a workspace and begin to start it."""
    idle_timeout = body.idle_timeout if "idle_timeout" in body.model_fields_set else services.default_idle_timeout
    spec = WorkspaceSpec(
        name=body.name,
        owner=body.owner or caller.user.id,
        source=body.domain_source(),
        idle_timeout=idle_timeout,
    )
    workspace = await services.workspaces.create(caller.user, spec, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/api/v1/workspaces/{workspace.name}"
    return _answer(workspace, response, services)


@router.get("/{name}")
async def get_workspace(
    name: str, response: Response, caller: CallerDependency, services: ServicesDependency
) -> Workspace:
    """Show a workspace; its ETag is for `If-Match`."""
    return _answer(await services.workspaces.get(caller.user, name), response, services)


@router.patch(
    "/{name}", responses={412: {"description": "Changed in the meantime"}, 428: {"description": "No If-Match"}}
)
async def update_workspace(
    name: str,
    body: WorkspaceUpdate,
    response: Response,
    caller: CallerDependency,
    services: ServicesDependency,
    if_match: Annotated[str | None, Header(description="ETag that was read, so that no change is lost.")] = None,
) -> Workspace:
    """Change a workspace's settings; they hold at once."""
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag that you read, so that nobody's change is lost.")
    changes = WorkspaceChanges(idle_timeout=body.idle_timeout, never_idle=body.idle_timeout is None)
    workspace = await services.workspaces.update(caller.user, name, changes, revision=_revision(if_match))
    return _answer(workspace, response, services)


@router.delete("/{name}", status_code=204)
async def delete_workspace(
    name: str,
    caller: CallerDependency,
    services: ServicesDependency,
    purge: Annotated[bool, Query(description="Delete its files too; otherwise they are kept for its owner.")] = False,
    owner: Annotated[str | None, Query(description="Whose, where several users' kept files have that name.")] = None,
) -> None:
    """Stop and delete a workspace; with `purge`, also the kept files of one that was deleted before."""
    await services.workspaces.delete(caller.user, name, purge=purge, owner=owner)


@router.post("/{name}/start", status_code=202)
async def start_workspace(
    name: str, response: Response, caller: CallerDependency, services: ServicesDependency
) -> Workspace:
    """Ask for a workspace to run; done already is fine."""
    return _answer(await services.workspaces.start(caller.user, name), response, services)


@router.post("/{name}/stop", status_code=202)
async def stop_workspace(
    name: str, response: Response, caller: CallerDependency, services: ServicesDependency
) -> Workspace:
    """Ask for a workspace to stop; done already is fine."""
    return _answer(await services.workspaces.stop(caller.user, name), response, services)


@router.post("/{name}/restart", status_code=202)
async def restart_workspace(
    name: str, response: Response, caller: CallerDependency, services: ServicesDependency
) -> Workspace:
    """Stop a workspace if it runs, then start it with the editor in use now."""
    return _answer(await services.workspaces.restart(caller.user, name), response, services)


@router.post("/{name}/keep-running", status_code=202)
async def keep_workspace_running(
    name: str, response: Response, caller: CallerDependency, services: ServicesDependency
) -> Workspace:
    """Let a workspace's idle timeout start anew."""
    return _answer(await services.workspaces.keep_running(caller.user, name), response, services)


@router.get("/{name}/events")
async def list_events(name: str, caller: CallerDependency, services: ServicesDependency) -> EventList:
    """List what happened to a workspace, newest first."""
    events = await services.workspaces.events(caller.user, name)
    return EventList(items=[Event(at=event.at, kind=event.kind, message=event.message) for event in events])


@router.get("/{name}/ports")
async def list_ports(name: str, caller: CallerDependency, services: ServicesDependency) -> PortList:
    """List the ports that a workspace's processes listen on, with the addresses of their previews."""
    ports = await services.workspaces.ports(caller.user, name)
    addresses = services.addresses()
    return PortList(
        items=[
            Port(port=p.port, process=p.process, pid=p.pid, url=addresses.workspace(name, port=p.port) + "/")
            for p in ports
        ]
    )


@router.get("/{name}/logs")
async def get_logs(name: str, caller: CallerDependency, services: ServicesDependency) -> LogLines:
    """Return the log of a workspace's latest start so far."""
    lines = await services.workspaces.logs(caller.user, name, follow=False)
    return LogLines(items=[LogLine(at=line.at, text=line.text) async for line in lines])


async def _followed_log(
    name: str, caller: CallerDependency, services: ServicesDependency
) -> AsyncIterator[runtime.LogLine]:
    """Return a log to follow; a dependency, since a stream that has begun can't be refused any more."""
    return await services.workspaces.logs(caller.user, name, follow=True)


@router.get("/{name}/logs/stream", response_class=EventSourceResponse)
async def stream_logs(
    caller: CallerDependency,
    services: ServicesDependency,
    lines: Annotated[AsyncIterator[runtime.LogLine], Depends(_followed_log)],
) -> AsyncIterator[ServerSentEvent]:
    """Stream the log of a workspace's latest start, from its beginning and on (`event: log`)."""
    async for line in until(services.accounts.ending(caller.session.id), lines):
        yield ServerSentEvent(event="log", data=LogLine(at=line.at, text=line.text))


def _answer(workspace: domain.Workspace, response: Response, services: Services) -> Workspace:
    response.headers["ETag"] = f'"{workspace.revision}"'
    return Workspace.of(workspace, services.addresses())


def _revision(if_match: str) -> int:
    """Return the revision that an If-Match header names; -1, which never is, for what is no ETag of ours."""
    digits = if_match.strip().removeprefix('"').removesuffix('"')
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else -1


def _page(
    workspaces: Sequence[domain.Workspace], *, after: tuple[str, ...], limit: int
) -> tuple[Sequence[domain.Workspace], str | None]:
    rest = [workspace for workspace in workspaces if (workspace.name, workspace.owner) > after]
    page = rest[:limit]
    more = len(rest) > limit
    return page, base64.urlsafe_b64encode(f"{page[-1].name}\0{page[-1].owner}".encode()).decode() if more else None


def _decode_cursor(cursor: str | None) -> tuple[str, ...]:
    if cursor is None:
        return ()
    try:
        return tuple(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode().split("\0"))
    except (binascii.Error, UnicodeError):
        raise InvalidInput("That cursor is not one of ours: start without one.", field="cursor") from None


async def stream_workspaces(caller: Caller, services: Services) -> AsyncIterator[ServerSentEvent]:
    """Yield the state of the caller's workspaces: all of them, then `ready`, then each change."""
    changes = services.workspaces.watch(caller.user)
    addresses = services.addresses()
    for workspace in await services.workspaces.list(caller.user):
        yield ServerSentEvent(event="workspace", data=Workspace.of(workspace, addresses))
    yield ServerSentEvent(event="ready", data={})
    async for change in until(services.accounts.ending(caller.session.id), changes):
        if change.workspace is None:
            yield ServerSentEvent(event="removed", data={"name": change.name})
        else:
            yield ServerSentEvent(event="workspace", data=Workspace.of(change.workspace, addresses))
