"""The routing decision with its facts: what the embedded edge and the control plane's own pages ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vibecode.domain.cookies import session_cookie, values_of
from vibecode.domain.errors import VibeCodeError
from vibecode.domain.routing import (
    Addresses,
    DashboardHost,
    Decision,
    EdgeRequest,
    ForwardToControlPlane,
    ForwardToEditor,
    ForwardToPort,
    LoopbackHost,
    SessionView,
    Target,
    Upstream,
    WorkspaceHost,
    WorkspaceView,
    counts_as_use,
    decide,
    parse_host,
)
from vibecode.runtimes.base import Runtime
from vibecode.services.accounts import Accounts
from vibecode.services.activity import Activity

_HOSTS_REMEMBERED: Final = 4096


class WorkspaceRouter:
    """Implements :class:`vibecode.domain.routing.Router` over runtime, accounts and activity."""

    def __init__(
        self,
        runtime: Runtime,
        accounts: Accounts,
        activity: Activity,
        *,
        addresses: Callable[[], Addresses],
        control_plane: Upstream,
    ) -> None:
        self._runtime = runtime
        self._accounts = accounts
        self._activity = activity
        self._addresses = addresses
        self._control_plane = control_plane
        self._targets: dict[str, Target] = {}

    def target(self, host: str) -> Target:
        """Return what a Host names; remembered, since the same few come again and again."""
        target = self._targets.get(host)
        if target is None:
            if len(self._targets) >= _HOSTS_REMEMBERED:
                self._targets.clear()
            target = self._targets[host] = parse_host(host, self._addresses())
        return target

    def session(self, target: Target, cookies: list[str]) -> SessionView | None:
        """Return the valid session that cookies prove for the very origin that was asked."""
        addresses = self._addresses()
        match target:
            case WorkspaceHost(name=workspace, port=port):
                origin = addresses.workspace(workspace, port=port)
            case DashboardHost() | LoopbackHost():
                origin = addresses.dashboard
            case _:
                return None
        name = session_cookie(secure=addresses.scheme == "https")
        session = self._accounts.find(values_of(name, cookies), origin=origin)
        if session is None:
            return None
        return SessionView(id=session.id, user=session.user, is_admin=self._accounts.user(session.user).is_admin)

    def view(self, target: Target) -> WorkspaceView | None:
        """Return the state of the workspace that a target names."""
        if not isinstance(target, WorkspaceHost):
            return None
        workspace = self._runtime.peek(target.name)
        if workspace is None:
            return None
        return WorkspaceView(id=workspace.id, owner=workspace.owner, phase=workspace.phase)

    def route(self, request: EdgeRequest, cookies: list[str]) -> Decision:
        """Decide about a request, and note it if it shows that a workspace is in use."""
        target = self.target(request.host)
        if not isinstance(target, WorkspaceHost):
            return decide(request, target, None, None, self._addresses())
        decision = decide(request, target, self.session(target, cookies), self.view(target), self._addresses())
        if isinstance(decision, ForwardToEditor | ForwardToPort) and counts_as_use(request):
            self._activity.request(decision.workspace)
        return decision

    async def wait_ready(self, workspace: str, *, wake: bool, timeout: float) -> bool:
        """Wake a workspace if asked, wait until it runs."""
        try:
            if wake:
                await self._runtime.start(workspace)
            return await self._runtime.wait_ready(workspace, timeout=timeout)
        except VibeCodeError:
            return False  # deleted meanwhile, or it can't be started; its page says why

    async def upstream(self, decision: ForwardToEditor | ForwardToPort | ForwardToControlPlane) -> Upstream | None:
        """Return where to connect."""
        match decision:
            case ForwardToControlPlane():
                return self._control_plane
            case ForwardToEditor(workspace=name):
                return await self._runtime.upstream(name)
            case ForwardToPort(workspace=name, port=port):
                return await self._runtime.upstream(name, port=port)

    def websocket_input(self, workspace: str) -> None:
        """Note that somebody uses a workspace through a WebSocket."""
        self._activity.websocket_input(workspace)
