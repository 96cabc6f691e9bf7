"""The tunnel's listener, all that it carries, and what it tells the control plane."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from vibecode.domain.edges import Connection
from vibecode.edge.limits import TunnelLimits, limit_buffers, possible
from vibecode.edge.tunnel import TunnelConnection
from vibecode.proxy.limits import BACKLOG

Report = Callable[[Sequence[Connection], Sequence[str]], Awaitable[Sequence[Connection]]]
"""Tells the control plane what is open and which workspaces are used, and returns what has to end."""

_log = structlog.get_logger(__name__)


class ReportFailed(Exception):
    """The control plane could not be told."""


class TunnelServer:
    """Accepts NGINX's connections.

    Parameters
    ----------
    listen
        ``host:port``, or the path of a Unix socket.
    report
        How the control plane is told; raises :class:`ReportFailed`.
    limits
        Sizes and times.
    """

    def __init__(self, listen: str, report: Report, *, limits: TunnelLimits | None = None) -> None:
        self._listen = listen
        self._report = report
        self.limits = limits or TunnelLimits()
        self.port = 0
        """The TCP port that it listens on, once started."""
        self._server: asyncio.Server | None = None
        self._reporting: asyncio.Task[None] | None = None
        self._all: set[TunnelConnection] = set()
        self._open: dict[Connection, set[TunnelConnection]] = {}
        self._per_workspace: Counter[str] = Counter()
        self._used: set[str] = set()
        self._empty = asyncio.Event()
        self._draining = False

    async def start(self) -> None:
        """Listen, and begin to report.

        Raises
        ------
        OSError
            If the address can't be had.
        """
        loop = asyncio.get_running_loop()

        def make() -> TunnelConnection:
            return TunnelConnection(self)

        host, separator, port = self._listen.rpartition(":")
        if self._listen.startswith("/"):
            self._server = await loop.create_unix_server(make, sock=_unix_socket(Path(self._listen)), backlog=BACKLOG)
        elif separator and port.isdecimal():
            self._server = await loop.create_server(make, host.strip("[]"), int(port), backlog=BACKLOG)
            self.port = self._server.sockets[0].getsockname()[1]
            for listener in self._server.sockets:
                limit_buffers(listener)
        else:
            raise OSError(f"{self._listen} is neither host:port nor the path of a socket.")
        self._reporting = loop.create_task(self._keep_reporting())

    async def stop(self, grace: float) -> None:
        """Accept no more; end what is still open after ``grace`` seconds, or earlier if nothing is."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        if self._all:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), grace)
        for connection in list(self._all):
            connection.transport.abort()
        if self._reporting is not None:
            self._reporting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reporting
        if self._all:
            # Transports tell their protocols of the end in the loop's next rounds.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), 1)

    @property
    def connections(self) -> int:
        """Number of WebSockets that it carries or opens."""
        return len(self._all)

    # What connections call.

    def admit(self, connection: TunnelConnection) -> bool:
        """Take note of a new connection; False if there are too many."""
        if self._draining or len(self._all) >= min(self.limits.connections, possible()):
            return False
        self._all.add(connection)
        return True

    def bind(self, connection: TunnelConnection, owner: Connection) -> str:
        """Note whose a connection is; return why not in one sentence, if that one has its share already."""
        members = self._open.get(owner, ())
        if len(members) >= self.limits.per_session:
            return "You have too many WebSockets open to this workspace. Close some tabs, then try again."
        if self._per_workspace[owner.workspace] >= self.limits.per_workspace:
            return "Too many WebSockets are open to this workspace. Close some tabs, then try again."
        connection.connection = owner
        self._open.setdefault(owner, set()).add(connection)
        self._per_workspace[owner.workspace] += 1
        return ""

    def dismiss(self, connection: TunnelConnection) -> None:
        """Forget a connection that has ended."""
        self._all.discard(connection)
        key = connection.connection
        if key is not None and (members := self._open.get(key)) is not None:
            if connection in members:
                members.remove(connection)
                self._per_workspace[key.workspace] -= 1
                if not self._per_workspace[key.workspace]:
                    del self._per_workspace[key.workspace]
            if not members:
                del self._open[key]
        if self._draining and not self._all:
            self._empty.set()

    def note_input(self, workspace: str) -> None:
        """Note that somebody uses a workspace."""
        self._used.add(workspace)

    # Telling.

    async def report(self) -> None:
        """Tell the control plane once, and end what has to end.

        Raises
        ------
        ReportFailed
            It could not be told. What was to be told is told the next time.
        """
        used, self._used = self._used, set()
        try:
            ending = await self._report(list(self._open), sorted(used))
        except BaseException:
            self._used |= used
            raise
        for connection in ending:
            members = list(self._open.get(connection, ()))
            if members:
                _log.info("websockets end", session=connection.session, workspace=connection.workspace)
            for member in members:
                member.transport.abort()

    async def _keep_reporting(self) -> None:
        reached = True
        while True:
            await asyncio.sleep(self.limits.report_interval)
            try:
                await self.report()
            except ReportFailed as error:
                if reached:
                    _log.warning("the control plane does not answer; what is open goes on", error=str(error))
                reached = False
            except Exception:  # a boundary: one bad round must not end the reports for all
                _log.exception("reporting failed")
            else:
                if not reached:
                    _log.info("the control plane answers again")
                reached = True


def _unix_socket(path: Path) -> socket.socket:
    """Return a socket in the place of an earlier one. NGINX is of the same user: nobody else says where things go."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    limit_buffers(listener)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener
