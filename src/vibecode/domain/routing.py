"""Who may pass: one pure decision, asked by every edge.

The embedded proxy and the check behind NGINX's ``auth_request`` both ask :func:`decide`. It sees a request's Host,
session and kind, and the state of the workspace; it answers what the edge does. The workspace comes from Host alone:
no ``X-Forwarded-*`` or ``X-Original-*`` header is looked at, since a client can send them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from vibecode.domain.addresses import (
    DEFAULT_PORTS,
    Addresses,
    DashboardHost,
    LoopbackHost,
    Target,
    UnknownHost,
    WorkspaceHost,
    parse_host,
)
from vibecode.domain.edges import EdgeRequest, RequestKind, Upstream
from vibecode.domain.workspace import Phase

INTERNAL_PREFIX: Final = "/.vibecode/"
"""Paths under it, on a workspace's own address, belong to the control plane: tickets, start, status, the tab script."""

_EDITOR_WORKER: Final = re.compile(
    r"/(_static|[a-z]+-[0-9a-f]{7,40}/static)/[\w./-]+/(serviceWorker|service-worker)\.js"
)
"""Where code-server has its own service workers: one for the page as an app, one for webviews."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceView:
    """What the decision has to know of a workspace."""

    id: str
    owner: str
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """What the decision has to know of a valid session of the request's own origin."""

    id: str
    """Id of the session's record (not its secret), to end open connections when it is revoked."""
    user: str
    is_admin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardToEditor:
    """Pass it on to the workspace's editor."""

    workspace: str
    """Its name."""
    workspace_id: str
    """Whom the session was let in to. A name can be another workspace's a moment later; an id can't."""
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardToPort:
    """Pass it on to a port inside the workspace."""

    workspace: str
    """Its name."""
    workspace_id: str
    """As in :class:`ForwardToEditor`."""
    port: int
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardToControlPlane:
    """Dashboard, API, sign-in, waking and error pages: the control plane answers, and decides again what to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep the request until the workspace is ready; ``wake`` it first if it is stopped."""

    workspace: str
    wake: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Answer with this status and sentence."""

    status: int
    code: str
    detail: str
    retry_after: int | None = None
    """Seconds."""


Decision = ForwardToEditor | ForwardToPort | ForwardToControlPlane | Hold | Refuse

HOLD_LIMIT: Final = 60.0
"""Seconds that a request is held for a workspace to become ready, then 503 with Retry-After."""


def may_open(session: SessionView, workspace: WorkspaceView) -> bool:
    """Whether a user may enter a workspace: its owner and admins may."""
    return session.is_admin or session.user == workspace.owner


def decide(
    request: EdgeRequest,
    target: Target,
    session: SessionView | None,
    workspace: WorkspaceView | None,
    addresses: Addresses,
) -> Decision:
    """Decide what an edge does with a request.

    Parameters
    ----------
    request
        The request's own words.
    target
        :func:`parse_host` of its Host.
    session
        The valid session that belongs to this very origin, if any.
    workspace
        State of the workspace that ``target`` names, if it exists.

    Notes
    -----
    A page that was left open keeps calling. If that woke a stopped workspace, none would ever stay stopped; so only a
    navigation or a program's own request wakes, and what an open page sends is answered 503.
    """
    match target:
        case UnknownHost():
            return Refuse(
                status=421,
                code="unknown_host",
                detail=f"This server does not answer for that host name. Open {addresses.dashboard}/ instead.",
            )
        case DashboardHost() | LoopbackHost():
            return ForwardToControlPlane()
        case WorkspaceHost(name=name, port=port):
            return _decide_workspace(request, name, port, session, workspace, addresses)


def _decide_workspace(
    request: EdgeRequest,
    name: str,
    port: int | None,
    session: SessionView | None,
    workspace: WorkspaceView | None,
    addresses: Addresses,
) -> Decision:
    kind = request.kind
    if _is_refused_worker(request, port):
        detail = "Service workers can't be installed here: they would outlive the workspace in the browser."
        return Refuse(status=403, code="service_worker_refused", detail=detail)
    if request.path.startswith(INTERNAL_PREFIX) and kind is not RequestKind.WEBSOCKET:
        return ForwardToControlPlane()
    if _is_foreign(request, name, port, addresses):
        return Refuse(status=403, code="cross_origin", detail="Pages of other addresses can't use a workspace's.")
    if session is None:
        if kind is RequestKind.PAGE:
            return ForwardToControlPlane()
        return Refuse(status=401, code="unauthenticated", detail=f"Sign in at {addresses.dashboard}/ first.")
    if workspace is None or not may_open(session, workspace):
        # One answer for "not there" and "not yours", so that names of others can't be found by trying.
        if kind is RequestKind.PAGE:
            return ForwardToControlPlane()
        return Refuse(status=404, code="workspace_not_found", detail=f"There is no workspace {name} that you may open.")
    if workspace.phase is Phase.RUNNING:
        if port is not None:
            return ForwardToPort(workspace=name, workspace_id=workspace.id, port=port, session=session.id)
        return ForwardToEditor(workspace=name, workspace_id=workspace.id, session=session.id)
    return _decide_waking(request, name, workspace.phase)


def _decide_waking(request: EdgeRequest, name: str, phase: Phase) -> Decision:
    if request.kind is RequestKind.PAGE:
        return ForwardToControlPlane()
    if phase is Phase.FAILED:
        return Refuse(
            status=503, code="workspace_failed", detail=f"Workspace {name} failed to start; open it to see why."
        )
    if phase in (Phase.PENDING, Phase.STARTING):
        return Hold(workspace=name, wake=False)
    if request.from_open_page:
        return Refuse(
            status=503,
            code="workspace_stopped",
            detail=f"Workspace {name} is stopped; open it to start it.",
            retry_after=30,
        )
    return Hold(workspace=name, wake=True)


def _is_refused_worker(request: EdgeRequest, port: int | None) -> bool:
    """Tell whether a browser asks for the program of a service worker that may not be installed.

    A service worker answers for its address whatever becomes of the workspace: it would serve the next owner of the
    name, and outlive the session. Previews get none. The editor needs two, which come with it; a file of the workspace
    is never one.
    """
    if request.service_worker != "script" and request.fetch_dest != "serviceworker":
        return False
    if port is not None:
        return True
    return request.fetch_site not in ("", "same-origin") or _EDITOR_WORKER.fullmatch(request.path) is None


def _is_foreign(request: EdgeRequest, name: str, port: int | None, addresses: Addresses) -> bool:
    """Tell whether a page that isn't the workspace's own sent the request.

    All workspaces and the dashboard share a site, so SameSite cookies come along from another workspace's page. CORS
    hides the answers from it, but not the effects, and scripts and images not even that; so the edge has to refuse.
    Pages of the same workspace's previews may call each other, and the editor shows them in frames: a front end on one
    port and its API on another are the usual case. What has no Origin tells where it comes from by its Referer. A page
    can leave that out, but not forge it, so without it the request is refused. The editor is stricter: only its own
    pages use it. A person who follows a link passes everywhere.
    """
    if request.origin and request.origin != "null":
        if is_same_origin(request.origin, request.host, addresses.workspace(name, port=port)):
            return False
        return port is None or not _is_of_workspace(request.origin, name, request.host, addresses)
    if request.origin == "null" and (request.method not in ("GET", "HEAD") or request.kind is RequestKind.WEBSOCKET):
        return True  # sandboxed frames and data: pages, which can be anybody's
    if request.fetch_site not in ("same-site", "cross-site"):
        return False
    if request.kind is RequestKind.PAGE and request.fetch_dest in ("", "document"):
        return False
    return port is None or not _is_of_workspace(_origin_of(request.referer), name, request.host, addresses)


def _origin_of(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.partition("/")[0]


def _is_of_workspace(origin: str, name: str, host: str, addresses: Addresses) -> bool:
    """Tell whether an Origin is a workspace's address or one of its previews.

    Its TCP port is the public one, or that of ``host``, the request's own Host: behind whatever else listens on this
    machine is somebody else.
    """
    scheme, _, origin_host = origin.partition("://")
    if scheme not in DEFAULT_PORTS:
        return False
    target = parse_host(origin_host, addresses)
    if not isinstance(target, WorkspaceHost) or target.name != name:
        return False
    port = _tcp_port(origin_host, scheme)
    return port == _tcp_port(host, scheme) or (scheme == addresses.scheme and port == addresses.port)


def _tcp_port(host: str, scheme: str) -> int:
    """Return the port of a host that :func:`parse_host` knows: the scheme's own one if it has none."""
    port = host.partition(":")[2]
    return int(port) if port else DEFAULT_PORTS[scheme]


