"""The routing decision with its facts: what the embedded edge and the control plane's own pages ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from vibecode.domain.addresses import (
    Addresses,
    DashboardHost,
    LoopbackHost,
    Target,
    UnknownHost,
    WorkspaceHost,
    parse_host,
)
from vibecode.domain.cookies import session_cookie, values_of
from vibecode.domain.edges import EdgeRequest, Upstream
from vibecode.domain.errors import VibeCodeError
from vibecode.domain.routing import (
    Decision,
    ForwardToControlPlane,
    ForwardToEditor,
    ForwardToPort,
    SessionView,
    WorkspaceView,
    counts_as_use,
    decide,
)
from vibecode.domain.workspace import Phase
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
        """Return what a Host names.

        It is remembered, since the same few come again and again; but not what names nothing of ours, since strangers
        can make that up for ever, and at any length.
        """
        target = self._targets.get(host)
        if target is None:
            target = parse_host(host, self._addresses())
            if not isinstance(target, UnknownHost):
                if len(self._targets) >= _HOSTS_REMEMBERED:
                    self._targets.clear()
                self._targets[host] = target
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
        name = session_cookie(secure=addresses.secure_cookies)
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
        """Return where to connect; None if nothing listens there, or the name is another workspace's by now."""
        match decision:
            case ForwardToControlPlane():
                return self._control_plane
            case ForwardToEditor(workspace=name, workspace_id=identity):
                found = await self._runtime.upstream(name)
            case ForwardToPort(workspace=name, workspace_id=identity, port=port):
                found = await self._runtime.upstream(name, port=port)
        # Looked at last: an id never comes back, so if it is the same now, it was when the address was found.
        workspace = self._runtime.peek(name)
        return found if workspace is not None and workspace.id == identity else None

    def websocket_input(self, workspace: str) -> None:
        """Note that somebody uses a workspace through a WebSocket."""
        self._activity.websocket_input(workspace)


async def ended_workspaces(runtime: Runtime) -> AsyncIterator[str]:
    """Yield the id of each workspace that stops running or is removed, from now on: its connections have to end.

    An id may come more than once.
    """
    changes = runtime.watch()
    known = {workspace.name: workspace.id for workspace in await runtime.list()}
    async for change in changes:
        before = known.pop(change.name, None)
        workspace = change.workspace
        if workspace is not None:
            known[change.name] = workspace.id
            if workspace.phase is not Phase.RUNNING:
                yield workspace.id
        # A reader sees the latest state alone: the one of this name may be another by now.
        if before is not None and (workspace is None or workspace.id != before):
            yield before
