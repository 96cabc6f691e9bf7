"""How much, and how long, the edge puts up with."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import Final

HEAD_LIMIT: Final = 64 * 1024
"""Most bytes in the head of a request or response."""

BACKLOG: Final = 1024
"""Connections that wait to be accepted."""

WRITE_HIGH: Final = 256 * 1024
"""Bytes waiting to be written at which reading from the other side stops."""

WRITE_LOW: Final = 64 * 1024
"""Bytes waiting to be written at which reading goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of an edge; times are in seconds. Nothing limits how long a stream may last."""

    connections: int = 10_000
    """Client connections at a time; more are answered 503. Fewer if the process may not open enough files."""
    body_size: int = 1024 * 1024
    """Most bytes that a request to the control plane may bring: it is sent before anybody knows who sends it."""
    body_timeout: float = 30.0
    """From a request to the control plane to the end of its body, however steadily that comes."""
    upload_timeout: float = 300.0
    """Between two pieces of a body for a workspace."""
    head_timeout: float = 15.0
    """From the first byte of a request to the end of its head."""
    idle_timeout: float = 75.0
    """Between requests on a connection that is kept alive."""
    connect_timeout: float = 10.0
    """To connect to an upstream."""
    linger_timeout: float = 5.0
    """To let a client read an early answer while it still sends the body that nobody reads."""
    half_closed_timeout: float = 60.0
    """For a WebSocket of which one side has ended."""
    upstream_idle: float = 4.0
    """An unused upstream connection is kept so long: less than Node's and uvicorn's own limit of 5 s."""
    upstream_spare: int = 32
    """Unused connections kept for one upstream."""
    tick: float = 1.0
    """How often time limits are looked at."""


_FILES_PER_CONNECTION: Final = 3
"""A client's connection, the one to an upstream, and the other end of that where the control plane answers."""
_OTHER_FILES: Final = 64
"""What is open besides: listeners, database, logs, pipes."""
_LEAST: Final = 16


def connections_possible() -> int:
    """Return how many client connections the limit on open files of this process leaves room for, at present."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(_LEAST, (soft - _OTHER_FILES) // _FILES_PER_CONNECTION)
