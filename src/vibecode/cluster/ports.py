"""Ports of this machine for the cluster's edge: 80 and 443, or the first free ones that people would guess."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vibecode.cluster.errors import ClusterUnavailable

_TRIES: Final = 100
"""How many ports are looked at beyond the first."""

_UNPRIVILEGED: Final = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPorts:
    """Where the cluster's edge is reached on this machine. They can't change while the cluster lives."""

    address: str
    http: int
    https: int


def choose(
    address: str, *, is_free: Callable[[str, int], bool] | None = None, least: int = 1, without: Collection[int] = ()
) -> HostPorts:
    """Choose ports.

    Parameters
    ----------
    address
        IP address of this machine to listen on.
    is_free
        Tells whether nobody listens there.
    least
        Lowest port that Docker may take.
    without
        Ports that turned out to be taken.

    Raises
    ------
    ClusterUnavailable
        All that were looked at are taken.
    """
    look = is_free or is_port_free
    chosen: list[int] = []
    for usual, first in ((80, 8080), (443, 8443)):
        candidates = (usual, *range(first, first + _TRIES))
        port = next(
            (
                port
                for port in candidates
                if port >= least and port not in without and port not in chosen and look(address, port)
            ),
            None,
        )
        if port is None:
            raise ClusterUnavailable(
                f"Port {usual} and all of {first} to {first + _TRIES - 1} on {address} are taken: free one of them."
            )
        chosen.append(port)
    return HostPorts(address=address, http=chosen[0], https=chosen[1])


def is_port_free(address: str, port: int) -> bool:
    """Tell whether nobody listens on a port, also where only a privileged program could."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            # Two may bind an address that is to be reused, but only one may listen.
            probe.listen(1)
        except PermissionError:
            return not _answers(address, port)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ClusterUnavailable(f"{address} is no address of this machine: change VIBECODE_HOST.") from None
            return False
    return True


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((reachable(address), port), timeout=2):
            return True
    except OSError:
        return False


def reachable(address: str) -> str:
    """Return the address to connect to for one that is listened on: a loopback one where that is all of them.

    Parameters
    ----------
    address
        An IP address, or nothing, as Docker may say for all of them.
    """
    try:
        listening = ipaddress.ip_address(address)
    except ValueError:
        return "127.0.0.1"
    if listening.is_unspecified:
        return "127.0.0.1" if listening.version == 4 else "::1"
    return address


def least_port(*, rootless: bool, setting: Path = _UNPRIVILEGED) -> int:
    """Return the lowest port that Docker may take: as root any, otherwise what the kernel allows to all."""
    if not rootless:
        return 1
    try:
        return int(setting.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024


def words(ports: HostPorts) -> str | None:
    """Return the announcement of ports that are not the usual ones; None if they are."""
    unusual = [
        f"port {usual} is taken, so {port} is used for {name}"
        for name, usual, port in (("http", 80, ports.http), ("https", 443, ports.https))
        if port != usual
    ]
    if not unusual:
        return None
    sentence = " and ".join(unusual)
    return f"{sentence[0].upper()}{sentence[1:]}; the cluster keeps them for its life."
