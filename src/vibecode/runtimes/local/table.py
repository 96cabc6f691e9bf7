"""The processes of this machine, and which workspace each belongs to.

A process group or session is not enough: a terminal's shell has its own session, and what it starts can leave that
again. So every process of a workspace carries a mark in its environment, and what a member starts is a member, even if
it dropped the mark.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from vibecode.domain.text import printable
from vibecode.runtimes.local.identity import ProcessId, has_ended, linux_start

MARKER: Final = "VIBECODE_WORKSPACE_ID"
"""Environment variable that says which workspace a process belongs to."""

_SETTLE: Final = 2.0
"""Seconds after its start in which a process may still be between fork and exec, with its parent's environment."""


@dataclass(slots=True)
class Process:
    """A process at one moment. Times are seconds of CPU, memory is bytes."""

    id: ProcessId
    parent: int
    session: int
    name: str
    age: float
    own: float
    """CPU time of itself."""
    waited: float
    """CPU time of the children that it has waited for."""
    resident: int
    workspace: str | None = None

    @property
    def pid(self) -> int:
        """Its pid."""
        return self.id.pid


@dataclass(slots=True)
class Snapshot:
    """All processes at one moment."""

    processes: dict[int, Process] = field(default_factory=dict)
    members: dict[str, list[Process]] = field(default_factory=dict)
    """By id of workspace."""


class ProcessTable:
    """Reads the processes and remembers what doesn't change about them.

    It blocks for some milliseconds: it is for threads, several at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[ProcessId, str | None] = {}
        self._commands: dict[ProcessId, tuple[str, ...]] = {}

    def scan(self) -> Snapshot:
        """Read all processes."""
        with self._lock:
            snapshot = Snapshot({process.pid: process for process in read_all()})
            known = {
                process.id: self._known[process.id]
                for process in snapshot.processes.values()
                if process.id in self._known
            }
            for process in snapshot.processes.values():
                workspace = self._workspace_of(process, snapshot, known)
                process.workspace = workspace
                if workspace is not None:
                    snapshot.members.setdefault(workspace, []).append(process)
            self._known = known
            self._commands = {key: value for key, value in self._commands.items() if key in known}
            return snapshot

    def scan_container(self, workspace: str) -> Snapshot:
        """Read all processes where all but this one belong to one workspace: in a container of its own."""
        with self._lock:
            snapshot = Snapshot({process.pid: process for process in read_all()})
            members = [process for process in snapshot.processes.values() if process.pid != os.getpid()]
            for process in members:
                process.workspace = workspace
            snapshot.members[workspace] = members
            present = {process.id for process in members}
            self._commands = {key: value for key, value in self._commands.items() if key in present}
            return snapshot

    def command(self, process: Process) -> tuple[str, ...]:
        """Return the arguments of a process; empty if it has gone."""
        with self._lock:
            command = self._commands.get(process.id)
            if command is None:
                command = read_command(process.pid)
                if process.age > _SETTLE:
                    self._commands[process.id] = command
            return command

    def program(self, process: Process) -> str:
        """Return the name of its program. What the kernel tells is the name of a thread: Node's is ``MainThread``."""
        command = self.command(process)
        # A process gives itself any title, and one that is a terminal's order too.
        name = PurePosixPath(command[0].split(" ", 1)[0]).name if command else ""
        return printable(name or process.name)

    def _workspace_of(self, process: Process, snapshot: Snapshot, known: dict[ProcessId, str | None]) -> str | None:
        chain: list[Process] = []
        found: str | None = None
        current: Process | None = process
        while current is not None and current.pid != os.getpid():
            if current.id in known:
                found = known[current.id]
            else:
                chain.append(current)
                found = _read_marker(current.pid)
            if found is not None or len(chain) > len(snapshot.processes):
                break
            current = snapshot.processes.get(current.parent)
        for link in chain:
            # "No" is kept only of those that are settled: a later exec changes the environment, hardly ever after that.
            if found is not None or link.age > _SETTLE:
                known[link.id] = found
        return found


def read_command(pid: int) -> tuple[str, ...]:
    """Return the arguments of a process; empty if it has gone or isn't ours to look at."""
    if sys.platform == "linux":
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ()
        return tuple(part.decode(errors="replace") for part in raw.rstrip(b"\0").split(b"\0"))
    import psutil

    try:
        return tuple(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ()


def _read_marker(pid: int) -> str | None:
    if sys.platform == "linux":
        try:
            raw = Path(f"/proc/{pid}/environ").read_bytes()
            wanted = f"{MARKER}=".encode()
            at = 0 if raw.startswith(wanted) else raw.find(b"\0" + wanted) + 1
            if (at == 0 and not raw.startswith(wanted)) or Path(f"/proc/{pid}").stat().st_uid != os.geteuid():
                return None
        except OSError:
            return None
        return raw[at + len(wanted) :].split(b"\0", 1)[0].decode(errors="replace") or None
    import psutil

    try:
        process = psutil.Process(pid)
        return process.environ().get(MARKER) if process.uids().effective == os.geteuid() else None
    except psutil.Error:
        return None


def read_all() -> Iterator[Process]:
    """Yield all processes of this machine, or of this container."""
    if sys.platform == "linux":
        yield from _read_linux()
        return
    import psutil

    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times, started = process.cpu_times(), process.create_time()
                yield Process(
                    id=ProcessId(process.pid, f"{started:.1f}"),
                    parent=process.ppid(),
                    session=os.getsid(process.pid),
                    name=process.name(),
                    age=time.time() - started,
                    own=times.user + times.system,
                    waited=0.0,
                    resident=process.memory_info().rss,
                )
        except (psutil.Error, OSError):
            continue


def _read_linux() -> Iterator[Process]:
    tick = os.sysconf("SC_CLK_TCK")
    page = os.sysconf("SC_PAGE_SIZE")
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names are all that is needed, for thousands, every few seconds
        if not entry.isdigit():
            continue
        try:
            descriptor = os.open(f"/proc/{entry}/stat", os.O_RDONLY | os.O_CLOEXEC)
            try:
                text = os.read(descriptor, 4096).decode(errors="replace")
            finally:
                os.close(descriptor)
        except OSError:
            continue
        # The name is in brackets and can hold spaces and brackets itself (proc(5)).
        name, _, rest = text.partition("(")[2].rpartition(")")
        field_ = rest.split()
        if has_ended(field_):
            continue
        yield Process(
            id=ProcessId(int(entry), linux_start(field_[19])),
            parent=int(field_[1]),
            session=int(field_[3]),
            name=name,
            age=uptime - int(field_[19]) / tick,
            own=(int(field_[11]) + int(field_[12])) / tick,
            waited=(int(field_[13]) + int(field_[14])) / tick,
            resident=int(field_[21]) * page,
        )
