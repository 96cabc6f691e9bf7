"""Workspace stores for tests that aren't about the database."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

from vibecode.domain.errors import DataFolderUnusable, NameTaken
from vibecode.domain.workspace import Event
from vibecode.runtimes.local.store import WorkspaceRecord


class MemoryStore:
    """Keeps records in memory, and in a file too if one is given, so that another process can go on with them."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.records: dict[str, WorkspaceRecord] = {}
        self.log: list[tuple[str, Event]] = []
        if file is not None and file.exists():
            self.records, self.log = pickle.loads(file.read_bytes())

    async def load(self) -> Sequence[WorkspaceRecord]:
        return list(self.records.values())

    async def insert(self, record: WorkspaceRecord) -> None:
        if any(r.spec.name == record.spec.name and r.deleted_at is None for r in self.records.values()):
            raise NameTaken(f"{record.spec.name} is taken.", field="name")
        self.records[record.id] = record
        self._write()

    async def save(self, record: WorkspaceRecord) -> None:
        self.records[record.id] = record
        self._write()

    async def remove(self, workspace_id: str) -> None:
        self.records.pop(workspace_id, None)
        self.log = [(owner, event) for owner, event in self.log if owner != workspace_id]
        self._write()

    async def add_event(self, workspace_id: str, event: Event) -> None:
        self.log.append((workspace_id, event))
        self._write()

    async def events(self, workspace_id: str, *, limit: int) -> Sequence[Event]:
        return [event for owner, event in reversed(self.log) if owner == workspace_id][:limit]

    def _write(self) -> None:
        if self._file is not None:
            part = self._file.with_suffix(".part")
            part.write_bytes(pickle.dumps((self.records, self.log)))
            part.replace(self._file)


class FailingStore(MemoryStore):
    """A store whose disk can be full."""

    full = False

    async def save(self, record: WorkspaceRecord) -> None:
        if self.full:
            raise DataFolderUnusable("The disk is full: free some space.")
        await super().save(record)

    async def add_event(self, workspace_id: str, event: Event) -> None:
        if self.full:
            raise DataFolderUnusable("The disk is full: free some space.")
        await super().add_event(workspace_id, event)
