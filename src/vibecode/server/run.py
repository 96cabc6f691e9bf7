"""Running a server in this process until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from vibecode import __version__
from vibecode.database.accounts import AccountRepository
from vibecode.database.engine import open_database
from vibecode.database.idempotency import IdempotencyRepository
from vibecode.database.workspaces import WorkspaceRepository
from vibecode.domain.accounts import Role, SessionKind
from vibecode.domain.addresses import Addresses
from vibecode.domain.names import suggest_name
from vibecode.domain.routing import Upstream
from vibecode.editor.store import EditorStore
from vibecode.proxy.edge import EmbeddedEdge
from vibecode.runtimes.base import Runtime
from vibecode.runtimes.local.context import Options
from vibecode.runtimes.local.files import write_atomic
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.limits import raise_nofile
from vibecode.runtimes.local.runtime import LocalRuntime
from vibecode.server.adapters import LibraryProvisioner, StoreEditors
from vibecode.services.accounts import Accounts
from vibecode.services.activity import CHECK_INTERVAL, Activity
from vibecode.services.agents import AgentTokens
from vibecode.services.clock import SteadyClock, wall_now
from vibecode.services.routing import WorkspaceRouter, ended_workspaces
from vibecode.services.workspaces import Workspaces
from vibecode.settings import Settings
from vibecode.templates.library import BUILTIN, TemplateLibrary
from vibecode.web.app import create_app
from vibecode.web.dependencies import Services

EXPIRY_INTERVAL: Final = 15.0
"""Seconds between two looks for sessions whose time is over."""

DRAIN: Final = 3.0
"""Seconds that requests under way get to finish when the server ends."""

_CLI_AGENT: Final = "vibecode command line on this machine"
_CLI_TOKEN_LIFETIME: Final = timedelta(days=3650)

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Run a server until SIGTERM or SIGINT. Workspaces go on running after it.

    Parameters
    ----------
    settings
        What the operator set.
    on_ready
        Is called with the dashboard's address once everything answers.

    Raises
    ------
    DataFolderUnusable
        The data folder is read-only, full, damaged, of a newer version, or another server uses it.
    PortTaken
        Another program listens on the port.
    """
    raise_nofile()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    folder.lock(url=settings.addresses(listening_port=settings.port).dashboard)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(folder.release)
        server = Server(settings, folder)
        await server.start(stack)
        if on_ready is not None:
            on_ready(server.addresses().dashboard)
        await stop.wait()
        _log.info("server ends", reason="signal")


