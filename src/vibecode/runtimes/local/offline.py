"""Workspaces that run on while no server does: counted, and stopped, without starting one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from vibecode.domain.workspace import Event
from vibecode.runtimes.local.context import Options
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.store import WorkspaceRecord, WorkspaceStore
from vibecode.runtimes.local.sweeping import sweep
from vibecode.runtimes.local.table import ProcessTable

STOPPED = "Stopped by `vibecode down`."
"""Reason of a workspace that was stopped without a server."""


def running_in(data: DataFolder) -> list[str]:
    """Return the ids of the workspaces of a data folder that have processes, by the marks of these. Blocks."""
    members = ProcessTable().scan().members
    return sorted(
        workspace_id
        for workspace_id, processes in members.items()
        if (data.workspaces / workspace_id).is_dir() and any(process.pid != os.getpid() for process in processes)
    )


async def stop_all(data: DataFolder, store: WorkspaceStore, *, on_stop: Callable[[str], None]) -> int:
    """Stop all workspaces that run without a server; return how many.

    Parameters
    ----------
    data
        Their data folder, locked by the caller so that no server comes in between.
    store
        Keeps their records.
    on_stop
        Is called with the name of each before it is stopped.

    Raises
    ------
    DataFolderUnusable
        The records can't be written.
    """
    table = ProcessTable()
    running = await asyncio.to_thread(running_in, data)
    records = {record.id: record for record in await store.load()}

    async def stop(workspace_id: str) -> None:
        record = records.get(workspace_id)
        if record is not None:
            on_stop(record.spec.name)
            # First, so that the next server does not start it again if this is cut short.
            await _write_down(store, record)
        await sweep(table, workspace_id, session=None, grace=Options().grace)
        if record is not None:
            data.workspace(workspace_id, record.spec.name).process_file.unlink(missing_ok=True)

    await asyncio.gather(*(stop(workspace_id) for workspace_id in running))
    return len(running)


async def _write_down(store: WorkspaceStore, record: WorkspaceRecord) -> None:
    if record.wants_running:
        await store.save(replace(record, wants_running=False, failed=False, reason=STOPPED))
        await store.add_event(record.id, Event(at=datetime.now(UTC), kind="stopped", message=STOPPED))
