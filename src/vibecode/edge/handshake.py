"""What NGINX says of a WebSocket, and how its upstream answers."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import Final, cast

from vibecode.domain.edges import Connection, Upstream
from vibecode.proxy.limits import HEAD_LIMIT
from vibecode.proxy.problems import Rejected
from vibecode.proxy.requests import RequestHead, parse_request
from vibecode.proxy.responses import ResponseHead, parse_response

_OURS: Final = b"x-vibecode-"
_FORWARDED: Final = (b"x-forwarded-for", b"x-forwarded-proto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What NGINX wants: a request, and where it goes."""

    request: RequestHead
    upstream: Upstream
    connection: Connection
    name: str
    """Who answers, in words that begin a sentence."""
    forwarded: bytes
    """Header lines on the client's connection."""


def read_order(data: bytes) -> Order:
    """Read a head that NGINX sent, which ends with its empty line.

    Raises
    ------
    Rejected
        If it is broken, asks for no WebSocket, or does not say where to.
    """
    request = parse_request(data)
    said = _said(data)
    if not request.upgrade:
        raise Rejected(400, "no_websocket", "Only WebSockets come this way.")
    try:
        upstream = parse_upstream(said[b"x-vibecode-upstream"].decode("ascii"))
        session = said[b"x-vibecode-session"].decode("ascii")
        workspace = said[b"x-vibecode-workspace-id"].decode("ascii")
    except (KeyError, ValueError):
        raise Rejected(400, "no_upstream", "The edge does not say where this goes.") from None
    lines = [b"%b: %b\r\n" % (name.title(), said[name]) for name in _FORWARDED if name in said]
    return Order(
        request=request,
        upstream=upstream,
        connection=Connection(session, workspace),
        name=said.get(b"x-vibecode-name", b"The workspace").decode("latin-1"),
        forwarded=b"".join(lines),
    )


def parse_upstream(text: str) -> Upstream:
    """Read an address as the control plane writes it: ``10.1.2.3:8080``, ``[fd00::1]:8080`` or ``unix:/path:``.

    Raises
    ------
    ValueError
        If it is none. A name is none: nobody makes this process look one up.
    """
    if text.startswith("unix:/") and text.endswith(":"):
        return Upstream(path=text[5:-1])
    host, separator, port = text.rpartition(":")
    address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    if not separator or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(text)
    return Upstream(host=str(address), port=int(port))


def _said(data: bytes) -> dict[bytes, bytes]:
    """Return what NGINX says in headers of its own: it takes those of clients out, so two of one name are a flaw."""
    said: dict[bytes, bytes] = {}
    for line in data.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name.startswith(_OURS) or name in _FORWARDED:
            if name in said:
                raise Rejected(400, "duplicate_header", "The edge says the same thing twice.")
            said[name] = value.strip(b" \t")
    return said


class UpstreamHead(asyncio.Protocol):
    """Reads the head of the upstream's answer, and keeps what comes behind it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.head: asyncio.Future[ResponseHead] = asyncio.get_running_loop().create_future()
        self.head.add_done_callback(_look_at)
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: the connection is there."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self.rest += data
        if self.head.done():
            self.transport.pause_reading()
            return
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            try:
                if end > HEAD_LIMIT:
                    break
                head = parse_response(self.rest[: end + 4])
            except Rejected as error:
                self._fail(error)
                return
            self.rest = self.rest[end + 4 :]
            if head.status == 101 or head.status >= 200:
                self.head.set_result(head)
                self.transport.pause_reading()
                return
        if len(self.rest) > HEAD_LIMIT:
            self._fail(Rejected(502, "bad_head", "Its response's head is too large."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up: the connection is gone."""
        self._fail(exc or ConnectionResetError())

    def _fail(self, error: Exception) -> None:
        if not self.head.done():
            self.head.set_exception(error)


def _look_at(head: asyncio.Future[ResponseHead]) -> None:
    """See a failure, so that asyncio doesn't report it as missed where the client was gone before."""
    if not head.cancelled():
        head.exception()
