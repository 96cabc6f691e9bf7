"""What the routers need: the use cases, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request

from vibecode.domain.accounts import Session, User
from vibecode.domain.addresses import Addresses
from vibecode.domain.cookies import session_cookie, values_of
from vibecode.domain.errors import Forbidden, RequestRefused, Unauthenticated
from vibecode.domain.routing import is_same_origin
from vibecode.runtimes.base import ProcessReport
from vibecode.services.accounts import Accounts
from vibecode.services.activity import Activity
from vibecode.services.agents import TokenVerifier
from vibecode.services.routing import WorkspaceRouter
from vibecode.services.workspaces import Workspaces
from vibecode.templates.library import TemplateLibrary

# Dependencies are coroutines: FastAPI would run plain functions in threads, and sessions live on the event loop.

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class EditorVersions(Protocol):
    """The editors of this machine, as far as the API tells of them."""

    def versions(self) -> tuple[str | None, list[str]]:
        """Return the version in use for new starts, and all that are installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that the API stands on; made once by the server."""

    accounts: Accounts
    workspaces: Workspaces
    activity: Activity
    agents: TokenVerifier
    router: WorkspaceRouter
    templates: TemplateLibrary
    editors: EditorVersions
    addresses: Callable[[], Addresses]
    runtime: str
    default_idle_timeout: int | None
    started_at: datetime
    now: Callable[[], datetime]
    note_processes: Callable[[str, ProcessReport], None] | None = None
    """Takes what a workspace by that name reports of its processes; None where the runtime looks itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking, and by which session."""

    user: User
    session: Session


async def get_services(request: Request) -> Services:
    """Return what :func:`vibecode.web.app.create_app` was given."""
    services: Services = request.app.state.services
    return services


ServicesDependency = Annotated[Services, Depends(get_services)]


def browser_session(request: Request, services: Services) -> Session | None:
    """Return the session that the request's cookies prove for the dashboard's origin."""
    addresses = services.addresses()
    name = session_cookie(secure=addresses.secure_cookies)
    return services.accounts.find(values_of(name, request.headers.getlist("cookie")), origin=addresses.dashboard)


def check_origin(request: Request, services: Services) -> None:
    """Refuse a changing request that a page of another origin may have sent.

    Raises
    ------
    RequestRefused
        Origin is missing or another than the dashboard's. Workspaces share its site, so SameSite cookies don't help.
    """
    origin = request.headers.get("origin", "")
    if not origin or not is_same_origin(origin, request.headers.get("host", ""), services.addresses().dashboard):
        raise RequestRefused("This request did not come from the dashboard: open the dashboard and try there.")


async def get_caller(request: Request, services: ServicesDependency) -> Caller:
    """Return who is asking.

    Raises
    ------
    Unauthenticated
        No valid bearer token or cookie.
    RequestRefused
        A changing request with a cookie came from a page of another origin.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if token:
        session = services.accounts.find_token(token.strip()) if scheme.lower() == "bearer" else None
        if session is None:
            raise Unauthenticated("The token is not valid (any more).")
        return Caller(user=services.accounts.user(session.user), session=session)
    session = browser_session(request, services)
    if session is None:
        raise Unauthenticated("Sign in first: `vibecode login-link` prints a link.")
    if request.method not in SAFE_METHODS:
        check_origin(request, services)
    return Caller(user=services.accounts.user(session.user), session=session)


CallerDependency = Annotated[Caller, Depends(get_caller)]


async def get_admin(caller: CallerDependency) -> Caller:
    """Return who is asking, if they are an admin.

    Raises
    ------
    Forbidden
    """
    if not caller.user.is_admin:
        raise Forbidden("Only an admin may do that.")
    return caller


AdminDependency = Annotated[Caller, Depends(get_admin)]
