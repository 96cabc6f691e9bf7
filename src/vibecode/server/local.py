"""A server whose workspaces are processes of this machine, behind the embedded edge."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from vibecode import __version__
from vibecode.database.workspaces import WorkspaceRepository
from vibecode.domain.addresses import Addresses
from vibecode.domain.edges import Upstream
from vibecode.editor.store import EditorStore
from vibecode.proxy.edge import EmbeddedEdge
from vibecode.runtimes.base import Runtime
from vibecode.runtimes.local.context import Options
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.runtime import LocalRuntime
from vibecode.server.adapters import LibraryProvisioner, StoreEditors
from vibecode.server.foundation import Foundation
from vibecode.server.serving import cancel, serving, unix_listener
from vibecode.services.activity import Activity
from vibecode.services.agents import AgentTokens
from vibecode.services.clock import SteadyClock
from vibecode.services.routing import WorkspaceRouter, ended_workspaces
from vibecode.settings import Settings
from vibecode.web.app import create_app

DRAIN: Final = 3.0
"""Seconds that requests under way get to finish when the server ends."""

_log = structlog.get_logger(__name__)


class LocalServer:
    """All parts of a server of the local runtime."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._foundation = base = Foundation(settings, folder, addresses=self.addresses)
        self._agents = AgentTokens()
        self._editors = StoreEditors(EditorStore(folder.root / "editors"), extensions=settings.extensions)
        self.runtime: Runtime = LocalRuntime(
            data=folder,
            store=WorkspaceRepository(base.database),
            editor=self._editors,
            provisioner=LibraryProvisioner(base.templates),
            agent_url=lambda: settings.agent_url(listening_port=self.edge.port),
            dashboard_url=lambda: self.addresses().dashboard + "/",
            token_for=self._agents.issue,
            proxy_uri=lambda name: self.addresses().preview_template(name),
            max_parallel_starts=settings.max_parallel_starts,
            options=Options(allow_local_sources=settings.allow_local_sources),
        )
        self._activity = Activity(self.runtime, SteadyClock())
        self._router = WorkspaceRouter(
            self.runtime,
            base.accounts,
            self._activity,
            addresses=self.addresses,
            control_plane=Upstream(path=str(base.api_socket)),
        )
        self.edge = EmbeddedEdge(
            self._router,
            host=settings.host,
            port=settings.port,
            scheme=settings.public_scheme,
            access_log=settings.log_level == "debug",
        )
        base.accounts.on_revoked(self.edge.close_session)

    def addresses(self) -> Addresses:
        """Return the public addresses; the port is known once the edge listens."""
        return self._settings.addresses(listening_port=self.edge.port)

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Start all parts; ``stack`` ends them in reverse order."""
        base = self._foundation
        await base.open(stack)
        await self.edge.start()
        stack.push_async_callback(self.edge.stop, DRAIN)
        await self.runtime.open()
        stack.push_async_callback(self.runtime.close)
        services = base.services(
            runtime=self.runtime,
            activity=self._activity,
            router=self._router,
            agents=self._agents,
            editors=self._editors,
        )
        await stack.enter_async_context(serving(create_app(services), unix_listener(base.api_socket)))
        base.watch_over(stack, self._activity)
        stack.push_async_callback(cancel, asyncio.create_task(self._end_connections()))
        await base.announce(stack)
        _log.info(
            "server started",
            url=self.addresses().dashboard,
            version=__version__,
            data_dir=str(self._settings.data_dir),
        )

    async def _end_connections(self) -> None:
        """End the connections of each workspace that stops or goes."""
        async for workspace_id in ended_workspaces(self.runtime):
            self.edge.close_workspace(workspace_id)
