"""The chunked transfer coding (RFC 9112, 7.1), read strictly.

A reader that is lenient here is how requests get smuggled: so a size is hexadecimal digits only, a line ends in CRLF
only, and chunk data ends exactly where its size says. Extensions and trailers are read and dropped.
"""

from __future__ import annotations

import re
from typing import Final

from vibecode.proxy.problems import Rejected

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\x00]*)?")
_LINE_LIMIT: Final = 4096
_TRAILER_LIMIT: Final = 16 * 1024

END: Final = b"0\r\n\r\n"
"""The last chunk, without trailers."""


def encode(data: bytes) -> bytes:
    """Return ``data``, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class ChunkedReader:
    """Takes the chunked coding apart, however the bytes arrive."""

    __slots__ = ("_buffer", "_left", "_trailer", "_trailers", "done", "rest")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        """Bytes still due of the present chunk, its CRLF included; 0 means that a size line comes next."""
        self._trailer = False
        self._trailers = 0
        self.done = False
        """Whether the end was seen."""
        self.rest = b""
        """What came after the end."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived, and return the body's bytes in it.

        Raises
        ------
        Rejected
            If the coding is broken (400).
        """
        buffer = self._buffer + data if self._buffer else data
        position = 0
        out: list[bytes] = []
        while not self.done:
            if self._left:
                position, complete = self._chunk(buffer, position, out)
                if not complete:
                    break
            line_end = buffer.find(b"\r\n", position)
            if line_end < 0:
                if len(buffer) - position > _LINE_LIMIT:
                    raise _broken()
                break
            line = buffer[position:line_end]
            position = line_end + 2
            if self._trailer:
                self._trailer_line(line)
            else:
                self._size_line(line)
        if self.done:
            self.rest = buffer[position:]
            self._buffer = b""
        else:
            self._buffer = buffer[position:]
        return out[0] if len(out) == 1 else b"".join(out)

    def _chunk(self, buffer: bytes, position: int, out: list[bytes]) -> tuple[int, bool]:
        """Take chunk data from ``position``; return the new position and whether the chunk was complete."""
        payload = self._left - 2
        if payload > 0:
            piece = buffer[position : position + payload]
            if piece:
                out.append(piece)
            position += len(piece)
            self._left -= len(piece)
            if len(piece) < payload:
                return position, False
        ending = buffer[position : position + 2]
        if not b"\r\n".startswith(ending):
            raise _broken()
        if len(ending) < 2:
            return position, False
        self._left = 0
        return position + 2, True

    def _size_line(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise _broken()
        size = int(match[1], 16)
        if size:
            self._left = size + 2
        else:
            self._trailer = True

    def _trailer_line(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailers += len(line)
        if self._trailers > _TRAILER_LIMIT or b"\n" in line or b"\r" in line:
            raise _broken()


def _broken() -> Rejected:
    return Rejected(400, "bad_chunk", "The body's chunked coding is broken.")
