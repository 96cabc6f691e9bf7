"""What a workspace is at the moment, and the telling of everybody who wants to know."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from vibecode.domain.workspace import Phase, Source, Usage, Workspace
from vibecode.runtimes.base import Change, ProcessActivity
from vibecode.runtimes.local.context import Context
from vibecode.runtimes.local.editor_process import EditorProcess
from vibecode.runtimes.local.logs import WorkspaceLog
from vibecode.runtimes.local.ports import TemplateExtras
from vibecode.runtimes.local.store import WorkspaceRecord
from vibecode.runtimes.sources import describe


class WorkspaceState:
    """Record, observed state and outside view of one workspace.

    Parameters
    ----------
    record
        Its durable part.
    context
        What all workspaces share.
    """

    def __init__(self, record: WorkspaceRecord, context: Context) -> None:
        self.record = record
        self.context = context
        self.paths = context.data.workspace(record.id, record.spec.name)
        self.log = WorkspaceLog(self.paths.logs, context.watcher)
        self.process: EditorProcess | None = None
        self.activity: ProcessActivity | None = None
        self.extras = TemplateExtras()
        self.extensions_tried = False
        """Whether this start has waited for its extensions already."""
        self.storage_due = True
        """Whether its size on disk should be measured soon."""
        self.is_leaving = False
        """Whether it is being deleted."""
        self.is_gone = False
        self._phase = Phase.PENDING
        self._reason = ""
        self._usage = Usage()
        self._idle: tuple[str, datetime | None] | None = None
        self._last_active = record.last_active
        self._save_lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self.workspace = self._view()

    @property
    def phase(self) -> Phase:
        """Where it is in its life."""
        return self._phase

    def show(self, phase: Phase, reason: str) -> None:
        """Set phase and reason, and tell everybody if that is a change."""
        if phase is not Phase.RUNNING:
            self._idle = None
            self.activity = None
            self._usage = Usage(storage=self._usage.storage)
        self._phase, self._reason = phase, reason
        self.refresh()

    def refresh(self) -> None:
        """Build the outside view again; tell everybody if it changed."""
        view = self._view()
        if view != self.workspace:
            self.workspace = view
            self.tell(view)

    def tell(self, view: Workspace | None) -> None:
        """Tell everybody what it looks like now; None says that it is gone."""
        self.context.changes.publish(Change(name=self.record.spec.name, owner=self.record.spec.owner, workspace=view))
        self._changed.set()
        self._changed = asyncio.Event()

    def _view(self) -> Workspace:
        running = self._phase is Phase.RUNNING
        process = self.process if running else None
        reason, stops_at = self._idle if running and self._idle is not None else (self._reason, None)
        current = self.context.current_version
        return Workspace(
            id=self.record.id,
            spec=self.record.spec,
            phase=self._phase,
            reason=reason,
            created_at=self.record.created_at,
            revision=self.record.revision,
            started_at=process.ready_at if process else None,
            last_active=self._last_active,
            usage=self._usage,
            stops_at=stops_at,
            editor_version=process.version if process else None,
            update_waits=process is not None and current is not None and process.version != current,
        )

    def set_usage(self, *, cpu: float, memory: int, activity: ProcessActivity) -> None:
        """Take over a sample of its processes."""
        if self._phase is Phase.RUNNING:
            self.activity = activity
            self._usage = replace(self._usage, cpu=round(cpu, 2), memory=memory)
            self.refresh()

    def set_storage(self, size: int) -> None:
        """Take over what its folders measure, in bytes."""
        self._usage = replace(self._usage, storage=size)
        self.refresh()

    def set_idle_state(self, *, reason: str, stops_at: datetime | None, last_active: datetime) -> None:
        """Take over the words of the idleness decision. They show while it runs."""
        self._last_active = last_active
        if self._phase is Phase.RUNNING:
            self._idle = (reason, stops_at)
        self.refresh()

    async def save_last_active(self) -> None:
        """Make the last activity durable, if it has moved."""
        if self._last_active != self.record.last_active and not self.is_leaving:
            await self.save()

    async def wait_ready(self) -> bool:
        """Wait until it runs; False when it failed or was deleted."""
        while True:
            changed = self._changed
            if self._phase is Phase.RUNNING:
                return True
            if self._phase is Phase.FAILED or self.is_gone:
                return False
            await changed.wait()

    async def save(self, **changes: Any) -> None:
        """Change the record, durably first. A failure leaves everything as it was."""
        async with self._save_lock:
            await self._save(changes)

    async def _save(self, changes: dict[str, Any]) -> None:
        record = replace(self.record, last_active=self._last_active, **changes)
        await self.context.store.save(record)
        self.record = record

    async def save_provisioned(self, source: Source) -> None:
        """Record that its files are complete, and what they came from."""
        async with self._save_lock:
            await self._save({"provisioned": True, "spec": replace(self.record.spec, source=source)})
        self.refresh()

    @property
    def starting_phase(self) -> Phase:
        """What a start that has begun is: pending until its files are made."""
        return Phase.STARTING if self.record.provisioned else Phase.PENDING

    def begin_words(self) -> str:
        """Say what a start does first."""
        return "starting its editor" if self.record.provisioned else describe(self.record.spec.source)
