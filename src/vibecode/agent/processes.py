"""Being process 1: signals, children, orphans, and the end of all."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""Signals that ask the container to stop."""

_PR_SET_CHILD_SUBREAPER: Final = 36
_LOOK: Final = 0.1
"""Seconds between looks for processes that are nobody's children: whoever came by `kubectl exec`."""


class Processes:
    """Starts children, reaps them and all orphans, and hears signals.

    Only the main thread uses it. The kernel gives orphans to process 1, and keeps them as zombies until they are
    waited for.
    """

    def __init__(self) -> None:
        self.asked_to_stop = False
        self._ended: dict[int, int] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        if os.getpid() != 1:
            _become_subreaper()
        self._read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *STOPPING):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number in STOPPING:
            self.asked_to_stop = True

    def start(self, command: Sequence[str], *, folder: Path | None = None, variables: Mapping[str, str]) -> int:
        """Start a child in a session of its own, with our output; return its pid.

        Raises
        ------
        OSError
            The program isn't there.
        """
        child = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o022,
        )
        self._children[child.pid] = child
        return child.pid

    def ended(self, pid: int) -> int | None:
        """Return the exit code of a child that has ended (negative: the signal); None if it hasn't."""
        self._reap()
        return self._ended.get(pid)

    def wait(self, timeout: float, *, also: Sequence[int] = ()) -> bool:
        """Sleep until a signal comes, but no longer than ``timeout`` seconds.

        Parameters
        ----------
        timeout
            Seconds.
        also
            File descriptors; it wakes too when one can be read, and returns True.
        """
        readable, _, _ = select.select([self._read, *also], [], [], timeout)
        if self._read in readable:
            with suppress(BlockingIOError):
                while os.read(self._read, 4096):
                    pass
        return any(descriptor in readable for descriptor in also)

    def run(self, command: Sequence[str], *, variables: Mapping[str, str]) -> int | None:
        """Run a child to its end and return its exit code; None if we were asked to stop meanwhile.

        Raises
        ------
        OSError
            The program isn't there.
        """
        pid = self.start(command, variables=variables)
        while (code := self.ended(pid)) is None:
            if self.asked_to_stop:
                return None
            self.wait(3600)
        return code

    def end(self, pid: int, *, grace: float) -> None:
        """Ask a child to end, and wait for that for some seconds."""
        until = time.monotonic() + grace
        if self.ended(pid) is None:
            # It wasn't reaped, so the pid is still its own.
            for number in (signal.SIGTERM, signal.SIGCONT):
                os.kill(pid, number)
        while self.ended(pid) is None and (left := until - time.monotonic()) > 0:
            self.wait(left)

    def end_all(self, *, grace: float) -> None:
        """End everything in the container: ask, wait some seconds, kill.

        An interactive shell ignores SIGTERM but not SIGHUP, and a stopped job hears neither before SIGCONT.
        """
        until = time.monotonic() + grace
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
            self._signal_others(number)
        while self._others() and (left := until - time.monotonic()) > 0:
            self.wait(min(left, _LOOK))
            self._reap()
        until = time.monotonic() + 1
        while self._others() and time.monotonic() < until:
            # Each time: what was made while the others were counted has not been told yet.
            self._signal_others(signal.SIGKILL)
            self.wait(_LOOK)
            self._reap()

    def _signal_others(self, number: signal.Signals) -> None:
        if os.getpid() == 1:
            with suppress(ProcessLookupError):
                # Everybody in this container but process 1 (kill(2)).
                os.kill(-1, number)
            return
        for pid in self._others():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _others(self) -> list[int]:
        """Return the pids of all others in the container; of our descendants where we aren't its process 1."""
        from vibecode.runtimes.local.table import read_all

        self._reap()
        found = list(read_all())
        if os.getpid() == 1:
            return [process.pid for process in found if process.pid != 1]
        ours = {os.getpid()}
        # Parents come before children only by chance: until nothing is added.
        while added := {process.pid for process in found if process.parent in ours} - ours:
            ours |= added
        return sorted(ours - {os.getpid()})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                self._ended[pid] = child.returncode = os.waitstatus_to_exitcode(status)


def _become_subreaper() -> None:
    """Get orphans where something else is process 1: in a pod whose containers share their processes, or in tests."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def exit_words(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
