"""What a client sent, taken apart into heads and bodies. It knows no connection, only bytes."""

from __future__ import annotations

from enum import Enum

from vibecode.proxy.chunked import ChunkedReader
from vibecode.proxy.limits import HEAD_LIMIT
from vibecode.proxy.problems import Rejected
from vibecode.proxy.requests import RequestHead, parse_request


class _Next(Enum):
    """What the next bytes are."""

    HEAD = "head"
    LENGTH = "length"
    CHUNKED = "chunked"
    LATER = "later"
    """The next request's, whose turn is after the response."""


_HEAD = _Next.HEAD
_LENGTH = _Next.LENGTH
_CHUNKED = _Next.CHUNKED
_LATER = _Next.LATER


class Inbox:
    """The bytes of one client's connection, request after request."""

    __slots__ = ("_buffer", "_chunks", "_left", "_next")

    def __init__(self) -> None:
        self._buffer = b""
        self._next = _HEAD
        self._left = 0
        """Bytes still due of a body whose length is known."""
        self._chunks = ChunkedReader()

    @property
    def size(self) -> int:
        """Bytes that have come and were not taken."""
        return len(self._buffer)

    @property
    def at_head(self) -> bool:
        """Whether a new request comes next."""
        return self._next is _HEAD

    @property
    def complete(self) -> bool:
        """Whether the present request has been taken to its end."""
        return self._next is _LATER

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._buffer = self._buffer + data if self._buffer else data

    def take_head(self) -> RequestHead | None:
        """Return the next request's head, or None if it hasn't come in full.

        Raises
        ------
        Rejected
            If it is broken, or too large (431).
        """
        buffer = self._buffer
        if buffer[:1] in (b"\r", b"\n"):
            # Empty lines in front of a request are ignored (RFC 9112, 2.2).
            buffer = self._buffer = buffer.lstrip(b"\r\n")
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT:
            if len(buffer) > HEAD_LIMIT:
                raise Rejected(431, "head_too_large", "The request's headers are larger than 64 KiB.")
            return None
        request = parse_request(buffer[: end + 4])
        self._buffer = buffer[end + 4 :]
        if request.chunked:
            self._next = _CHUNKED
            self._chunks = ChunkedReader()
        elif request.length:
            self._next = _LENGTH
            self._left = request.length
        else:
            self._next = _LATER
        return request

    def take_body(self) -> bytes:
        """Return what is here of the present request's body; :attr:`complete` tells whether that was all.

        Raises
        ------
        Rejected
            If its chunked coding is broken.
        """
        data, self._buffer = self._buffer, b""
        if self._next is _LENGTH:
            if len(data) > self._left:
                self._buffer = data[self._left :]
                data = data[: self._left]
            self._left -= len(data)
            if not self._left:
                self._next = _LATER
            return data
        data = self._chunks.feed(data)
        if self._chunks.done:
            self._buffer = self._chunks.rest
            self._next = _LATER
        return data

    def skip_body(self) -> bool:
        """Drop the rest of a body that nobody reads; False if not all of it is here."""
        if self._next is _LENGTH and self._left <= len(self._buffer):
            self._buffer = self._buffer[self._left :]
            self._next = _LATER
        return self._next is _LATER

    def go_on(self) -> None:
        """Turn to the next request."""
        self._next = _HEAD

    def take_all(self) -> bytes:
        """Return everything that wasn't taken, whatever it is."""
        data, self._buffer = self._buffer, b""
        return data
