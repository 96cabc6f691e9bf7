"""What the control plane answers on a workspace's own address.

The edge sends it everything that does not go to the workspace: the paths under ``/.vibecode/``, and navigations that
can't be passed on (not signed in, not there, not running). It decides again, by the same rules, what to show.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from vibecode.domain.accounts import User
from vibecode.domain.addresses import WorkspaceHost
from vibecode.domain.cookies import state_cookie, values_of
from vibecode.domain.errors import Gone, RequestRefused, Unauthenticated, WorkspaceNotFound
from vibecode.domain.routing import INTERNAL_PREFIX, SessionView, is_same_origin, may_open
from vibecode.domain.secrets import hash_secret
from vibecode.domain.workspace import Phase, Workspace
from vibecode.web import problems
from vibecode.web.cookies import clear_state, set_session, set_state
from vibecode.web.dependencies import Services, ServicesDependency
from vibecode.web.pages import TAB_SCRIPT, Page, content_security_policy, render
from vibecode.web.pages.serving import get_asset
from vibecode.web.schemas.workspaces import LogLine, Port, PortState, WorkspaceState
from vibecode.web.security import MAX_BODY
from vibecode.web.streams import until

_NO_STORE: Final = {"Cache-Control": "no-store"}


def create_workspace_origin_app(services: Services) -> FastAPI:
    """Return the application for workspaces' addresses."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, max_body_size=MAX_BODY)
    app.state.services = services
    problems.install(app)
    app.add_api_route(INTERNAL_PREFIX + "enter", enter, methods=["GET"])
    app.add_api_route(INTERNAL_PREFIX + "status", get_status, methods=["GET"])
    app.add_api_route(INTERNAL_PREFIX + "events", stream_events, methods=["GET"], response_class=EventSourceResponse)
    app.add_api_route(INTERNAL_PREFIX + "port", get_port, methods=["GET"])
    app.add_api_route(INTERNAL_PREFIX + "start", start, methods=["POST"], response_model=None)
    app.add_api_route(INTERNAL_PREFIX + "tab.js", get_tab_script, methods=["GET"])
    app.add_api_route(INTERNAL_PREFIX + "assets/{name}", get_asset, methods=["GET"])
    app.add_api_route("/{path:path}", show_page, methods=["GET", "HEAD"])
    return app


async def enter(
    request: Request,
    services: ServicesDependency,
    ticket: Annotated[str, Query(max_length=200)],
    to: Annotated[str, Query(max_length=4000)] = "/",
) -> Response:
    """Use up a ticket, sign the browser in to this address, and go on to where it wanted."""
    addresses = services.addresses()
    target = _target(request, services)
    bindings = values_of(state_cookie(secure=addresses.secure_cookies), request.headers.getlist("cookie"))
    path = _own_path(to)
    try:
        secret, session = await services.accounts.redeem_ticket(
            ticket,
            origin=addresses.workspace(target.name, port=target.port),
            bindings=bindings,
            user_agent=request.headers.get("user-agent", ""),
        )
    except Gone:
        # Reloading a used link, or a second tab that asked at the same time: the way in starts over.
        response: Response = RedirectResponse("/", 303, headers=_NO_STORE)
        if services.router.session(target, request.headers.getlist("cookie")) is None and not bindings:
            response = _page("signed-out", 410, name=target.name, sign_in_url=addresses.dashboard + "/")
        return response
    response = RedirectResponse(path, 303, headers=_NO_STORE)
    set_session(response, secret, expires_at=session.expires_at, addresses=addresses)
    clear_state(response, addresses=addresses)
    return response


async def get_status(request: Request, services: ServicesDependency) -> WorkspaceState:
    """Tell a page of this address how its workspace is."""
    _, workspace = await _caller(request, services)
    return _state(workspace, services)


async def get_port(request: Request, services: ServicesDependency) -> PortState:
    """Tell the page of a port whether something listens there by now, and what does elsewhere."""
    user, workspace = await _caller(request, services)
    target = _target(request, services)
    ports = await services.workspaces.ports(user, workspace.name)
    addresses = services.addresses()
    return PortState(
        listening=any(port.port == target.port for port in ports),
        ports=[
            Port(port=p.port, process=p.process, pid=p.pid, url=addresses.workspace(workspace.name, port=p.port) + "/")
            for p in ports
        ],
    )


async def _watched(request: Request, services: ServicesDependency) -> tuple[User, Workspace, str]:
    """Return who watches what by which session; a dependency, since a stream that has begun can't be refused."""
    user, workspace = await _caller(request, services)
    return user, workspace, _session_id(request, services)


async def stream_events(
    services: ServicesDependency, watched: Annotated[tuple[User, Workspace, str], Depends(_watched)]
) -> AsyncIterator[ServerSentEvent]:
    """Stream the workspace's state and the log of its start, from the log's beginning."""
    user, workspace, session = watched
    queue: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(maxsize=100)

    async def follow_state() -> None:
        changes = services.workspaces.watch(user)
        # How it was when the request came may be old by now.
        try:
            present = await services.workspaces.get(user, workspace.name)
        except WorkspaceNotFound:
            await queue.put(None)
            return
        await queue.put(ServerSentEvent(event="status", data=_state(present, services)))
        async for change in changes:
            if change.name != workspace.name:
                continue
            if change.workspace is None:
                await queue.put(None)
                return
            await queue.put(ServerSentEvent(event="status", data=_state(change.workspace, services)))

    async def follow_log() -> None:
        async for line in await services.workspaces.logs(user, workspace.name, follow=True):
            await queue.put(ServerSentEvent(event="log", data=LogLine(at=line.at, text=line.text)))

    tasks = [asyncio.create_task(follow_state()), asyncio.create_task(follow_log())]
    try:
        async for event in until(services.accounts.ending(session), _drain(queue)):
            yield event
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def start(request: Request, services: ServicesDependency) -> Response:
    """Start the workspace; asked by its waking page, or by an open tab after a stop.

    A page without JavaScript sends a form, and goes on to the waking page.
    """
    addresses = services.addresses()
    target = _target(request, services)
    own = addresses.workspace(target.name, port=target.port)
    if not is_same_origin(request.headers.get("origin", ""), request.headers.get("host", ""), own):
        raise RequestRefused("This request did not come from the workspace's own page: open it and try there.")
    user, workspace = await _caller(request, services)
    state = _state(await services.workspaces.start(user, workspace.name), services)
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/", 303, headers=_NO_STORE)
    return JSONResponse(state.model_dump(mode="json"), 202, headers=_NO_STORE)


