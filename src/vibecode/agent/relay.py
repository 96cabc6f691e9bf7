"""The way from the edge to the ports inside: one listening port for all of them.

The edge connects here with the Host that the browser sent, such as ``3000--alice.example.org``, and the port in it is
where the connection goes on to, on the loopback. Where nothing listens, the connection is closed without a word, and
the edge knows that there is no such server, as it does on a machine without containers.

code-server has a proxy of its own, which will not do: it takes no Host with a port number, finds no server that listens
on ``::1`` alone (Vite's does), answers 500 where nothing listens, and opens every port on the editor's own origin too.

A connection belongs to the port that its first request named, so the edge may not use one again for another Host.

A Host of another workspace leads nowhere: the edge goes by addresses, and one may have become another pod's since it
learned it (see ``editor/shims/own_host.js``).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Collection
from typing import Final, cast

from vibecode.proxy.limits import HEAD_LIMIT, WRITE_HIGH, WRITE_LOW
from vibecode.proxy.tunnel import TunnelEnd

_HOST: Final = re.compile(rb"\r\nhost:[ \t]*(?P<port>[1-9][0-9]{0,4})--(?P<workspace>[a-z0-9-]+)[.:\r]", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_HEAD_WITHIN: Final = 30.0
"""Seconds for the head of a request: the edge sends it as a whole."""
_CONNECT_WITHIN: Final = 5.0


def start(listener: socket.socket, *, workspace: str | None, refused: Collection[int]) -> None:
    """Serve in a thread of its own until the process ends.

    Parameters
    ----------
    listener
        A listening socket.
    workspace
        Whose ports; None outside of a cluster, where nobody else's could be meant.
    refused
        Ports that aren't gone on to: the editor's, which the edge reaches directly, and this process's own.
    """

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _FromEdge(workspace, refused), sock=listener)
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(serve(),), name="relay", daemon=True).start()


def port_of(head: bytes, workspace: str | None) -> int | None:
    """Return the port of a workspace that the head of a request names by its Host; None if it names none, or another's.

    Parameters
    ----------
    head
        As received.
    workspace
        Its name; None takes anybody's.
    """
    match = _HOST.search(head)
    if match is None or int(match["port"]) > 65535:
        return None
    if workspace is not None and match["workspace"].lower() != workspace.encode():
        return None
    return int(match["port"])


class _FromEdge(asyncio.Protocol):
    """A connection until it is known where to."""

    def __init__(self, workspace: str | None, refused: Collection[int]) -> None:
        self._workspace = workspace
        self._refused = refused
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(_HEAD_WITHIN, transport.close)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - connection_made was called
        self._received += data
        if self._task is not None:
            return
        head, found, _ = self._received.partition(_END)
        port = port_of(bytes(head), self._workspace) if found else None
        if found and port is not None and port not in self._refused:
            self._transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._join(self._transport, port))
        elif found or len(self._received) > HEAD_LIMIT:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _join(self, edge: asyncio.Transport, port: int) -> None:
        inside = await _connect(port)
        if self._timer is not None:
            self._timer.cancel()
        if inside is None:
            edge.abort()
            return
        ends = (
            TunnelEnd(edge, inside, ended=_nothing, half_closed=_nothing),
            TunnelEnd(inside, edge, ended=_nothing, half_closed=_nothing),
        )
        ends[0].other, ends[1].other = ends[1], ends[0]
        for transport, end in zip((edge, inside), ends, strict=True):
            transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_LOW)
            transport.set_protocol(end)
        inside.write(bytes(self._received))
        edge.resume_reading()
        inside.resume_reading()


async def _connect(port: int) -> asyncio.Transport | None:
    """Connect to a server inside, by IPv4 first: more programs bind that alone."""
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_WITHIN):
                transport, _ = await asyncio.get_running_loop().create_connection(_Paused, host, port)
                return transport
    return None


class _Paused(asyncio.Protocol):
    """A connection whose first bytes wait until somebody takes them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).pause_reading()


def _nothing() -> None:
    pass
