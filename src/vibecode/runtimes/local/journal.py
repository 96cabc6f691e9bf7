"""Writing events in order, without anybody waiting for the database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from vibecode.domain.giturl import mask
from vibecode.domain.workspace import Event
from vibecode.runtimes.local.store import WorkspaceStore

_log = structlog.get_logger(__name__)


class Journal:
    """The events of all workspaces, on their way to the store.

    Parameters
    ----------
    store
        Keeps them.
    """

    def __init__(self, store: WorkspaceStore) -> None:
        self._store = store
        self._queue: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write(), name="workspace-events")

    async def close(self) -> None:
        """Write what is left, and end."""
        if self._task is not None:
            await self.flush()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def note(self, workspace_id: str, kind: str, message: str) -> None:
        """Add an event, secrets in URLs masked."""
        self._queue.put_nowait((workspace_id, Event(at=datetime.now(UTC), kind=kind, message=mask(message))))

    async def flush(self) -> None:
        """Wait until all that was noted is written."""
        if self._task is not None:
            await self._queue.join()

    async def _write(self) -> None:
        while True:
            workspace_id, event = await self._queue.get()
            try:
                await self._store.add_event(workspace_id, event)
            except Exception:
                # A full disk or a locked database loses an event, not the workspace that it is about.
                _log.exception("event not written", workspace=workspace_id, kind=event.kind)
            finally:
                self._queue.task_done()
