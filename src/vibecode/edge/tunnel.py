"""One WebSocket: NGINX's connection, joined to one that leads to the workspace."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Final, cast

import structlog

from vibecode.domain.edges import Connection
from vibecode.edge.handshake import Order, UpstreamHead, read_order
from vibecode.edge.limits import WRITE_HIGH, limit_buffers
from vibecode.proxy import problems, tunnel
from vibecode.proxy.activity import InputDetector
from vibecode.proxy.limits import HEAD_LIMIT
from vibecode.proxy.problems import Rejected
from vibecode.proxy.requests import parse_request
from vibecode.proxy.responses import ResponseHead

if TYPE_CHECKING:
    from vibecode.edge.server import TunnelServer

_log = structlog.get_logger(__name__)

_HEALTHY: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


class TunnelConnection(asyncio.Protocol):
    """Reads what NGINX wants, finds the workspace, and joins the two.

    Parameters
    ----------
    server
        Whose listener accepted it.
    """

    def __init__(self, server: TunnelServer) -> None:
        self._server = server
        self.transport: asyncio.Transport
        self.connection: Connection | None = None
        """Whose WebSocket it is, once that is known."""
        self._buffer = b""
        self._one_too_many = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: the connection is there."""
        self.transport = cast(asyncio.Transport, transport)
        if not _is_near(transport.get_extra_info("peername")):
            _log.warning("a connection from elsewhere was refused", peer=str(transport.get_extra_info("peername")))
            self.transport.abort()
            return
        # One that is too many may ask for health all the same: a full tunnel is a healthy one.
        self._one_too_many = not self._server.admit(self)
        self._limit(self._server.limits.head_timeout)

    def data_received(self, data: bytes) -> None:
        """Take what arrived: a head, and then what the client sent before its handshake was answered."""
        if self.transport.is_closing():
            return
        self._buffer += data
        if self._task is not None:
            if len(self._buffer) > HEAD_LIMIT:
                self.transport.pause_reading()
            return
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 and len(self._buffer) <= HEAD_LIMIT:
            return
        head, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
        try:
            if head.startswith(b"GET /healthz "):
                parse_request(head)
                self._answer(_HEALTHY)
                return
            if self._one_too_many:
                detail = "Too many WebSockets are open. Try again shortly."
                self._refuse(503, "too_many_connections", detail, retry_after=5)
                return
            order = read_order(head)
        except Rejected as error:
            self._refuse(error.status, error.code, error.detail)
            return
        refusal = self._server.bind(self, order.connection)
        if refusal:
            self._refuse(429, "too_many_connections", refusal, retry_after=5)
            return
        self._unlimit()
        self._task = asyncio.get_running_loop().create_task(self._open(order))

    def eof_received(self) -> bool:
        """Take the other side's last word."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up: the connection is gone."""
        self._unlimit()
        if self._task is not None:
            self._task.cancel()
        self._server.dismiss(self)

    async def _open(self, order: Order) -> None:
        upstream: UpstreamHead | None = None
        try:
            async with asyncio.timeout(self._server.limits.connect_timeout):
                upstream = await self._connect(order)
            upstream.transport.write(order.request.forwarded(order.forwarded, to_workspace=True))
            self._pass_on(order, upstream, await upstream.head)
            upstream = None
        except TimeoutError:
            self._refuse(504, "upstream_timeout", f"{order.name} did not answer in time.", retry_after=5)
        except Rejected as error:
            self._refuse(502, "bad_upstream", f"{order.name} sent something that is not HTTP/1.1. {error.detail}")
        except OSError:
            if upstream is None:
                self._refuse(503, "upstream_unavailable", f"{order.name} does not answer right now.", retry_after=5)
            else:
                self._refuse(502, "upstream_died", f"{order.name} closed the connection without an answer.")
        except Exception:  # The boundary of a task: nobody else would see it.
            _log.exception("opening a websocket failed")
            self.transport.abort()
        finally:
            if upstream is not None:
                upstream.transport.abort()

    async def _connect(self, order: Order) -> UpstreamHead:
        loop = asyncio.get_running_loop()
        where = order.upstream
        if where.path is not None:
            _, upstream = await loop.create_unix_connection(UpstreamHead, where.path)
        else:
            _, upstream = await loop.create_connection(UpstreamHead, where.host or "127.0.0.1", where.port or 0)
        limit_buffers(upstream.transport.get_extra_info("socket"))
        return upstream

    def _pass_on(self, order: Order, upstream: UpstreamHead, head: ResponseHead) -> None:
        """Hand the upstream's answer on, and from then on whatever either side says."""
        if head.status == 101:
            if head.upgrade != b"websocket":
                raise Rejected(502, "bad_upstream", "It switched to another protocol than was asked for.")
            extra = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        elif head.chunked:
            extra = b"Connection: close\r\nTransfer-Encoding: chunked\r\n"
        elif head.length is not None:
            extra = b"Connection: close\r\nContent-Length: %d\r\n" % head.length
        else:
            extra = b"Connection: close\r\n"
        # NGINX sees where a refusal's body ends, and then ends the connection.
        self.transport.write(head.forwarded(extra, workspace_host=order.request.host) + upstream.rest)
        self._task = None
        workspace = order.connection.workspace
        early, self._buffer = self._buffer, b""
        tunnel.join(
            self.transport,
            upstream.transport,
            client_ended=lambda: self.connection_lost(None),
            half_closed=lambda: self._limit(self._server.limits.half_closed_timeout),
            detector=InputDetector(asyncio.get_running_loop().time),
            on_input=lambda: self._server.note_input(workspace),
            early=early,
            write_high=WRITE_HIGH,
            write_low=WRITE_HIGH,
        )

    def _limit(self, seconds: float) -> None:
        """End the connection if nothing else happens for so long."""
        self._unlimit()
        if not self.transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    def _unlimit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int, code: str, detail: str, *, retry_after: int | None = None) -> None:
        self._answer(problems.response(status, code, detail, retry_after=retry_after, close=True))

    def _answer(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)
            self.transport.close()


def _is_near(peer: object) -> bool:
    """Tell whether a peer is on this machine: what it says of upstreams is believed."""
    if not peer or isinstance(peer, str | bytes):
        return True  # a Unix socket
    return isinstance(peer, tuple) and ipaddress.ip_address(str(peer[0]).partition("%")[0]).is_loopback
