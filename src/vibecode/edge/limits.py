"""How much the tunnel puts up with, and what that takes of memory at most."""

from __future__ import annotations

import resource
import socket
import sys
from dataclasses import dataclass
from typing import Final

SOCKET_BUFFER: Final = 32 * 1024
"""Bytes that are asked for as each socket's buffers, in both directions. Within a cluster that is no brake: 32 KiB at
0.5 ms are 64 MB/s for each WebSocket."""

_KERNEL: Final = 2 * SOCKET_BUFFER
"""Linux takes twice what is asked for, its own bookkeeping included, and counts it as the container's (socket(7))."""
_READ: Final = _KERNEL
"""One read returns no more than was waiting in the socket. It is written at once. If not all of it can be, reading
stops until it is (:data:`WRITE_HIGH` is 0), so there is never more than one read on its way in each direction."""
_OBJECTS: Final = 32 * 1024
"""Transports, protocols and detector of one connection, with what the allocator rounds up."""

WRITE_HIGH: Final = 0
"""Bytes waiting to be written at which reading from the other side stops. A limit above 0 would count bytes, while a
million pieces of one byte each take a hundred times as much."""

PER_CONNECTION: Final = 4 * _KERNEL + 2 * _READ + _OBJECTS
"""Bytes that one WebSocket takes at most: 416 KiB. Two sockets with two buffers each, and a read in each direction. So
it is where neither side reads and both send, which those who have a workspace can bring about. While it is opened, a
head may wait in the place of each of the reads."""
BASE: Final = 64 * 1024 * 1024
"""Bytes for the process itself (30 MiB), and for reports of all connections."""

_FILES_PER_CONNECTION: Final = 2
_OTHER_FILES: Final = 64
_LEAST: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelLimits:
    """Limits of a tunnel; times are in seconds."""

    connections: int = 10_000
    """WebSockets at a time; fewer if the process may not open enough files."""
    per_session: int = 200
    """Of one session, to one workspace: a tab of the editor has two or three; each preview is a session of its own."""
    per_workspace: int = 500
    """To one workspace, of all sessions."""
    head_timeout: float = 15.0
    """From a connection to the end of its request's head."""
    connect_timeout: float = 10.0
    """To connect to a workspace."""
    half_closed_timeout: float = 60.0
    """For a WebSocket of which one side has ended."""
    report_interval: float = 5.0
    """Between two reports: a revoked session's WebSockets end within it and the next report's answer."""


def fitting(memory: int) -> int:
    """Return how many WebSockets fit in so many bytes of memory, whatever those who use them do.

    Parameters
    ----------
    memory
        What the container may use.
    """
    return max(_LEAST, (memory - BASE) // PER_CONNECTION)


def possible() -> int:
    """Return how many WebSockets the limit on open files of this process leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(_LEAST, (soft - _OTHER_FILES) // _FILES_PER_CONNECTION)


def limit_buffers(connection: socket.socket | None) -> None:
    """Bound what the kernel keeps of a connection, or of all that a listener will accept."""
    if connection is not None:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
