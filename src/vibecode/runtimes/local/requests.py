"""What is asked of a workspace: recorded, and the task that carries it out is woken."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from vibecode.domain.errors import Conflict, RevisionMismatch, Unavailable
from vibecode.domain.workspace import Phase, WorkspaceChanges
from vibecode.runtimes.local.context import Context
from vibecode.runtimes.local.state import WorkspaceState
from vibecode.runtimes.local.store import WorkspaceRecord


class Requests(WorkspaceState):
    """Takes requests. Each is durable when it returns, and fulfilled later by :class:`.supervisor.Supervisor`.

    Parameters
    ----------
    record
        The workspace's durable part.
    context
        What all workspaces share.
    """

    def __init__(self, record: WorkspaceRecord, context: Context) -> None:
        super().__init__(record, context)
        self._wake = asyncio.Event()
        self._starts = 0
        """How often a start was asked for: one that comes while a failure is being dealt with counts after it."""
        self._crashes = 0
        self._not_before = 0.0
        """Moment of the loop's clock before which it isn't started again."""
        self._restart = False
        self._is_closed = False
        self._deletion: tuple[bool, asyncio.Future[None]] | None = None
        """Whether its files go too, and who waits for it."""

    async def start(self) -> None:
        """Ask for it to run."""
        self._refuse_deleted()
        self._starts += 1
        # Looked at under the lock, so that what is being written now is seen.
        async with self._save_lock:
            if not self.record.wants_running or self.record.failed:
                await self._save({"wants_running": True, "failed": False, "reason": ""})
        self._crashes, self._not_before = 0, 0.0
        if self._phase in (Phase.STOPPED, Phase.FAILED):
            self.show(self.starting_phase, "Starting: it was asked for.")
        self._wake.set()

    async def stop(self, reason: str) -> None:
        """Ask for it to stop."""
        self._refuse_deleted()
        async with self._save_lock:
            if self.record.wants_running:
                await self._save({"wants_running": False, "failed": False, "reason": reason})
                self._restart = False
                self._wake.set()

    async def restart(self) -> None:
        """Ask for it to run, with a process that is started from now on."""
        self._restart = self.record.wants_running and not self.record.failed
        await self.start()

    async def update(self, changes: WorkspaceChanges, revision: int | None) -> None:
        """Change its spec; see :meth:`vibecode.runtimes.base.Runtime.update`."""
        self._refuse_deleted()
        async with self._save_lock:
            if revision is not None and revision != self.record.revision:
                raise RevisionMismatch(
                    f"Workspace {self.record.spec.name} was changed in the meantime: look at it again, then repeat."
                )
            spec = self.record.spec
            if changes.never_idle:
                spec = replace(spec, idle_timeout=None)
            elif changes.idle_timeout is not None:
                spec = replace(spec, idle_timeout=changes.idle_timeout)
            if spec != self.record.spec:
                await self._save({"spec": spec, "revision": self.record.revision + 1})
        self.refresh()

    async def delete(self, *, purge: bool) -> None:
        """Stop and remove it; return when it is gone."""
        if self._is_closed:
            raise server_stops()
        if self._deletion is None:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            # The caller may have left by then, with nobody to take the exception.
            gone.add_done_callback(lambda future: None if future.cancelled() else future.exception() and None)
            self._deletion, self.is_leaving = (purge, gone), True
            try:
                await self.save(wants_running=False)
            except BaseException as error:
                self._deletion, self.is_leaving = None, False
                gone.set_exception(error if isinstance(error, Exception) else server_stops())
                raise
        else:
            gone = self._deletion[1]
            self._deletion = (purge or self._deletion[0], gone)
        self._wake.set()
        await asyncio.shield(gone)

    def _refuse_deleted(self) -> None:
        if self._is_closed:
            raise server_stops()
        if self._deletion is not None:
            raise Conflict(f"Workspace {self.record.spec.name} is being deleted: wait until it is gone.")


def server_stops() -> Unavailable:
    """Say that a request comes too late for this server."""
    return Unavailable("The server is being stopped: try again when it is back.")
