"""The embedded edge: the one public listener of a local installation."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final

import structlog

from vibecode.domain.routing import Router
from vibecode.proxy.client import ClientConnection
from vibecode.proxy.limits import BACKLOG, Limits, connections_possible
from vibecode.proxy.listen import open_sockets
from vibecode.proxy.pool import UpstreamPool

_log = structlog.get_logger(__name__)

_DEFAULT_LIMITS: Final = Limits()
_REFUSED_SHARE: Final = 8
"""One refused connection for so many others is let read its answer in peace."""


class EmbeddedEdge:
    """Accepts browsers' connections and passes requests and WebSockets on, as a router decides.

    Parameters
    ----------
    router
        Decides about each request.
    host, port
        Where to listen; see :func:`~vibecode.proxy.listen.open_sockets`.
    sockets
        Listening sockets to use instead.
    scheme
        What browsers speak, for X-Forwarded-Proto: ``http``, or ``https`` behind something that ends TLS.
    limits
        Sizes and times.
    access_log
        Whether each request is logged, at level debug.
    """

    def __init__(
        self,
        router: Router,
        *,
        host: str = "localhost",
        port: int = 8000,
        sockets: Sequence[socket.socket] | None = None,
        scheme: str = "http",
        limits: Limits = _DEFAULT_LIMITS,
        access_log: bool = False,
    ) -> None:
        self.router = router
        self.scheme = scheme
        self.limits = limits
        self.access_log = access_log
        self.pool = UpstreamPool(limits)
        self.loop: asyncio.AbstractEventLoop
        self.draining = False
        """Whether :meth:`stop` was called: connections end with their present response."""
        self.now = 0.0
        """Loop time at the last tick."""
        self._host = host
        self._port = port
        self._sockets = list(sockets) if sockets is not None else None
        self._servers: list[asyncio.Server] = []
        self._clients: set[ClientConnection] = set()
        self._sessions: dict[str, set[ClientConnection]] = {}
        self._workspaces: dict[str, set[ClientConnection]] = {}
        self._most = limits.connections
        self._ticker: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event

    @property
    def port(self) -> int:
        """The port that it listens on, once started."""
        return self._port

    @property
    def connections(self) -> int:
        """Number of client connections."""
        return len(self._clients)

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        PortTaken
            If the port can't be had.
        """
        self.loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        sockets = self._sockets if self._sockets is not None else open_sockets(self._host, self._port)
        self._port = sockets[0].getsockname()[1]
        for listener in sockets:
            self._servers.append(
                await self.loop.create_server(lambda: ClientConnection(self), sock=listener, backlog=BACKLOG)
            )
        self._tick()

    async def stop(self, grace: float) -> None:
        """Stop listening; let requests under way finish for ``grace`` seconds, then end what is left.

        WebSockets end at once: they would last for ever, and browsers connect anew.
        """
        self.draining = True
        for server in self._servers:
            server.close()
        for client in list(self._clients):
            if client.idle or client.tunnelled:
                client.transport.close()
        if self._clients:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), grace)
        for client in list(self._clients):
            client.reset()
        self.pool.close()
        if self._ticker is not None:
            self._ticker.cancel()
        if self._clients:
            # Transports tell their protocols of the end in the loop's next rounds.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), 1)

    def close_session(self, session_id: str) -> None:
        """End every connection of a session, WebSockets and streams too: it was revoked."""
        for client in list(self._sessions.get(session_id, ())):
            client.reset()

    def close_workspace(self, workspace_id: str) -> None:
        """End every connection to a workspace, used or not: it was stopped or deleted, or changed hands."""
        self.pool.close(workspace_id)
        for client in list(self._workspaces.get(workspace_id, ())):
            client.reset()

    # What connections call.

    def admit(self, client: ClientConnection) -> bool:
        """Take note of a new connection; False if there are too many. A refused one is noted too, until it ends."""
        self._clients.add(client)
        # Asked each time: the limit on open files can be changed from outside, and to ask takes under a microsecond.
        self._most = min(self.limits.connections, connections_possible())
        return len(self._clients) <= self._most and not self.draining

    @property
    def overrun(self) -> bool:
        """Whether so many connections are refused that they can't be given time to read why."""
        return len(self._clients) > self._most + max(1, self._most // _REFUSED_SHARE)

    def dismiss(self, client: ClientConnection) -> None:
        """Forget a connection that has ended."""
        self._clients.discard(client)
        self._unbind(client)
        if self.draining and not self._clients:
            self._empty.set()

    def rebind(self, client: ClientConnection, session: str, workspace_id: str) -> None:
        """Note that a connection serves another session or workspace than before."""
        self._unbind(client)
        client.session = session
        client.workspace_id = workspace_id
        self._sessions.setdefault(session, set()).add(client)
        self._workspaces.setdefault(workspace_id, set()).add(client)

    def _unbind(self, client: ClientConnection) -> None:
        for index, key in ((self._sessions, client.session), (self._workspaces, client.workspace_id)):
            if key is not None and (members := index.get(key)) is not None:
                members.discard(client)
                if not members:
                    del index[key]
        client.session = client.workspace_id = None

    def _tick(self) -> None:
        """Look at time limits: one timer for all, since one for each request would cost more than the request."""
        now = self.now = self.loop.time()
        for client in list(self._clients):
            if client.deadline is not None and client.deadline <= now:
                client.overdue()
        self.pool.tick(now)
        self._ticker = self.loop.call_later(self.limits.tick, self._tick)
