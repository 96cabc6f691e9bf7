"""A server in a cluster: its workspaces are Workspace objects, and NGINX is its edge."""

from __future__ import annotations

import contextlib
from typing import Final

import structlog

from vibecode import __version__
from vibecode.domain.addresses import Addresses
from vibecode.domain.edges import Upstream
from vibecode.editor.locks import find
from vibecode.proxy.listen import open_sockets
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime
from vibecode.runtimes.local.layout import DataFolder
from vibecode.server.adapters import LibraryProvisioner
from vibecode.server.foundation import Foundation
from vibecode.server.serving import serving, unix_listener
from vibecode.server.strangers import StrangerLimits
from vibecode.services.activity import Activity
from vibecode.services.agents import SharedKey, SignedAgentTokens
from vibecode.services.clock import SteadyClock
from vibecode.services.edge_connections import EdgeConnections
from vibecode.services.routing import WorkspaceRouter
from vibecode.settings import Settings
from vibecode.web.app import create_agent_app, create_app
from vibecode.web.forwarded import ForwardedScheme, came_by_https
from vibecode.web.verify import create_verify_app

_FIELD_MANAGER: Final = "vibecode-control-plane"

_log = structlog.get_logger(__name__)


class ImageEditor:
    """Implements the API's EditorVersions: each workspace has the editor that is in its image."""

    def versions(self) -> tuple[str | None, list[str]]:
        """Return the version in the images of this release, as the only one."""
        version = find(None).version
        return version, [version]


class KubernetesServer:
    """All parts of a server that is a part of a cluster itself.

    It listens on three ports, so that a NetworkPolicy can tell who reaches what: the edge passes people on to
    ``port`` and asks at ``edge_port`` who may pass; workspaces report at ``agent_port``.
    """

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._foundation = base = Foundation(settings, folder, addresses=self.addresses)
        self._agents = SignedAgentTokens(SharedKey(settings.agent_key_file))
        self._client = Client.connect(field_manager=_FIELD_MANAGER)
        self.runtime = KubernetesRuntime(
            self._client,
            namespace=settings.workspaces_namespace,
            provisioner=LibraryProvisioner(base.templates),
            allow_local_sources=settings.allow_local_sources,
        )
        self._activity = Activity(self.runtime, SteadyClock(), awaits_reports=True)
        self._router = WorkspaceRouter(
            self.runtime,
            base.accounts,
            self._activity,
            addresses=self.addresses,
            # By the address that it listens on, its pod's: the edge looks no names up for a request.
            control_plane=Upstream(host=settings.host, port=settings.port),
        )

    def addresses(self) -> Addresses:
        """Return the public addresses, over https where the request that is being answered came by it."""
        return self._settings.addresses(listening_port=self._settings.port, https=came_by_https())

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Start all parts; ``stack`` ends them in reverse order."""
        base, settings = self._foundation, self._settings
        await base.open(stack)
        stack.push_async_callback(self._client.close)
        await self.runtime.open()
        stack.push_async_callback(self.runtime.close)
        # When nobody is served any more, so that the runtime's last write has the last use in it.
        stack.push_async_callback(self._activity.record)
        services = base.services(
            runtime=self.runtime,
            activity=self._activity,
            router=self._router,
            agents=self._agents,
            editors=ImageEditor(),
            note_processes=self.runtime.note_processes,
        )
        app = create_app(services)
        await stack.enter_async_context(serving(app, unix_listener(base.api_socket)))
        connections = EdgeConnections(
            session_is_valid=lambda session: base.accounts.session(session) is not None,
            may_stay=self.runtime.holds_connections,
            on_input=self._input,
        )
        verify = ForwardedScheme(create_verify_app(self._router, connections=connections))
        for port, part, strangers in (
            (settings.agent_port, create_agent_app(services), StrangerLimits()),
            (settings.edge_port, verify, None),
            (settings.port, ForwardedScheme(app), None),
        ):
            sockets = open_sockets(settings.host, port)
            await stack.enter_async_context(serving(part, *sockets, strangers=strangers))
        base.watch_over(stack, self._activity)
        await base.announce(stack)
        _log.info("server started", url=self.addresses().dashboard, version=__version__)

    def _input(self, workspace_id: str) -> None:
        if (workspace := self.runtime.peek_id(workspace_id)) is not None:
            self._activity.websocket_input(workspace.name)