def is_same_origin(origin: str, host: str, public_origin: str) -> bool:
    """Tell whether an Origin header is the address that a request was sent to.

    Parameters
    ----------
    origin
        The header's value.
    host
        The Host header, whose name was checked to be ours. Behind a port-forward it carries another port than the
        public address, and then the browser's Origin equals it.
    public_origin
        The address that links are made with.
    """
    if origin == public_origin:
        return True
    scheme, _, origin_host = origin.partition("://")
    return scheme in ("http", "https") and origin_host.lower() == host.lower()


def counts_as_use(request: EdgeRequest) -> bool:
    """Tell whether a request shows that a person or program uses the workspace.

    A navigation does, and so does what a program sends by itself. What an open page merely reads does not: a forgotten
    tab that polls would keep its workspace for ever. What it writes does. A WebSocket counts by its input, not by
    being opened, since an idle tab reconnects too.
    """
    match request.kind:
        case RequestKind.PAGE:
            return True
        case RequestKind.WEBSOCKET:
            return False
        case RequestKind.FETCH:
            return not request.from_open_page or request.method not in ("GET", "HEAD", "OPTIONS")


class Router(Protocol):
    """What the embedded edge asks for each request. Called on the event loop for every request: it never blocks."""

    def route(self, request: EdgeRequest, cookies: list[str]) -> Decision:
        """Decide about a request; ``cookies`` are the values of its Cookie headers."""

    async def wait_ready(self, workspace: str, *, wake: bool, timeout: float) -> bool:
        """Wake a workspace if asked, wait until it runs; False if that takes over ``timeout`` seconds or fails."""

    async def upstream(self, decision: ForwardToEditor | ForwardToPort | ForwardToControlPlane) -> Upstream | None:
        """Return where to connect; None if nothing listens there, or the name is another workspace's by now."""

    def websocket_input(self, workspace: str) -> None:
        """Note that somebody uses a workspace through a WebSocket; requests are noted when they are routed."""
