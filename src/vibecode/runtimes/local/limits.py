"""How many files may be open: many in the server, and in workspaces as many as its user has set.

A server holds two or more for each open tab. Programs in workspaces should find what they would find in a terminal of
their own: some make a list of all possible files, and are slow or fail with a high limit.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from typing import Final

_ENOUGH: Final = 1 << 20
"""Files that no server gets to. A limit above makes programs slow that close all possible files."""
_DARWIN_MOST: Final = 10240
"""OPEN_MAX: macOS refuses a higher one, although it says that there is no limit."""

original_nofile: int | None = None
"""Soft limit that this process was started with; None while it still has it."""


def raise_nofile() -> int:
    """Let this process open as many files as it may; return how many. Call it once, when a server starts."""
    global original_nofile
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if sys.platform == "darwin":
        most = min(most, _DARWIN_MOST)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return soft
    if original_nofile is None:
        original_nofile = soft
    return most


def restore_for(pid: int) -> None:
    """Give a child that was just started the soft limit that this process was started with.

    It may have gone already. Systems other than Linux can't change another process's limit; there it keeps ours.
    """
    if original_nofile is not None and sys.platform == "linux":
        with contextlib.suppress(OSError):
            hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (original_nofile, hard))
