"""Ending the processes of a workspace, wherever they have gone to."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from vibecode.runtimes.local.ending import end
from vibecode.runtimes.local.table import Process, ProcessTable

_SWEEPS: Final = 4
"""Times that a sweep looks again for what was started in the meantime."""


def members_of(table: ProcessTable, workspace_id: str) -> list[Process]:
    """Return the processes of a workspace. We are none, even if we were started in one's terminal. Blocks."""
    members = table.scan().members.get(workspace_id, [])
    return [process for process in members if process.pid != os.getpid()]


async def sweep(table: ProcessTable, workspace_id: str, *, session: int | None, grace: float) -> int:
    """End processes of a workspace; return how many there were.

    Parameters
    ----------
    table
        Finds them.
    workspace_id
        Whose.
    session
        Only those of this session; all if None.
    grace
        Seconds between asking them to end and killing them.
    """
    ended = 0
    for _ in range(_SWEEPS):
        found = await asyncio.to_thread(members_of, table, workspace_id)
        members = [process for process in found if session is None or process.session == session]
        if not members:
            break
        ended += len(members)
        await end([process.id for process in members], grace=grace)
    return ended
