"""What all supervisors share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from vibecode.runtimes.changes import Changes
from vibecode.runtimes.local.gate import Gate
from vibecode.runtimes.local.journal import Journal
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.ports import EditorProvider, Provisioner
from vibecode.runtimes.local.store import WorkspaceStore
from vibecode.runtimes.local.sweeping import members_of, sweep
from vibecode.runtimes.local.table import Process, ProcessTable
from vibecode.runtimes.local.watcher import FolderWatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Limits, in seconds unless said otherwise."""

    grace: float = 10.0
    """Between asking a process to end and killing it."""
    ready_limit: float = 60.0
    """Within which an editor has to be ready."""
    back_off: float = 1.0
    """Before the restart after a first crash; doubles with each."""
    max_back_off: float = 60.0
    healthy_after: float = 300.0
    """After which a crash is the first one again."""
    max_crashes: int = 3
    """Crashes in a row, each within ``healthy_after`` of its start, that make a workspace failed."""
    sample_every: float = 5.0
    measure_storage_every: float = 300.0
    allow_local_sources: bool = False
    """Whether ``file://`` and paths can be cloned: they read what the server can read."""


@dataclass(slots=True, kw_only=True)
class Context:
    """The parts that supervisors work with."""

    data: DataFolder
    store: WorkspaceStore
    editor: EditorProvider
    provisioner: Provisioner
    agent_url: Callable[[], str]
    dashboard_url: Callable[[], str]
    token_for: Callable[[str], str]
    proxy_uri: Callable[[str], str]
    options: Options
    starts: Gate
    clones: Gate
    journal: Journal
    changes: Changes = field(default_factory=Changes)
    table: ProcessTable = field(default_factory=ProcessTable)
    watcher: FolderWatcher = field(default_factory=FolderWatcher)
    current_version: str | None = None
    """Editor version in use for new starts, as last looked."""

    def members_now(self, workspace_id: str) -> list[Process]:
        """Return the processes of a workspace. This server is none, even if it was started in one's terminal."""
        return members_of(self.table, workspace_id)

    async def members(self, workspace_id: str) -> list[Process]:
        """Return :meth:`members_now`, looked up in a thread."""
        return await asyncio.to_thread(self.members_now, workspace_id)

    async def sweep(self, workspace_id: str, *, session: int | None = None, grace: float | None = None) -> int:
        """End processes of a workspace, wherever they have gone to; return how many there were.

        Parameters
        ----------
        workspace_id
            Whose.
        session
            Only those of this session; all if None.
        grace
            Instead of the usual one.
        """
        usual = self.options.grace if grace is None else grace
        return await sweep(self.table, workspace_id, session=session, grace=usual)
