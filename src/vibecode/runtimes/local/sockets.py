"""The listening TCP sockets of this network namespace.

``/proc/net/tcp`` walks the table of all connections of the machine, which takes the kernel 10 ms where that table is
big, however few there are. So the kernel is asked for listening sockets alone, by netlink (sock_diag(7)): 0.1 ms.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST_DUMP: Final = 0x301
_ERROR: Final = 2
_DONE: Final = 3
_LISTEN: Final = 10
"""TCP_LISTEN, as the kernel numbers a socket's states."""
_HEADER: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBBxI48x")
_ADDRESS: Final = slice(8, 24)
_PORT_AT: Final = 4
_INODE_AT: Final = 68
"""Offsets in a struct inet_diag_msg."""
_ANSWER_LIMIT: Final = 2.0
_LARGEST: Final = 65536


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A socket that takes connections."""

    address: str
    """What it is bound to; ``0.0.0.0`` or ``::`` for all."""
    port: int
    inode: int
    """By which a process's descriptors name it."""


def listening_sockets() -> list[ListeningSocket]:
    """Return the sockets, whoever they belong to. Linux only."""
    try:
        return [*_ask(socket.AF_INET), *_ask(socket.AF_INET6)]
    except (OSError, struct.error):
        # Some sandboxes have no such netlink.
        return [*_read("tcp"), *_read("tcp6")]


def _ask(family: int) -> Iterator[ListeningSocket]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTEN)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as connection:
        connection.settimeout(_ANSWER_LIMIT)
        connection.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
        while True:
            data = connection.recv(_LARGEST)
            at = 0
            while at < len(data):
                length, kind, _, _, _ = _HEADER.unpack_from(data, at)
                message = data[at + _HEADER.size : at + length]
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", message)[0], "sock_diag refused")
                raw = message[_ADDRESS][: 4 if message[0] == socket.AF_INET else 16]
                yield ListeningSocket(
                    address=socket.inet_ntop(message[0], raw),
                    port=int.from_bytes(message[_PORT_AT : _PORT_AT + 2], "big"),
                    inode=struct.unpack_from("=I", message, _INODE_AT)[0],
                )
                # Messages begin at multiples of 4 (netlink(7)).
                at += (length + 3) & ~3


def _read(name: str) -> Iterator[ListeningSocket]:
    try:
        lines = Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if int(fields[3], 16) == _LISTEN:
            address, _, port = fields[1].partition(":")
            yield ListeningSocket(address=decode(address), port=int(port, 16), inode=int(fields[9]))


def decode(hexadecimal: str) -> str:
    """Read an address of ``/proc/net/tcp``: 32-bit words in the machine's byte order (proc(5))."""
    raw = bytes.fromhex(hexadecimal)
    words = [raw[at : at + 4][:: -1 if sys.byteorder == "little" else 1] for at in range(0, len(raw), 4)]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, b"".join(words))
