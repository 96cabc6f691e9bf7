"""A router in memory, as the product's but without a database, and what a test has to know of the place it runs in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from vibecode.domain.addresses import Addresses, WorkspaceHost, parse_host
from vibecode.domain.cookies import SESSION_NAMES, values_of
from vibecode.domain.edges import EdgeRequest, Upstream
from vibecode.domain.routing import (
    Decision,
    ForwardToControlPlane,
    ForwardToEditor,
    ForwardToPort,
    SessionView,
    WorkspaceView,
    decide,
)
from vibecode.domain.workspace import Phase

DOMAIN = "vibecode.localhost"
SECRET = "0123456789abcdef0123456789abcdef"
COOKIE = f"vibecode={SECRET}"
ADDRESSES = Addresses(scheme="http", domain=DOMAIN, workspace_domain=DOMAIN, port=80)

UpstreamKey = tuple[str | None, int | None]


@dataclass
class MemoryRouter:
    """Decides with the product's own rule about one user, alice, and her workspaces."""

    upstreams: dict[UpstreamKey, Upstream] = field(default_factory=dict)
    """By workspace and port; (None, None) is the control plane."""
    phases: dict[str, Phase] = field(default_factory=lambda: {"alice": Phase.RUNNING})
    sessions: dict[str, SessionView] = field(
        default_factory=lambda: {SECRET: SessionView(id="s1", user="alice", is_admin=False)}
    )
    used: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    generation: int = 1
    """Part of every workspace's id: another number makes new workspaces of the same names."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    def route(self, request: EdgeRequest, cookies: list[str]) -> Decision:
        target = parse_host(request.host, ADDRESSES)
        values = [value for name in SESSION_NAMES for value in values_of(name, cookies)]
        session = next((found for value in values if (found := self.sessions.get(value))), None)
        workspace = None
        if isinstance(target, WorkspaceHost) and (phase := self.phases.get(target.name)) is not None:
            workspace = WorkspaceView(id=self.id_of(target.name), owner="alice", phase=phase)
        return decide(request, target, session, workspace, ADDRESSES)

    def id_of(self, name: str) -> str:
        """Return the present id of a workspace."""
        return f"w-{name}-{self.generation}"

    async def wait_ready(self, workspace: str, *, wake: bool, timeout: float) -> bool:
        self.waiting.append(workspace)
        if wake:
            self.woken.append(workspace)
        try:
            async with asyncio.timeout(timeout):
                await self.ready.wait()
        except TimeoutError:
            return False
        except asyncio.CancelledError:
            self.cancelled.append(workspace)
            raise
        return self.phases[workspace] is Phase.RUNNING

    async def upstream(self, decision: ForwardToEditor | ForwardToPort | ForwardToControlPlane) -> Upstream | None:
        self.asked += 1
        match decision:
            case ForwardToEditor(workspace=workspace):
                return self.upstreams.get((workspace, None))
            case ForwardToPort(workspace=workspace, port=port):
                return self.upstreams.get((workspace, port))
            case ForwardToControlPlane():
                return self.upstreams.get((None, None))

    def websocket_input(self, workspace: str) -> None:
        self.used.append(workspace)


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where an edge under test answers, and by which names. All that the conformance suite knows of an edge."""

    host: str
    port: int
    workspace: str = f"alice.{DOMAIN}"
    """Host of a running workspace whose editor is the well-behaved upstream."""
    preview: str = f"3000--alice.{DOMAIN}"
    """Host of a port in it where the ill-behaved upstream listens."""
    silent: str = f"3999--alice.{DOMAIN}"
    """Host of a port in it where nothing listens."""
    dashboard: str = DOMAIN
    """Host of the control plane, where the well-behaved upstream stands in."""
    cookie: str = COOKIE
    """Cookie header that opens the workspace."""
    nginx: bool = False
    """Whether it is NGINX. It reads and answers some things in its own way, which is no harm; each such is said."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def headers(self, host: str | None = None, **more: str) -> dict[str, str]:
        """Return the headers of a request that may pass."""
        return {"Host": host or self.workspace, "Cookie": self.cookie} | more
