"""Workspaces that were deleted with their files kept: what their owners can have back, or have removed for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from vibecode.domain.errors import WorkspaceNotFound
from vibecode.domain.workspace import Phase, Usage, Workspace, WorkspaceSpec
from vibecode.runtimes.local import removal
from vibecode.runtimes.local.context import Context
from vibecode.runtimes.local.files import disk_usage, unusable
from vibecode.runtimes.local.layout import WorkspacePaths
from vibecode.runtimes.local.store import WorkspaceRecord


class KeptFiles:
    """The records of deleted workspaces whose files are kept, one for each name and owner.

    Parameters
    ----------
    context
        What all workspaces share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._records: dict[tuple[str, str], WorkspaceRecord] = {}
        self._sizes: dict[str, int] = {}
        self._measuring = asyncio.Lock()

    def add(self, record: WorkspaceRecord) -> None:
        """Add a workspace that was deleted."""
        self._records[record.spec.name, record.spec.owner] = record

    def get(self, name: str, owner: str) -> WorkspaceRecord | None:
        """Return what is kept of an owner's workspace; None if nothing is."""
        return self._records.get((name, owner))

    async def bring_back(self, record: WorkspaceRecord, spec: WorkspaceSpec) -> WorkspaceRecord:
        """Make a kept workspace a living one again, with what is asked of it now and the source it came from."""
        again = replace(
            record,
            spec=replace(spec, source=record.spec.source),
            revision=record.revision + 1,
            wants_running=True,
            failed=False,
            reason="",
            last_active=datetime.now(UTC),
            deleted_at=None,
        )
        async with self._taken(record):
            await self._context.store.save(again)
        return again

    async def list(self, *, owner: str | None) -> Sequence[Workspace]:
        """Return them by name and owner, of one owner or all, with what they take on disk.

        Notes
        -----
        Nothing changes them, so each is measured once.
        """
        found = [record for _, record in sorted(self._records.items()) if owner in (None, record.spec.owner)]
        async with self._measuring:
            for record in found:
                if record.id not in self._sizes:
                    paths = self._paths(record)
                    self._sizes[record.id] = await disk_usage(paths.home, paths.files) or 0
        return [self._view(record) for record in found]

    async def purge(self, name: str, owner: str) -> None:
        """Remove what is kept of a workspace, for good.

        Raises
        ------
        WorkspaceNotFound
            Nothing is.
        DataFolderUnusable
            It can't be removed.
        """
        record = self.get(name, owner)
        if record is None:
            raise WorkspaceNotFound(f"No files of a workspace {name} of {owner} are kept.")
        paths = self._paths(record)
        try:
            async with self._taken(record):
                await removal.purge(self._context, record.id, paths)
        except OSError as error:
            raise unusable(error, paths.root) from error

    @asynccontextmanager
    async def _taken(self, record: WorkspaceRecord) -> AsyncIterator[None]:
        """Take a record out, so that nobody else takes it too; if what is done with it fails, it is back."""
        key = (record.spec.name, record.spec.owner)
        del self._records[key]
        try:
            yield
        except BaseException:
            self._records[key] = record
            raise
        self._sizes.pop(record.id, None)

    def _paths(self, record: WorkspaceRecord) -> WorkspacePaths:
        return self._context.data.workspace(record.id, record.spec.name)

    def _view(self, record: WorkspaceRecord) -> Workspace:
        deleted = "" if record.deleted_at is None else f" on {record.deleted_at:%Y-%m-%d}"
        return Workspace(
            id=record.id,
            spec=record.spec,
            phase=Phase.STOPPED,
            reason=f"Deleted{deleted}; its files are kept for its owner.",
            created_at=record.created_at,
            revision=record.revision,
            last_active=record.last_active,
            usage=Usage(storage=self._sizes.get(record.id, 0)),
        )
