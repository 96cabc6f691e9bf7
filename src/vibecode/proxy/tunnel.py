"""A WebSocket after its handshake: bytes are spliced both ways, and never framed anew."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from vibecode.proxy.activity import InputDetector
from vibecode.proxy.frames import DATA_OPCODES, FrameScanner
from vibecode.proxy.limits import WRITE_HIGH, WRITE_LOW

_KEEPALIVE_TCP = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))


class TunnelEnd(asyncio.BaseProtocol):
    """One end: what it receives is written to the other end's transport.

    Parameters
    ----------
    transport
        This end's.
    peer
        The other end's.
    ended
        Called once when this end is gone.
    half_closed
        Called when this end has sent its last byte.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: asyncio.Transport,
        *,
        ended: Callable[[], None],
        half_closed: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._peer = peer
        self._ended = ended
        self._half_closed = half_closed
        self.other: TunnelEnd | None = None
        self.silent = False
        """Whether it has sent its last byte."""
        # The loop calls the other transport's write itself, with no Python in between.
        self.data_received: Callable[[bytes], None] = peer.write

    def eof_received(self) -> bool:
        """Take the other side's last word."""
        self.silent = True
        if self.other is not None and self.other.silent:
            # Both have said all: what is still to be written is written, and that was it.
            self._peer.close()
            return False
        if not self._peer.is_closing():
            self._peer.write_eof()
        self._half_closed()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up: the connection is gone."""
        self.other = None
        if exc is None:
            self._peer.close()
        else:
            self._peer.abort()
        self._ended()

    def pause_writing(self) -> None:
        """Hold the other side back: too much waits to be written."""
        if not self._peer.is_closing():
            self._peer.pause_reading()

    def resume_writing(self) -> None:
        """Let the other side go on."""
        if not self._peer.is_closing():
            self._peer.resume_reading()


class ClientEnd(TunnelEnd):
    """The client's end, which also notices input.

    Parameters
    ----------
    detector
        Tells input from an idle page's own traffic.
    on_input
        Called for each time that the detector sees input.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: asyncio.Transport,
        *,
        ended: Callable[[], None],
        half_closed: Callable[[], None],
        detector: InputDetector,
        on_input: Callable[[], None],
    ) -> None:
        super().__init__(transport, peer, ended=ended, half_closed=half_closed)
        self._scanner = FrameScanner()
        self._detector = detector
        self._on_input = on_input
        self._write = peer.write
        self.data_received = self._receive

    def _receive(self, data: bytes) -> None:
        self._write(data)
        for opcode, length in self._scanner.feed(data):
            if opcode in DATA_OPCODES and self._detector.is_input(length):
                self._on_input()


def join(
    client: asyncio.Transport,
    upstream: asyncio.Transport,
    *,
    client_ended: Callable[[], None],
    half_closed: Callable[[], None],
    detector: InputDetector,
    on_input: Callable[[], None],
    early: bytes,
    write_high: int = WRITE_HIGH,
    write_low: int = WRITE_LOW,
) -> None:
    """Splice two transports.

    Parameters
    ----------
    client, upstream
        The two.
    client_ended
        Called when the client's connection is gone.
    half_closed
        Called when either side has sent its last byte.
    detector, on_input
        As in :class:`ClientEnd`.
    early
        What the client sent before the handshake was answered.
    write_high, write_low
        Bytes waiting to be written at which reading from the other side stops, and goes on.
    """
    _keep_alive(client)
    for transport in (client, upstream):
        transport.set_write_buffer_limits(high=write_high, low=write_low)
    end = ClientEnd(client, upstream, ended=client_ended, half_closed=half_closed, detector=detector, on_input=on_input)
    other = TunnelEnd(upstream, client, ended=half_closed, half_closed=half_closed)
    end.other, other.other = other, end
    upstream.set_protocol(other)
    client.set_protocol(end)
    if early:
        end.data_received(early)
    client.resume_reading()
    upstream.resume_reading()


def _keep_alive(transport: asyncio.Transport) -> None:
    """Find out about clients that vanished: a laptop that sleeps sends no FIN, and a WebSocket has no time limit."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE_TCP:
            if (option := getattr(socket, name, None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
