"""The edge as a client meets it: exact bytes, and a WebSocket that stays open."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support.cluster import ClusterProduct

_TIMEOUT = 60.0

_SILENCE = 5.0
"""Seconds without a byte after which an answer is whole."""


def send(cluster: ClusterProduct, data: bytes, *, limit: float = _TIMEOUT) -> bytes:
    """Send bytes on a connection of their own; return everything that comes back until it ends or falls silent.

    Parameters
    ----------
    limit
        Seconds within which something has to come.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", cluster.port), timeout=_TIMEOUT) as connection:
        connection.sendall(data)
        connection.settimeout(limit)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
                connection.settimeout(_SILENCE)
    return received


def get(host: str, *lines: str, target: str = "/") -> bytes:
    """Return a GET whose connection ends with the answer."""
    head = [f"GET {target} HTTP/1.1", f"Host: {host}", *lines, "Connection: close"]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def status(answer: bytes) -> int:
    """Return the status of the first response."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


@dataclass(frozen=True)
class WebSocket:
    """An open WebSocket to a program that sends back what it gets."""

    connection: socket.socket

    def echoes(self, text: str) -> bool:
        """Send a text and wait for its return; False if the connection has ended. Silence fails the test."""
        data, mask = text.encode(), os.urandom(4)
        assert len(data) < 126
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        try:
            self.connection.sendall(bytes([0x81, 0x80 | len(data)]) + mask + masked)
            head = self._read(2)
            assert head[0] == 0x81, f"a frame {head.hex()} came instead of the text"
            return self._read(head[1]) == data
        except (ConnectionError, EOFError):
            return False

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.connection.recv(size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data


@contextlib.contextmanager
def websocket(cluster: ClusterProduct, host: str, cookie: str) -> Iterator[WebSocket]:
    """Open a WebSocket as the page of that address would."""
    key = base64.b64encode(os.urandom(16)).decode()
    scheme = urlsplit(cluster.url).scheme
    lines = (
        f"GET /talk HTTP/1.1\r\nHost: {host}\r\nOrigin: {scheme}://{host}\r\nCookie: {cookie}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    with cluster.connect(host) as connection:
        connection.settimeout(_TIMEOUT)
        connection.sendall(lines.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            assert byte, head
            head += byte
        assert status(head) == 101, head
        yield WebSocket(connection)
