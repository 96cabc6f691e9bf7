"""Which process is meant, for certain.

A pid is used again after its process has gone. So a process is named by its pid and the moment it started, and it is
signalled through a handle (pidfd_open(2), Linux 5.3) that was checked after it was taken: a stranger is never hit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_of(pid: int, *, zombie: bool = False) -> str | None:
    """Return when a process started, as text that is equal only for the same process; None if it doesn't run.

    On Linux it is the boot's id and clock ticks since boot, which setting the clock doesn't change, unlike a time of
    day. A zombie runs only if ``zombie`` says so.
    """
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = text[text.rfind(")") + 2 :].split()
        return None if has_ended(fields) and not zombie else linux_start(fields[19])
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended and not zombie else f"{process.create_time():.1f}"
    except psutil.Error:
        return None


def has_ended(fields: Sequence[str]) -> bool:
    """Tell from the fields of ``/proc/<pid>/stat`` that follow the name whether a process has ended.

    A leader that has ended while its threads end is a zombie too, but not gone: they still hold everything.
    """
    return fields[0] in "ZX" and int(fields[17]) <= 1


def linux_start(ticks: str) -> str:
    """Spell a start time from the 22nd field of ``/proc/<pid>/stat`` (proc(5))."""
    return f"{_boot()}:{ticks}"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, never another that gets its pid later."""

    pid: int
    start: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Name a running process; None if there is none of that pid."""
        start = start_of(pid) if pid > 0 else None
        return None if start is None else cls(pid, start)

    @classmethod
    def of_child(cls, pid: int) -> ProcessId:
        """Name a child of ours that wasn't waited for, even if it has ended already."""
        return cls(pid, start_of(pid, zombie=True) or "")

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return start_of(self.pid) == self.start

    def send(self, signum: signal.Signals) -> bool:
        """Signal the process; False if it has gone (whoever has its pid now gets nothing) or isn't ours."""
        handle = self.handle()
        try:
            if handle is not None:
                signal.pidfd_send_signal(handle, signum)
                return True
            if not self.is_alive():
                return False
            os.kill(self.pid, signum)
        except (ProcessLookupError, PermissionError):
            return False
        else:
            return True
        finally:
            if handle is not None:
                os.close(handle)

    def handle(self) -> int | None:
        """Open a pidfd of this very process; None if it has gone or the system has none. The caller closes it."""
        if sys.platform != "linux":
            return None
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return None
        # Checked after opening: had the pid changed hands before, the start time would differ now.
        if self.is_alive():
            return handle
        os.close(handle)
        return None
