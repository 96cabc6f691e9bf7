"""Opening the public port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final

from vibecode.domain.errors import PortTaken
from vibecode.proxy.limits import BACKLOG

_LOOPBACK: Final = ("localhost", "127.0.0.1")

_TRIES: Final = 10
"""How many free ports are tried: one that is free at the first address may be taken at the second."""


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets.

    Parameters
    ----------
    host
        Address or name to listen on. ``localhost`` and ``127.0.0.1`` mean both loopback addresses, since browsers try
        ``::1`` first for names below ``.localhost``; a machine without IPv6 does with one.
    port
        TCP port; 0 picks a free one, the same for all addresses.

    Raises
    ------
    PortTaken
        If the port can't be had.
    """
    addresses = ["127.0.0.1", "::1"] if host in _LOOPBACK else [host]
    tries = _TRIES if port == 0 else 1
    while True:
        tries -= 1
        try:
            return _open_all(addresses, port)
        except PortTaken:
            if tries == 0:
                raise


def _open_all(addresses: Sequence[str], port: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                listener = _open(address, opened[0].getsockname()[1] if opened else port)
            except OSError as error:
                if opened and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue
                raise _explain(error, address, port) from error
            opened.append(listener)
    except PortTaken:
        for listener in opened:
            listener.close()
        raise
    return opened


def _open(address: str, port: int) -> socket.socket:
    family, kind, protocol, _, target = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # So that a restart needn't wait for old connections; it does not share the port with another listener.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(target)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _explain(error: OSError, address: str, port: int) -> PortTaken:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"Port {port} on {address} is in use by another program; choose another with --port.")
    if error.errno == errno.EACCES:
        return PortTaken(f"Port {port} on {address} needs more rights than you have; choose another with --port.")
    return PortTaken(f"Nothing can listen on {address}, port {port}: {error.strerror}.")
