"""A way to a server that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Passes connections on to a server while it is open.

    Parameters
    ----------
    host, port
        Of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._connections: set[asyncio.Task[None]] = set()
        self._open = True
        self.port = 0
        """Where it listens, on the loopback address."""

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._connections)

    def shut(self) -> None:
        """Cut all connections and let no more pass."""
        self._open = False
        for connection in self._connections:
            connection.cancel()

    def reopen(self) -> None:
        """Let connections pass again."""
        self._open = True

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Gate]:
        """Listen."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.shut()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._pass_on(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Also if it was cut before the task began, or before the server took it.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return
        try:
            ways = [
                asyncio.ensure_future(_copy(reader, far_writer)),
                asyncio.ensure_future(_copy(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
