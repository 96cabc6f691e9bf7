"""NGINX as the edge of the router in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.proxy.site import MemoryRouter, Site
from tests.support.nginx import find_nginx, render, running, serving, settings_of
from tests.support.ports import free_port
from vibecode.domain.edges import Connection
from vibecode.edge.limits import TunnelLimits
from vibecode.edge.server import ReportFailed, TunnelServer
from vibecode.services.edge_connections import EdgeConnections
from vibecode.web.verify import create_verify_app


@dataclass
class NginxEdge:
    """NGINX, the tunnel, and what a test wants to do to them."""

    site: Site
    folder: Path
    log: Path
    tunnel: TunnelServer
    health_port: int
    asked: list[dict[str, str]]
    """The headers of each request that NGINX asked about, by lower-case name."""
    away: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the control plane can't be told of connections."""


@contextlib.asynccontextmanager
async def nginx_edge(
    router: MemoryRouter,
    folder: Path,
    *,
    report_interval: float = 0.1,
    hold_limit: float = 60.0,
    limits: TunnelLimits | None = None,
    **settings: str,
) -> AsyncIterator[NginxEdge]:
    """Run NGINX with the configuration that is shipped; the control plane is the router's upstream for it."""
    program = find_nginx()
    place = folder / "nginx"
    port, health_port = free_port(), free_port()
    control_plane = router.upstreams[None, None]
    usual = {
        "APP": f"unix:{control_plane.path}",
        "VERIFY": f"unix:{folder}/verify.sock",
        "TUNNEL": f"unix:{folder}/tunnel.sock",
        "HTTP_PORT": f"127.0.0.1:{port}",
        "HEALTH_PORT": f"127.0.0.1:{health_port}",
    }
    environment = settings_of(place, **(usual | settings))
    connections = EdgeConnections(
        session_is_valid=lambda session: any(known.id == session for known in router.sessions.values()),
        may_stay=lambda workspace: any(router.id_of(name) == workspace for name in router.phases),
        on_input=router.websocket_input,
    )
    away = asyncio.Event()

    async def report(open_ones: Sequence[Connection], used: Sequence[str]) -> Sequence[Connection]:
        if away.is_set():
            raise ReportFailed("away")
        return connections.review(open_ones, used)

    tunnel = TunnelServer(
        f"{folder}/tunnel.sock", report, limits=limits or TunnelLimits(report_interval=report_interval)
    )
    app = create_verify_app(router, connections=connections, hold_limit=hold_limit)
    asked: list[dict[str, str]] = []

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        asked.append({name.decode(): value.decode("latin-1") for name, value in scope["headers"]})
        await app(scope, receive, send)

    await tunnel.start()
    try:
        async with (
            serving(noted, folder / "verify.sock"),
            running(program, place, render(environment), port, health_port) as log,
        ):
            site = Site(host="127.0.0.1", port=port, nginx=True)
            yield NginxEdge(
                site=site, folder=folder, log=log, tunnel=tunnel, health_port=health_port, asked=asked, away=away
            )
    finally:
        await tunnel.stop(0)
