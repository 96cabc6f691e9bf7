"""The upstream's side: one HTTP/1.1 connection to an editor, a port or the control plane."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, cast

from vibecode.proxy.chunked import ChunkedReader
from vibecode.proxy.limits import HEAD_LIMIT, WRITE_HIGH, WRITE_LOW
from vibecode.proxy.problems import Rejected
from vibecode.proxy.responses import ResponseHead, parse_response

if TYPE_CHECKING:
    from vibecode.proxy.exchange import Exchange
    from vibecode.proxy.pool import UpstreamPool

Key = tuple[str | None, int | None]
"""Who answers: a workspace's id and a port inside it; no workspace means the control plane, no port the editor."""


class Body(Enum):
    """How a response's body ends."""

    HEAD = "head"
    """The head hasn't come yet."""
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    """With the connection."""
    NONE = "none"


class UpstreamConnection(asyncio.Protocol):
    """Reads responses, one after the other, each for the exchange that holds the connection.

    Parameters
    ----------
    pool
        Where the connection goes between exchanges.
    key
        Whom it leads to.
    """

    def __init__(self, pool: UpstreamPool, key: Key) -> None:
        self._pool = pool
        self.key = key
        self.exchange: Exchange | None = None
        self.transport: asyncio.Transport
        self.idle_since = 0.0
        """Loop time when it was put aside."""
        self.used = False
        """Whether it has answered a request before, and so may have gone stale since."""
        self.keep_alive = False
        self.paused = False
        """Whether its write buffer is full."""
        self._body = Body.HEAD
        self._buffer = b""
        self._left = 0
        self._ended = False
        self._chunks = ChunkedReader()

    @property
    def answered(self) -> bool:
        """Whether any byte of the present response has come."""
        return self._body is not Body.HEAD or bool(self._buffer)

    def begin(self, exchange: Exchange) -> None:
        """Make ready for an exchange's response."""
        self.exchange = exchange
        self._body = Body.HEAD
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: the connection is there."""
        self.transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_LOW)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        exchange = self.exchange
        if exchange is None:
            self.transport.abort()  # Nobody asked for it.
            return
        try:
            if self._body is Body.LENGTH:
                self._length(exchange, b"", data)
            elif self._body is Body.HEAD:
                self._head(exchange, data)
            elif self._body is Body.CHUNKED:
                self._chunked(exchange, b"", data)
            elif self._body is Body.CLOSE:
                exchange.write_body(b"", data)
            else:
                self.keep_alive = False
        except Rejected as error:
            exchange.upstream_broke(error.detail)

    def _head(self, exchange: Exchange, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            if end > HEAD_LIMIT:
                break
            head = parse_response(data[: end + 4])
            data = data[end + 4 :]
            if head.status == 101:
                self._buffer = b""
                exchange.switch(head, data)
                return
            if head.status >= 200:
                self._buffer = b""
                self._start(exchange, head, data)
                return
            exchange.interim(head)
        if len(data) > HEAD_LIMIT:
            raise Rejected(502, "bad_head", "Its response's head is too large.")
        self._buffer = data

    def _start(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        self.keep_alive = head.keep_alive
        if exchange.request.method == b"HEAD" or head.status in (204, 304):
            self._body = Body.NONE
            out = exchange.response_head(head, Body.NONE)
            self.keep_alive = self.keep_alive and not rest
            exchange.finish(out)
        elif head.chunked:
            self._body = Body.CHUNKED
            self._chunks = ChunkedReader()
            self._chunked(exchange, exchange.response_head(head, Body.CHUNKED), rest)
        elif head.length is not None:
            self._body = Body.LENGTH
            self._left = head.length
            self._length(exchange, exchange.response_head(head, Body.LENGTH), rest)
        else:
            self._body = Body.CLOSE
            self.keep_alive = False
            exchange.write_body(exchange.response_head(head, Body.CLOSE), rest)

    def _length(self, exchange: Exchange, out: bytes, data: bytes) -> None:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            exchange.write(out + data if out else data)
            return
        if left < 0:
            # More than it announced: the rest belongs to nobody, and nothing that follows could be trusted.
            self.keep_alive = False
            data = data[: self._left]
        exchange.finish(out + data if out else data)

    def _chunked(self, exchange: Exchange, out: bytes, data: bytes) -> None:
        chunks = self._chunks
        body = chunks.feed(data) if data else b""
        if not chunks.done:
            exchange.write_body(out, body)
            return
        self.keep_alive = self.keep_alive and not chunks.rest
        exchange.write_body(out, body)
        exchange.finish(exchange.last_chunk)

    def eof_received(self) -> bool:
        """Take the other side's last word."""
        self._ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up: the connection is gone."""
        exchange = self.exchange
        if exchange is None:
            self._pool.forget(self)
        elif self._body is Body.CLOSE and self._ended and exc is None:
            exchange.finish(exchange.last_chunk)
        else:
            exchange.upstream_lost()

    def pause_writing(self) -> None:
        """Hold the other side back: too much waits to be written."""
        self.paused = True
        if self.exchange is not None:
            self.exchange.client.hold_reading()

    def resume_writing(self) -> None:
        """Let the other side go on."""
        self.paused = False
        if self.exchange is not None:
            self.exchange.client.go_on_reading()
