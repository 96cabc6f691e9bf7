"""What heads of requests and responses have in common: read by llhttp, checked, and written anew.

Nothing is passed on as raw bytes. What goes out is built from the parsed parts, so that a client, the edge and an
upstream can't read one message in two ways (request smuggling, RFC 9112, 11.2).
"""

from __future__ import annotations

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser
from httptools.parser.errors import HttpParserInvalidMethodError

from vibecode.proxy import headers
from vibecode.proxy.problems import Rejected

_MAX_LENGTH_DIGITS: Final = 18


class Head:
    """What requests and responses have in common. The parser calls the ``on_`` methods."""

    def __init__(self) -> None:
        self.passed: list[tuple[int, bytes, bytes]] = []
        """Fields that go on: kind, name, value."""
        self.connection: list[bytes] = []
        """Members of Connection, lower case."""
        self.length: int | None = None
        """Content-Length."""
        self.chunked = False
        self._ended = 0

    def on_headers_complete(self) -> None:
        """Count the ends of heads."""
        self._ended += 1

    def frame(self, kind: int, value: bytes) -> None:
        """Take a field that says where the message ends, or what is for this connection only."""
        if kind == headers.CONNECTION:
            self.connection += headers.tokens(value)
        elif kind == headers.LENGTH:
            digits = value.strip(b" \t")
            if self.length is not None or not digits.isdigit() or len(digits) > _MAX_LENGTH_DIGITS:
                raise Rejected(400, "bad_length", "Content-Length is not one number.")
            self.length = int(digits)
        elif kind == headers.CODING:
            if self.chunked or value.strip(b" \t").lower() != b"chunked":
                raise Rejected(501, "unknown_coding", "The only transfer coding understood here is chunked.")
            self.chunked = True

    def check_framing(self) -> None:
        """Refuse a message whose end could be read in two ways."""
        if self._ended != 1:
            raise Rejected(400, "bad_head", "That is not HTTP/1.1.")
        if self.chunked and self.length is not None:
            raise Rejected(400, "two_lengths", "Content-Length and Transfer-Encoding may not come together.")


def feed(parser: HttpRequestParser | HttpResponseParser, data: bytes) -> None:
    """Let llhttp read a head.

    Raises
    ------
    Rejected
        If it is broken.
    """
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        return  # Only the head was fed, so there is nothing behind it that could be lost.
    except HttpParserInvalidMethodError as error:
        raise Rejected(501, "unknown_method", "That method is not known here.") from error
    except HttpParserError as error:
        if isinstance(error.__context__, Rejected):
            raise error.__context__ from None
        raise Rejected(400, "bad_head", "That is not HTTP/1.1.") from error
