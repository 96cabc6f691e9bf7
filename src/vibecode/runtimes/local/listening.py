"""The TCP ports that a workspace's own processes listen on."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vibecode.runtimes.local.sockets import listening_sockets
from vibecode.runtimes.local.table import Process, ProcessTable

_INTERNAL: Final = frozenset({"--type=ptyHost", "--type=fileWatcher", "--type=agentHost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listening TCP socket."""

    port: int
    address: str
    """Where to connect to it from this machine."""
    process: Process


def listeners(processes: Collection[Process]) -> list[Listener]:
    """Return the listening sockets of some processes, by port, one for each port. Blocks for some milliseconds.

    Notes
    -----
    A port of several sockets is reached by IPv4 if one of them does so: more programs bind that alone.
    """
    found: dict[int, Listener] = {}
    for listener in _read_linux(processes) if sys.platform == "linux" else _read_psutil(processes):
        known = found.get(listener.port)
        if known is None or (":" in known.address and ":" not in listener.address):
            found[listener.port] = listener
    return [found[port] for port in sorted(found)]


def without_editor(members: Sequence[Process], editor: int | None, table: ProcessTable) -> list[Process]:
    """Leave out the editor's own processes. What extensions run stays: live previews are served by them.

    Parameters
    ----------
    members
        Processes of a workspace.
    editor
        Pid of its editor, if it runs.
    table
        For the command lines.
    """
    root = next((member for member in members if member.pid == editor), None)
    script = "" if root is None else _script(table.command(root))
    kept = []
    for member in members:
        command = table.command(member)
        # code-server is two processes of one script.
        is_editor = member.pid == editor or (member.parent == editor and _script(command) == script)
        if not is_editor and not _INTERNAL.intersection(command):
            kept.append(member)
    return kept


def reachable(address: str) -> str:
    """Return the address to connect to for a socket that is bound to ``address``: loopback for a wildcard."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.is_unspecified:
        return "127.0.0.1" if parsed.version == 4 else "::1"
    return str(parsed)


def _read_linux(processes: Collection[Process]) -> Iterator[Listener]:
    sockets = {f"socket:[{found.inode}]": (found.address, found.port) for found in listening_sockets()}
    if not sockets:
        return
    for process in processes:
        folder = f"/proc/{process.pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - a Path for each of thousands costs too much
            except OSError:
                continue
            if target in sockets:
                bound, number = sockets[target]
                yield Listener(port=number, address=reachable(bound), process=process)


def _read_psutil(processes: Collection[Process]) -> Iterator[Listener]:
    import psutil

    for process in processes:
        try:
            for connection in psutil.Process(process.pid).net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr:
                    yield Listener(port=connection.laddr.port, address=reachable(connection.laddr.ip), process=process)
        except psutil.Error:
            continue


def _script(command: Sequence[str]) -> str:
    """Return the script that an interpreter runs; code-server's child is started without the suffix."""
    return command[1].removesuffix(".js") if len(command) > 1 else ""
