"""The client's side: one connection of a browser or program, and the requests on it, one after the other."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import Enum
from typing import TYPE_CHECKING, Final, cast

from vibecode.proxy import problems
from vibecode.proxy.exchange import Exchange
from vibecode.proxy.inbox import Inbox
from vibecode.proxy.limits import HEAD_LIMIT, WRITE_HIGH, WRITE_LOW
from vibecode.proxy.problems import Rejected

if TYPE_CHECKING:
    from vibecode.proxy.edge import EmbeddedEdge

_RESET: Final = struct.pack("ii", 1, 0)


class _Phase(Enum):
    SERVING = "serving"
    TUNNEL = "tunnel"
    """It carries a WebSocket; its transport has another protocol now."""
    ENDING = "ending"
    """Its last response is on the way. What the client sends doesn't matter any more."""


class ClientConnection(asyncio.Protocol):
    """Reads requests and gives each to an :class:`Exchange`.

    Parameters
    ----------
    edge
        Whose listener accepted it.
    """

    def __init__(self, edge: EmbeddedEdge) -> None:
        self.edge = edge
        self.transport: asyncio.Transport
        self.exchange: Exchange | None = None
        self.inbox = Inbox()
        self.forwarded = b""
        """Header lines on this connection, for upstreams."""
        self.session: str | None = None
        self.workspace_id: str | None = None
        self.write_paused = False
        """Whether the client reads slower than an upstream writes."""
        self.deadline: float | None = None
        """Loop time at which :meth:`overdue` is called."""
        self._phase = _Phase.SERVING
        self._advancing = False
        self._head_begun = False
        """Whether a part of a head is here."""
        self._held = False
        """Whether the upstream reads slower than the client writes."""
        self._overfull = False
        """Whether more has come than is kept for later."""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: the connection is there."""
        self.transport = transport = cast(asyncio.Transport, transport)
        if not self.edge.admit(self):
            detail = "Too many connections are open. Try again shortly."
            transport.write(problems.response(503, "too_many_connections", detail, retry_after=5, close=True))
            if self.edge.overrun:
                self._close()
            else:
                self._linger()
            return
        transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_LOW)
        peer = transport.get_extra_info("peername")
        address = peer[0] if peer else "unknown"
        self.forwarded = f"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: {self.edge.scheme}\r\n".encode()
        self.deadline = self.edge.loop.time() + self.edge.limits.idle_timeout

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        if self._phase is _Phase.ENDING:
            return
        self.inbox.feed(data)
        if not self._advancing:
            self._advance()

    def eof_received(self) -> bool:
        """Take the other side's last word."""
        # A client that closes and one that only stops sending look the same. Like NGINX and Go, take it for gone.
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up: the connection is gone."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.cancel()
        self.ended()

    def pause_writing(self) -> None:
        """Hold the other side back: too much waits to be written."""
        self.write_paused = True
        upstream = self.exchange.upstream if self.exchange is not None else None
        if upstream is not None and not upstream.transport.is_closing():
            upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other side go on."""
        self.write_paused = False
        upstream = self.exchange.upstream if self.exchange is not None else None
        if upstream is not None and not upstream.transport.is_closing():
            upstream.transport.resume_reading()
        elif not self._advancing:
            self._advance()

    # What exchanges and tunnels call.

    def bind(self, session: str, workspace_id: str) -> None:
        """Note whose connection this is now, so that it can be ended with them."""
        if session != self.session or workspace_id != self.workspace_id:
            self.edge.rebind(self, session, workspace_id)

    def upstream_ready(self) -> None:
        """Go on with the request's body."""
        if not self._advancing:
            self._advance()

    def hold_reading(self) -> None:
        """Read no more: the upstream is behind."""
        self._held = True
        self._set_reading()

    def go_on_reading(self) -> None:
        """Read again."""
        self._held = False
        self._set_reading()

    def exchange_done(self, *, close: bool) -> None:
        """Go on after a response."""
        self.exchange = None
        if self._held:
            self.go_on_reading()
        if not self.inbox.complete:
            self._linger()
        elif close or self.edge.draining:
            self._close()
        else:
            self.inbox.go_on()
            self.deadline = self.edge.now + self.edge.limits.idle_timeout
            if not self._advancing:
                self._advance()

    def begin_tunnel(self) -> bytes:
        """Stop reading requests; return what came behind the handshake."""
        self._phase = _Phase.TUNNEL
        self.exchange = None
        return self.inbox.take_all()

    def half_closed(self) -> None:
        """Give a tunnel's other side a limited time to end as well."""
        self.deadline = self.edge.now + self.edge.limits.half_closed_timeout

    def ended(self) -> None:
        """Forget the connection: it is gone."""
        self.deadline = None
        self.edge.dismiss(self)

    def reset(self) -> None:
        """End the connection with a TCP reset, so that the client can't take it for a clean end."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    # What the edge calls.

    @property
    def idle(self) -> bool:
        """Whether it waits for a next request, of which nothing has come."""
        return self._phase is _Phase.SERVING and self.inbox.at_head and not self.inbox.size

    @property
    def tunnelled(self) -> bool:
        """Whether it carries a WebSocket."""
        return self._phase is _Phase.TUNNEL

    def overdue(self) -> None:
        """Deal with the passing of :attr:`deadline`."""
        self.deadline = None
        exchange = self.exchange
        if exchange is not None:
            if exchange.upstream is None or self._held:
                self._time_body(exchange)  # The client can't go on either.
            else:
                self._reject(Rejected(408, "slow_body", "The request's body took too long."))
        elif self._phase is not _Phase.SERVING or self.write_paused:
            self.transport.abort()
        elif self.inbox.size:
            self._reject(Rejected(408, "slow_request", "The request's head took too long."))
        else:
            self._close()

    # Reading.

    def _advance(self) -> None:
        """Take off the inbox what can be taken now."""
        inbox = self.inbox
        self._advancing = True
        try:
            while inbox.size and self._phase is _Phase.SERVING and self._step():
                pass
        except Rejected as error:
            self._reject(error)
        finally:
            self._advancing = False
        overfull = inbox.size > HEAD_LIMIT and (self.write_paused or not inbox.at_head)
        if overfull is not self._overfull:
            self._overfull = overfull
            self._set_reading()

    def _step(self) -> bool:
        """Take one thing off the inbox; False if that has to wait."""
        inbox = self.inbox
        if inbox.at_head:
            return not self.write_paused and self._begin()
        exchange = self.exchange
        if inbox.complete or exchange is None or exchange.upstream is None:
            return False
        data = inbox.take_body()
        if data:
            exchange.send_body(data)
        if inbox.complete:
            self.deadline = None
            exchange.end_body()
        elif not exchange.to_control_plane:
            self._time_body(exchange)
        return True

    def _begin(self) -> bool:
        """Begin the next request, if its head is here."""
        request = self.inbox.take_head()
        if request is None:
            if not self._head_begun:
                self._head_begun = True
                self.deadline = self.edge.loop.time() + self.edge.limits.head_timeout
            return False
        self._head_begun = False
        self.deadline = None
        self.exchange = exchange = Exchange(self, request)
        exchange.start()
        if self.exchange is exchange and not self.inbox.complete:
            self._time_body(exchange)
        return True

    def _time_body(self, exchange: Exchange) -> None:
        """Limit how long a body takes.

        One for the control plane has a time for all of it: strangers may send one, and a byte now and then would hold
        three of the server's files for ever. One for a workspace can be an upload of any size.
        """
        limits = self.edge.limits
        limit = limits.body_timeout if exchange.to_control_plane else limits.upload_timeout
        self.deadline = self.edge.loop.time() + limit

    # Ending.

    def _reject(self, error: Rejected) -> None:
        """Answer what can't be understood; nothing after it can be either."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.cancel()
            if exchange.started:
                self.reset()
                return
        self.transport.write(problems.response(error.status, error.code, error.detail, close=True))
        self._linger()

    def _linger(self) -> None:
        """End the connection once the client has had time to read the answer.

        To close while it still sends would reset the connection, and the answer be lost (RFC 9112, 9.6).
        """
        self._phase = _Phase.ENDING
        self.inbox.take_all()
        self._held = self._overfull = False
        self._set_reading()
        if not self.transport.is_closing():
            self.transport.write_eof()
        self.deadline = self.edge.loop.time() + self.edge.limits.linger_timeout

    def _close(self) -> None:
        """End the connection once all is written, or the client has read nothing of it for too long."""
        self._phase = _Phase.ENDING
        self.inbox.take_all()
        self.deadline = self.edge.now + self.edge.limits.idle_timeout
        self.transport.close()

    def _set_reading(self) -> None:
        if self.transport.is_closing():
            return
        if self._held or self._overfull:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
