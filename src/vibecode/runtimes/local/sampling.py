"""What the processes of a workspace use, and whether its terminals are busy."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from vibecode.domain.text import printable
from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.table import Process, ProcessTable, Snapshot

BUSY_CPU: Final = 0.02
"""Cores above which a command counts as busy. Dev servers that wait, pagers and editors stay well below it."""
SHELL_CPU: Final = 0.1
"""Cores above which a shell itself is busy, with a loop of its own rather than with a prompt and completions. The short
commands of a loop count here: none of them lives long enough to be seen."""
BUSY_IO: Final = 64 * 1024
"""Bytes a second, read and written, above which a command counts as busy: a download needs little CPU."""
MAX_COMMAND: Final = 60
"""Most characters of a command line that are shown."""

_PSS_EACH: Final = 6
_PSS_EVERY: Final = 60.0
_SHELLS: Final = frozenset({"bash", "zsh", "fish", "sh", "dash", "ksh", "tcsh", "csh", "nu", "pwsh", "elvish", "xonsh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a workspace did between the last two looks."""

    cpu: float
    """Cores."""
    memory: int
    """Bytes."""
    busy_command: str | None


@dataclass(slots=True)
class _Seen:
    workspace: str
    own: float
    waited: float
    io: int | None = None
    share: float = 1.0
    """Proportional part of its resident memory: shared pages count once for all that share them."""
    share_at: float = float("-inf")


class Sampler:
    """Compares each look at the processes with the one before.

    Parameters
    ----------
    table
        For the command lines.
    """

    def __init__(self, table: ProcessTable) -> None:
        self._table = table
        self._seen: dict[ProcessId, _Seen] = {}
        self._last: float | None = None

    def sample(self, snapshot: Snapshot, workspaces: Iterable[str], *, now: float) -> dict[str, Sample]:
        """Return the samples of some workspaces.

        Parameters
        ----------
        snapshot
            The processes now.
        workspaces
            Ids of those to look at.
        now
            Seconds on a monotonic clock.
        """
        interval = None if self._last is None or now <= self._last else now - self._last
        self._last = now
        before, self._seen = self._seen, {}
        samples = {}
        stale: list[tuple[float, Process]] = []
        for workspace in workspaces:
            members = snapshot.members.get(workspace, [])
            for process in members:
                seen = before.get(process.id)
                entry = _Seen(workspace, process.own, process.waited)
                if seen is not None:
                    entry.share, entry.share_at = seen.share, seen.share_at
                self._seen[process.id] = entry
                if now - entry.share_at >= _PSS_EVERY:
                    stale.append((entry.share_at, process))
            samples[workspace] = Sample(
                cpu=self._cpu(workspace, members, before, interval),
                memory=round(sum(process.resident * self._seen[process.id].share for process in members)),
                busy_command=self._busy(members, before, interval),
            )
        self._measure_shares(stale, now)
        return samples

    def _measure_shares(self, stale: list[tuple[float, Process]], now: float) -> None:
        # Reading it makes the kernel walk the page tables: some at a time, the longest unread and largest first.
        stale.sort(key=lambda item: (item[0], -item[1].resident))
        for _, process in stale[:_PSS_EACH]:
            proportional = _read_pss(process.pid)
            entry = self._seen[process.id]
            entry.share_at = now
            if proportional is not None and process.resident > 0:
                entry.share = min(1.0, proportional / process.resident)

    def _cpu(
        self, workspace: str, members: list[Process], before: dict[ProcessId, _Seen], interval: float | None
    ) -> float:
        if interval is None:
            return 0.0
        own = sum(_used(process, before, interval, waited=False) for process in members)
        arrived = sum(_used(process, before, interval) for process in members) - own
        # The whole life of a child arrives at its parent when it ends: what was counted before must not count again.
        counted = sum(
            seen.own + seen.waited
            for process, seen in before.items()
            if seen.workspace == workspace and process not in self._seen
        )
        return round((own + max(0.0, arrived - counted)) / interval, 3)

    def _busy(self, members: list[Process], before: dict[ProcessId, _Seen], interval: float | None) -> str | None:
        children: dict[int, list[Process]] = {}
        for process in members:
            children.setdefault(process.parent, []).append(process)
        busiest: tuple[float, Sequence[str]] | None = None
        for host in members:
            if "--type=ptyHost" not in self._table.command(host):
                continue
            for terminal in children.get(host.pid, []):
                for command, score in self._commands(terminal, children, before, interval):
                    if score > 0 and (busiest is None or score > busiest[0]):
                        busiest = (score, command)
        return None if busiest is None else short_command(busiest[1])

    def _commands(
        self,
        terminal: Process,
        children: dict[int, list[Process]],
        before: dict[ProcessId, _Seen],
        interval: float | None,
    ) -> Iterable[tuple[Sequence[str], float]]:
        """Yield what was started in a terminal, with how busy it and what it started are (0 if they aren't)."""
        below = children.get(terminal.pid, [])
        arguments = self._table.command(terminal)
        for command in below:
            words = self._table.command(command)
            if not words or words == arguments:
                # The shell's own fork, before it becomes a command or for a subshell.
                words = (command.name,)
            yield words, self._activity(_tree(command, children), before, interval)
        is_prompt = PurePosixPath(terminal.name.lstrip("-")).name in _SHELLS and "-c" not in arguments[1:3]
        if is_prompt:
            if interval is not None and _used(terminal, before, interval) / interval >= SHELL_CPU:
                yield (terminal.name.lstrip("-"),), SHELL_CPU
        elif not below:
            yield arguments or (terminal.name,), self._activity([terminal], before, interval)

    def _activity(self, processes: list[Process], before: dict[ProcessId, _Seen], interval: float | None) -> float:
        cpu = 0.0
        moved = 0
        for process in processes:
            entry = self._seen[process.id]
            entry.io = _read_io(process.pid)
            if interval is None:
                continue
            cpu += _used(process, before, interval)
            seen = before.get(process.id)
            if entry.io is not None:
                if seen is not None and seen.io is not None:
                    moved += max(0, entry.io - seen.io)
                elif seen is None and process.age <= interval:
                    moved += entry.io
        if interval is None:
            return 0.0
        cores = cpu / interval
        rate = moved / interval
        return cores + rate / 1e9 if cores >= BUSY_CPU or rate >= BUSY_IO else 0.0


def short_command(arguments: Sequence[str]) -> str:
    """Return a command line for people: the program's name without its folder, one line, at most 60 characters."""
    first, *rest = arguments
    text = " ".join([PurePosixPath(first).name or first, *rest])
    text = " ".join(printable(" ".join(text.split())).split())
    return text if len(text) <= MAX_COMMAND else text[: MAX_COMMAND - 1].rstrip() + "…"


def _used(process: Process, before: dict[ProcessId, _Seen], interval: float, *, waited: bool = True) -> float:
    """Return the CPU seconds of a process, and of children that it waited for, since the last look."""
    seen = before.get(process.id)
    if seen is None:
        # Started since the last look: all of its time. Older but not seen before: not known.
        return process.own + (process.waited if waited else 0.0) if process.age <= interval else 0.0
    used = max(0.0, process.own - seen.own)
    return used + max(0.0, process.waited - seen.waited) if waited else used


def _tree(root: Process, children: dict[int, list[Process]]) -> list[Process]:
    found = [root]
    for process in found:
        found.extend(children.get(process.pid, []))
    return found


def _read_pss(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def _read_io(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    values = dict(line.split(": ", 1) for line in lines if ": " in line)
    return int(values.get("rchar", 0)) + int(values.get("wchar", 0))