async def get_tab_script(request: Request) -> Response:
    """Return the script that the workbench's page loads."""
    return await get_asset(TAB_SCRIPT, request)


async def show_page(request: Request, services: ServicesDependency) -> Response:
    """Answer a navigation that the edge could not pass on."""
    addresses = services.addresses()
    target = _target(request, services)
    if request.url.path.startswith(INTERNAL_PREFIX):
        return PlainTextResponse("Not found.\n", 404)
    session = services.router.session(target, request.headers.getlist("cookie"))
    if session is None:
        return _ask_for_ticket(request, target, services)
    try:
        user, workspace = await _caller(request, services)
        if workspace.phase in (Phase.STOPPED, Phase.STOPPING):
            workspace = await services.workspaces.start(user, workspace.name)
    except WorkspaceNotFound:
        return _page("not-found", 404, name=target.name, dashboard_url=addresses.dashboard + "/")
    if workspace.phase is Phase.RUNNING:
        if target.port is None:
            return RedirectResponse(_path(request), 303, headers=_NO_STORE)  # it became ready in between
        ports = await services.workspaces.ports(user, workspace.name)
        own = addresses.workspace(workspace.name)
        page = _page(
            "port",
            502,
            name=workspace.name,
            port=target.port,
            workspace_url=own + "/",
            ports=[
                {"port": p.port, "process": p.process, "url": addresses.workspace(workspace.name, port=p.port) + "/"}
                for p in ports
            ],
        )
        # The editor shows previews in frames.
        page.headers["Content-Security-Policy"] = content_security_policy(frame_ancestors=own)
        return page
    return _page(
        "waking",
        503,
        name=workspace.name,
        phase=workspace.phase.value,
        reason=workspace.reason,
        dashboard_url=addresses.dashboard + "/",
        log=[line.text async for line in await services.workspaces.logs(user, workspace.name, follow=False)],
    )


def _ask_for_ticket(request: Request, target: WorkspaceHost, services: Services) -> Response:
    addresses = services.addresses()
    label = target.name if target.port is None else f"{target.port}--{target.name}"
    existing = values_of(state_cookie(secure=addresses.secure_cookies), request.headers.getlist("cookie"))
    # Two tabs that open at once share the value, so that neither makes the other's ticket useless.
    state = existing[0] if len(existing) == 1 and len(existing[0]) == 43 else secrets.token_urlsafe(32)
    query = urlencode({"workspace": label, "state": hash_secret(state), "to": _path(request)})
    response = RedirectResponse(f"{addresses.dashboard}/authorize?{query}", 303, headers=_NO_STORE)
    set_state(response, state, addresses=addresses)
    return response


async def _drain(queue: asyncio.Queue[ServerSentEvent | None]) -> AsyncIterator[ServerSentEvent]:
    while (event := await queue.get()) is not None:
        yield event


def _session_id(request: Request, services: Services) -> str:
    session = services.router.session(_target(request, services), request.headers.getlist("cookie"))
    return "" if session is None else session.id


def _target(request: Request, services: Services) -> WorkspaceHost:
    target = services.router.target(request.headers.get("host", ""))
    if not isinstance(target, WorkspaceHost):
        raise RequestRefused("That is not a workspace's address.")
    return target


async def _caller(request: Request, services: Services) -> tuple[User, Workspace]:
    """Return who is asking and the workspace of this address.

    Raises
    ------
    Unauthenticated, WorkspaceNotFound
    """
    target = _target(request, services)
    session: SessionView | None = services.router.session(target, request.headers.getlist("cookie"))
    if session is None:
        raise Unauthenticated("Sign in first: open this workspace from the dashboard.")
    view = services.router.view(target)
    if view is None or not may_open(session, view):
        raise WorkspaceNotFound(f"There is no workspace {target.name} that you may open.")
    user = services.accounts.user(session.user)
    return user, await services.workspaces.get(user, target.name)


def _state(workspace: Workspace, services: Services) -> WorkspaceState:
    return WorkspaceState(
        name=workspace.name,
        phase=workspace.phase,
        reason=workspace.reason,
        can_start=workspace.phase in (Phase.STOPPED, Phase.FAILED, Phase.STOPPING),
        run="" if workspace.started_at is None else hash_secret(workspace.started_at.isoformat())[:16],
        dashboard_url=services.addresses().dashboard + "/",
    )


def _path(request: Request) -> str:
    query = request.url.query
    return _own_path(request.url.path + (f"?{query}" if query else ""))


def _own_path(target: str) -> str:
    """Return ``target`` if it is a path of this address, else the root, since two slashes begin a host."""
    foreign = not target.startswith("/") or target.startswith(("//", "/\\"))
    return "/" if foreign or any(character < " " for character in target) else target


def _page(page: Page, status: int, /, **context: object) -> Response:
    headers = {**_NO_STORE, **({"Retry-After": "5"} if status == 503 else {})}
    return HTMLResponse(render(page, **context), status, headers=headers)
