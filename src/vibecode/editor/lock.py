"""One installation at a time, also among processes."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

_WAIT: Final = 0.2
"""Seconds between two tries; flock can't be waited for without blocking the event loop."""


@asynccontextmanager
async def exclusive(path: Path, waiting: Callable[[], None]) -> AsyncIterator[int]:
    """Hold the lock on the file ``path``; yields its descriptor.

    A child process that inherits the descriptor keeps the lock while it lives, also if this process is killed.

    Parameters
    ----------
    path
        The file; it is made if it isn't there, and stays.
    waiting
        Is called once if somebody else holds the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while not _try_lock(descriptor):
            if not told:
                waiting()
                told = True
            await asyncio.sleep(_WAIT)
        try:
            yield descriptor
        finally:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
