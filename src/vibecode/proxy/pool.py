"""Upstream connections between requests."""

from __future__ import annotations

import asyncio

from vibecode.domain.edges import Upstream
from vibecode.proxy.limits import Limits
from vibecode.proxy.upstream import Key, UpstreamConnection


class UpstreamPool:
    """Keeps unused connections for a short while, by whom they lead to.

    A connection is kept for a workspace and port, not for an address: the process that holds its other end was found to
    be that workspace's when it was made, so it can be used again without asking who listens there now. The workspace is
    known by its id, since a name may be given to another one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[Key, list[UpstreamConnection]] = {}

    def take(self, key: Key, *, not_before: float) -> UpstreamConnection | None:
        """Return the connection that was put aside last, unless that was before ``not_before`` (loop time)."""
        idle = self._idle.get(key)
        while idle:
            if idle[-1].idle_since < not_before:
                return None
            connection = idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    def give(self, connection: UpstreamConnection, *, now: float) -> None:
        """Put a connection aside, or close it if there are enough."""
        connection.used = True
        connection.idle_since = now
        idle = self._idle.get(connection.key)
        if idle is None:
            idle = self._idle[connection.key] = []
        if len(idle) >= self._limits.upstream_spare:
            connection.transport.close()
        else:
            idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Drop a connection that ended while nobody used it."""
        idle = self._idle.get(connection.key)
        if idle and connection in idle:
            idle.remove(connection)

    async def connect(self, upstream: Upstream, key: Key) -> UpstreamConnection:
        """Make a connection.

        Raises
        ------
        OSError
            If nothing answers there; :class:`TimeoutError` is one.
        """
        loop = asyncio.get_running_loop()

        def make() -> UpstreamConnection:
            return UpstreamConnection(self, key)

        async with asyncio.timeout(self._limits.connect_timeout):
            if upstream.path is not None:
                _, connection = await loop.create_unix_connection(make, upstream.path)
            else:
                _, connection = await loop.create_connection(make, upstream.host or "127.0.0.1", upstream.port or 0)
        return connection

    def tick(self, now: float) -> None:
        """Close what has been unused for too long."""
        before = now - self._limits.upstream_idle
        for key, idle in list(self._idle.items()):
            # The oldest come first.
            while idle and idle[0].idle_since < before:
                idle.pop(0).transport.close()
            if not idle:
                del self._idle[key]

    def close(self, workspace_id: str | None = None) -> None:
        """Close all unused connections, or those to one workspace."""
        for key, idle in list(self._idle.items()):
            if workspace_id is None or key[0] == workspace_id:
                for connection in self._idle.pop(key):
                    connection.transport.close()
                idle.clear()
