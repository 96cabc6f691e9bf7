"""The way from the dashboard's sign-in to a workspace's address: a one-time ticket."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from vibecode.domain.accounts import User
from vibecode.domain.addresses import WorkspaceHost, parse_host
from vibecode.domain.routing import INTERNAL_PREFIX, SessionView, may_open
from vibecode.web.dependencies import Services, ServicesDependency, browser_session
from vibecode.web.pages import render

router = APIRouter(include_in_schema=False)

_NO_STORE = {"Cache-Control": "no-store"}


@router.get("/authorize")
async def authorize(
    request: Request,
    services: ServicesDependency,
    workspace: Annotated[str, Query(max_length=70)],
    state: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
    to: Annotated[str, Query(max_length=4000)] = "/",
) -> Response:
    """Send a signed-in browser back to the workspace's address with a ticket, or to sign in first.

    Parameters
    ----------
    workspace
        First label of the address that asked: a workspace's name, or ``<port>--<name>``.
    state
        Hash of the value that the address put into a cookie; the ticket is bound to it.
    to
        Path and query to go on to.
    """
    addresses = services.addresses()
    target = parse_host(f"{workspace}.{addresses.workspace_domain}", addresses)
    if not isinstance(target, WorkspaceHost):
        return _missing(workspace, services)
    session = browser_session(request, services)
    if session is None:
        back = "/authorize?" + urlencode({"workspace": workspace, "state": state, "to": to})
        return RedirectResponse(f"/sign-in?{urlencode({'next': back})}", 303, headers=_NO_STORE)
    if not _allowed(services.accounts.user(session.user), session.id, target, services):
        return _missing(target.name, services)
    origin = addresses.workspace(target.name, port=target.port)
    ticket = await services.accounts.create_ticket(session, origin=origin, binding_hash=state)
    location = f"{origin}{INTERNAL_PREFIX}enter?ticket={quote(ticket)}&to={quote(to, safe='')}"
    return RedirectResponse(location, 303, headers=_NO_STORE)


def _allowed(user: User, session_id: str, target: WorkspaceHost, services: Services) -> bool:
    view = services.router.view(target)
    return view is not None and may_open(SessionView(id=session_id, user=user.id, is_admin=user.is_admin), view)


def _missing(name: str, services: Services) -> Response:
    page = render("not-found", name=name, dashboard_url=services.addresses().dashboard + "/")
    return HTMLResponse(page, 404, headers=_NO_STORE)
