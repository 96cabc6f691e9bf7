"""Ports for servers that can't be told to choose one themselves."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from typing import Final

_FIRST: Final = 20_000
"""Below those that the system gives to whoever asks for any (from 32768), so that it gives none of ours away."""

_SHARE: Final = 4_000
"""How many each of the processes has that share the tests."""

_numbers = itertools.count()


def free_port() -> int:
    """Return a TCP port at which nothing listens; it is returned to nobody else for long."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 3
    while True:
        port = _FIRST + worker * _SHARE + next(_numbers) % _SHARE
        with socket.socket() as found, contextlib.suppress(OSError):
            # As servers do: what is left of connections of a while ago is in nobody's way.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(("", port))
            return port
