"""A port that code of others may reach: how many connections it gets, and what one of them may take.

uvicorn limits how long a connection stays unused and how many requests it works on. It does not limit how many
connections there are, how long a request takes to arrive, or how large its head is. So connections are accepted here,
and then handed to uvicorn's own protocol, with limits around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vibecode.proxy.limits import connections_possible
from vibecode.services.rates import Rates

_AT_ONCE: Final = 64
"""Connections accepted in one turn of the loop; then others get theirs."""
_PAUSE: Final = 0.01
"""Seconds until more are accepted after as many as that: a flood gets a small part of the processor, not all of it."""
_PAUSE_WITHOUT_FILES: Final = 1.0
_SHARE: Final = 4
"""One of so many connections that the process may have can be a stranger's."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closed with a reset, so that the kernel keeps nothing of it."""
_TOO_LARGE: Final = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_log = structlog.get_logger(__name__)
_quiet: Final = logging.getLogger("uvicorn.strangers")
_quiet.setLevel(logging.ERROR)  # uvicorn warns of each request that is none: anybody could fill the log


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerLimits:
    """Limits of such a port; times are in seconds."""

    connections: int = 1024
    """At a time; fewer if the process may not open enough files."""
    connections_of_one: int = 16
    """At a time from one address."""
    connects_per_second: float = 10.0
    """New connections from one address, on average."""
    connects_at_once: int = 40
    """New connections from one address that was quiet before."""
    request_timeout: float = 10.0
    """From a connection, or the first byte of a later request, to the request's end."""
    request_size: int = 144 * 1024
    """Most bytes of a request, with its head."""
    headers: int = 64
    """Most headers of a request: each takes much more memory than bytes on the wire."""
    idle_timeout: int = 2
    """Between requests: less than a workspace waits between two, so that none is sent into a closing connection."""


class StrangerProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for a connection of somebody who isn't trusted.

    Parameters
    ----------
    limits
        Of the port.
    left
        Is called when the connection has ended.
    uvicorn
        What uvicorn's own wants.
    """

    def __init__(self, limits: StrangerLimits, left: Callable[[], None], **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.logger = _quiet
        self._limits = limits
        self._left = left
        self._deadline: asyncio.TimerHandle | None = None
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: the connection is there."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up: the connection is gone."""
        self._settle()
        self._left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived, if it is not too much."""
        if self._deadline is None:
            self._expect()
        self._received += len(data)
        if self._received > self._limits.request_size:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            return
        super().data_received(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if there are not too many."""
        if len(self.headers) >= self._limits.headers:
            raise ValueError("too many headers")  # the parser ends with it, and the answer is 400
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """Note the end of a request."""
        self._settle()
        self._received = 0
        super().on_message_complete()

    def _expect(self) -> None:
        """Give the request that begins its time, however slowly and in whatever order its bytes come."""
        self._deadline = self.loop.call_later(self._limits.request_timeout, self.transport.abort)

    def _settle(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Door:
    """Accepts strangers' connections.

    Parameters
    ----------
    listeners
        Listening sockets; it closes them.
    limits
        How many it lets in.
    protocol
        Makes the protocol of a connection, given what to call when that has ended.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        limits: StrangerLimits,
        protocol: Callable[[Callable[[], None]], asyncio.Protocol],
    ) -> None:
        self._listeners = listeners
        self._limits = limits
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._rates = Rates(per_second=limits.connects_per_second, burst=limits.connects_at_once, now=self._loop.time)
        self._open: Counter[str] = Counter()
        self._joining: set[asyncio.Task[None]] = set()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}

    def open(self) -> None:
        """Begin to accept."""
        for listener in self._listeners:
            listener.setblocking(False)
            self._loop.add_reader(listener, self._accept, listener)

    def close(self) -> None:
        """Accept no more. What is open goes on."""
        for pause in self._pauses.values():
            pause.cancel()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()

    @property
    def connections(self) -> int:
        """Number of connections that are open."""
        return self._open.total()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.warning("connections can't be accepted", error=error.strerror)
                self._pause(listener, _PAUSE_WITHOUT_FILES)
                return
            peer = str(address[0])
            if self._admits(peer):
                self._open[peer] += 1
                task = self._loop.create_task(self._join(connection, peer))
                self._joining.add(task)
                task.add_done_callback(self._joining.discard)
            else:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.close()
        self._pause(listener, _PAUSE)

    def _admits(self, peer: str) -> bool:
        most = min(self._limits.connections, connections_possible() // _SHARE)
        return (
            self._rates.wait(peer) == 0
            and self._open[peer] < self._limits.connections_of_one
            and self._open.total() < most
        )

    async def _join(self, connection: socket.socket, peer: str) -> None:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(partial(self._protocol, partial(self._leave, peer)), connection)
            return
        connection.close()
        self._leave(peer)

    def _leave(self, peer: str) -> None:
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]

    def _pause(self, listener: socket.socket, seconds: float) -> None:
        """Leave those who come next to the kernel for a while, where they wait or are turned away without our help."""
        self._loop.remove_reader(listener)
        self._pauses[listener] = self._loop.call_later(seconds, self._loop.add_reader, listener, self._accept, listener)
