"""Seeing processes end, and ending them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from vibecode.runtimes.local.identity import ProcessId

_POLL: Final = 0.2
"""Seconds between looks where the system has no pidfd."""


class ExitWatch:
    """Calls back, once and at once, when a process has gone; works for processes that aren't our children.

    Parameters
    ----------
    process
        Which one.
    on_exit
        Called on the event loop.
    """

    def __init__(self, process: ProcessId, on_exit: Callable[[], None]) -> None:
        self._process = process
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._handle = process.handle()
        self._timer: asyncio.TimerHandle | None = None
        if self._handle is not None:
            self._loop.add_reader(self._handle, self._fire)
        else:
            self._poll()

    def _poll(self) -> None:
        if self._process.is_alive():
            self._timer = self._loop.call_later(_POLL, self._poll)
        else:
            self._timer = self._loop.call_later(0, self._fire)

    def _fire(self) -> None:
        self.close()
        self._on_exit()

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._handle is not None:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None


async def wait_gone(processes: Collection[ProcessId], *, timeout: float) -> list[ProcessId]:
    """Wait until processes have gone; return those that run after ``timeout`` seconds."""
    left = {process for process in processes if process.is_alive()}
    done = asyncio.Event()
    watches = []

    def gone(process: ProcessId) -> None:
        left.discard(process)
        if not left:
            done.set()

    try:
        watches = [ExitWatch(process, partial(gone, process)) for process in list(left)]
        if left:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await done.wait()
    finally:
        for watch in watches:
            watch.close()
    return [process for process in left if process.is_alive()]


async def end(processes: Collection[ProcessId], *, grace: float) -> None:
    """End processes: SIGTERM to all, ``grace`` seconds, SIGKILL to what is left.

    An interactive shell ignores SIGTERM but not SIGHUP, and a stopped job hears neither before SIGCONT.
    """
    asked = [process for process in processes if process.send(signal.SIGTERM)]
    for process in asked:
        process.send(signal.SIGHUP)
        process.send(signal.SIGCONT)
    for process in await wait_gone(asked, timeout=grace):
        process.send(signal.SIGKILL)
    await wait_gone(asked, timeout=grace)