class Server:
    """All parts of a server of the local runtime."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._api_socket = folder.socket_folder(folder.root / "run", "server") / "api.sock"
        self._database = open_database(folder.root / "vibecode.db")
        self._clock = SteadyClock()
        self._editors = StoreEditors(EditorStore(folder.root / "editors"), extensions=settings.extensions)
        self._templates = TemplateLibrary(BUILTIN, folder.root / "templates")
        self._agents = AgentTokens()
        self.accounts = Accounts(
            AccountRepository(self._database), now=wall_now, session_lifetime=timedelta(days=settings.session_days)
        )
        self.runtime: Runtime = LocalRuntime(
            data=folder,
            store=WorkspaceRepository(self._database),
            editor=self._editors,
            provisioner=LibraryProvisioner(self._templates),
            agent_url=lambda: settings.agent_url(listening_port=self.edge.port),
            dashboard_url=lambda: self.addresses().dashboard + "/",
            token_for=self._agents.issue,
            proxy_uri=lambda name: self.addresses().preview_template(name),
            max_parallel_starts=settings.max_parallel_starts,
            options=Options(allow_local_sources=settings.allow_local_sources),
        )
        self._activity = Activity(self.runtime, self._clock)
        self._router = WorkspaceRouter(
            self.runtime,
            self.accounts,
            self._activity,
            addresses=self.addresses,
            control_plane=Upstream(path=str(self._api_socket)),
        )
        self.edge = EmbeddedEdge(
            self._router,
            host=settings.host,
            port=settings.port,
            scheme=settings.public_scheme,
            access_log=settings.log_level == "debug",
        )
        self.accounts.on_revoked(self.edge.close_session)

    def addresses(self) -> Addresses:
        """Return the public addresses; the port is known once the edge listens."""
        return self._settings.addresses(listening_port=self.edge.port)

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Start all parts; ``stack`` ends them in reverse order."""
        stack.push_async_callback(self._database.close)
        await self.accounts.open()
        await self._ensure_admin()
        await self.edge.start()
        stack.push_async_callback(self.edge.stop, DRAIN)
        await self.runtime.open()
        stack.push_async_callback(self.runtime.close)
        await stack.enter_async_context(_serving(create_app(self._services()), self._api_socket))
        for interval, work in ((CHECK_INTERVAL, self._activity.check), (EXPIRY_INTERVAL, self.accounts.expire)):
            task = asyncio.create_task(_every(interval, work))
            stack.push_async_callback(_cancel, task)
        stack.push_async_callback(_cancel, asyncio.create_task(self._end_connections()))
        token_file = await self._write_cli_token()
        stack.enter_context(self._announced(token_file))
        _log.info(
            "server started", url=self.addresses().dashboard, version=__version__, data_dir=str(self._folder.root)
        )

    async def _end_connections(self) -> None:
        """End the connections of each workspace that stops or goes."""
        async for workspace_id in ended_workspaces(self.runtime):
            self.edge.close_workspace(workspace_id)

    def _services(self) -> Services:
        default = self._settings.idle_timeout or None
        return Services(
            accounts=self.accounts,
            workspaces=Workspaces(
                self.runtime,
                self._activity,
                IdempotencyRepository(self._database),
                user=self.accounts.user,
                now=wall_now,
            ),
            activity=self._activity,
            agents=self._agents,
            router=self._router,
            templates=self._templates,
            editors=self._editors,
            addresses=self.addresses,
            runtime=self.runtime.name,
            default_idle_timeout=default,
            started_at=wall_now(),
            now=wall_now,
        )

    async def _ensure_admin(self) -> None:
        """Make the one who starts the first server its admin, named as on this machine."""
        if not self.accounts.users():
            await self.accounts.add_user(suggest_name(_account_name()), email=None, role=Role.ADMIN)

    async def _write_cli_token(self) -> Path:
        """Give the command line on this machine a new token, in a file that only the server's account can read."""
        admin = next(user for user in self.accounts.users() if user.is_admin)
        for session in self.accounts.sessions_of(admin.id):
            if session.kind is SessionKind.TOKEN and session.user_agent == _CLI_AGENT:
                await self.accounts.revoke(session.id)
        token = await self.accounts.create_token(admin.id, lifetime=_CLI_TOKEN_LIFETIME, user_agent=_CLI_AGENT)
        path = self._folder.root / "run" / "cli.token"
        write_atomic(path, token)
        return path

    @contextlib.contextmanager
    def _announced(self, token_file: Path) -> Iterator[None]:
        """Tell the command line, for as long as the server runs, where it is."""
        path = self._folder.root / "run" / "server.json"
        content = {
            "pid": os.getpid(),
            "url": self.addresses().dashboard,
            "domain": self.addresses().domain,
            "socket": str(self._api_socket),
            "token_file": str(token_file),
            "version": __version__,
        }
        write_atomic(path, json.dumps(content))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


class _ApiServer(uvicorn.Server):
    """uvicorn without its own handling of signals: the server has one place for that."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.asynccontextmanager
async def _serving(app: ASGIApp, path: Path) -> AsyncIterator[None]:
    """Serve an ASGI application on a Unix socket that only we can reach."""
    listener = _listen(path)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = _ApiServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _listen(path: Path) -> socket.socket:
    """Return a listening Unix socket in the place of what an earlier server left there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(1024)
    return listener


async def _every(interval: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do ``work`` again and again; a failure is logged and tried again the next time."""
    while True:
        await asyncio.sleep(interval)
        try:
            await work()
        except Exception:  # a boundary: one bad round must not end the watch over all workspaces
            _log.exception("periodic work failed", work=getattr(work, "__qualname__", str(work)))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "admin-1"  # a user id without an entry in the system's user database
