"""One workspace: what was asked of it, what it is, and the one task that brings the two together.

Operations only record what is wanted and wake the task. The task compares that with the process it observes and does
one thing at a time, so whatever arrives at whatever moment, the end is the same: level-triggered, as controllers are.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from vibecode.domain.errors import Conflict, VibeCodeError
from vibecode.domain.workspace import Phase
from vibecode.runtimes.local import bringup, removal
from vibecode.runtimes.local.context import Context
from vibecode.runtimes.local.editor_process import EditorProcess, read_back
from vibecode.runtimes.local.ending import ExitWatch, end
from vibecode.runtimes.local.files import is_out_of_space
from vibecode.runtimes.local.requests import Requests, server_stops
from vibecode.runtimes.local.store import WorkspaceRecord
from vibecode.runtimes.local.table import Snapshot

_log = structlog.get_logger(__name__)
_SESSION_GRACE: Final = 2.0


class Supervisor(Requests):
    """Supervises one workspace.

    Parameters
    ----------
    record
        Its durable part.
    context
        What all supervisors share.
    on_gone
        Called when it was deleted, with its last record (None if it was purged).
    """

    def __init__(
        self, record: WorkspaceRecord, context: Context, on_gone: Callable[[Supervisor, WorkspaceRecord | None], None]
    ) -> None:
        super().__init__(record, context)
        self.exited = asyncio.Event()
        self._on_gone = on_gone
        self._background: set[asyncio.Task[None]] = set()
        self._watch: ExitWatch | None = None
        self._since = 0.0
        self._left_over = False
        self._task: asyncio.Task[None] | None = None

    async def take_up(self, snapshot: Snapshot) -> None:
        """Find out, after a restart of the server, what it is doing.

        Parameters
        ----------
        snapshot
            All processes.
        """
        members = snapshot.members.get(self.record.id, [])
        process = read_back(self.paths)
        if process is not None and all(member.id != process.id for member in members):
            process = None
        if process is None:
            process = bringup.find_editor(self, members)
        self._left_over = process is None and bool(members)
        wanted = self.record.wants_running and not self.record.failed
        if process is not None:
            self.attach(process)
        if not wanted:
            stopped = Phase.FAILED if self.record.failed else Phase.STOPPED
            self.show(stopped if process is None else Phase.STOPPING, self.record.reason or "Stopped.")
        elif process is None:
            self.show(self.starting_phase, "Starting: it was running when the server or the machine stopped.")
        else:
            self.show(Phase.STARTING, "Starting: looking whether its editor still answers.")
            await bringup.resume(self)

    def run(self) -> None:
        """Begin to supervise."""
        self._task = asyncio.create_task(self._work(), name=f"workspace-{self.record.spec.name}")

    async def close(self) -> None:
        """Let go of it; its processes live on."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        background = list(self._background)
        if (process := self.detach()) is not None:
            process.release()
        await asyncio.gather(*background, return_exceptions=True)
        if self._deletion is not None and not self._deletion[1].done():
            self._deletion[1].set_exception(server_stops())
        self.log.end()

    def attach(self, process: EditorProcess) -> None:
        """Take a process as its editor and watch it."""
        self.process = process
        self.exited.clear()
        self._since = asyncio.get_running_loop().time()
        self._watch = ExitWatch(process.id, self._note_exit)

    def detach(self) -> EditorProcess | None:
        """Stop watching its process, and return it."""
        process, self.process = self.process, None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        for task in self._background:
            task.cancel()
        return process

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, at most until its process ends."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _note_exit(self) -> None:
        self.exited.set()
        self._wake.set()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._deletion is None or not self._deletion[1].done():
            self._wake.clear()
            delay = None
            try:
                delay = await self._reconcile()
            except VibeCodeError as error:
                await self.fail(error.detail)
            except OSError as error:
                why = "the disk is full: free some space" if is_out_of_space(error) else error.strerror or str(error)
                await self.fail(f"It could not be started ({why}): then start it again.")
            except Exception:
                _log.exception("supervising failed", workspace=self.record.spec.name)
                await self.fail("Something went wrong inside the server; its log says what. Start it again.")
            if self._is_closed:
                return
            timer = loop.call_later(delay, self._wake.set) if delay is not None else None
            await self._wake.wait()
            if timer is not None:
                timer.cancel()

    async def _reconcile(self) -> float | None:
        """Do the next thing; return seconds after which to look again, None if only when woken."""
        if self._left_over:
            self._left_over = False
            if ended := await self.context.sweep(self.record.id):
                self.context.journal.note(self.record.id, "cleaned", f"Ended {ended} processes that were left over.")
        if self._deletion is not None:
            await self._delete()
            return None
        wanted = self.record.wants_running and not self.record.failed
        if self.process is not None and self.exited.is_set() and wanted and not self._restart:
            await self._crashed(self.process)
            return 0
        if self._phase is Phase.FAILED and self.record.failed and self.process is None:
            return None
        if not wanted or self._restart:
            await self._stop(restart=wanted)
            self._restart = False
            return 0 if wanted else None
        if self.process is not None and self._phase is Phase.RUNNING:
            return None
        remaining = self._not_before - asyncio.get_running_loop().time()
        if self.process is None and remaining > 0:
            return remaining
        await self._until_outdated(bringup.bring_up(self))
        return 0

    async def _until_outdated(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something long, but give it up as soon as something else is wanted."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                self._wake.clear()
                if self._deletion is not None or not self.record.wants_running or self._restart:
                    break
                waker = asyncio.ensure_future(self._wake.wait())
                try:
                    await asyncio.wait({task, waker}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waker.cancel()
        finally:
            if not task.done():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _stop(self, *, restart: bool) -> None:
        name, journal = self.record.id, self.context.journal
        reason = "Restarting: it was asked for." if restart else self.record.reason or "Stopped."
        if self.process is not None or self._phase.is_moving:
            self.show(Phase.STOPPING, reason)
            if restart:
                journal.note(name, "stopping", reason)
            await self.end_process()
        if restart:
            self.show(self.starting_phase, reason)
        elif self.record.failed:
            self.show(Phase.FAILED, self.record.reason)
        elif self._phase is not Phase.STOPPED:
            await self.save()
            self.show(Phase.STOPPED, reason)
            self.storage_due = True
            journal.note(name, "stopped", reason)
            self.log.write(reason)

    async def end_process(self) -> None:
        """End the editor and everything of the workspace."""
        # Seen now, while the editor is there: what dropped the mark is known as its descendant only as long.
        await self.context.members(self.record.id)
        process = self.detach()
        if process is not None:
            try:
                await end([process.id], grace=self.context.options.grace)
            except BaseException:
                process.release()
                raise
            process.exit_words()
        await self.context.sweep(self.record.id)
        self.paths.process_file.unlink(missing_ok=True)

    async def _crashed(self, process: EditorProcess) -> None:
        options = self.context.options
        loop = asyncio.get_running_loop()
        self.detach()
        words = process.exit_words()
        self.paths.process_file.unlink(missing_ok=True)
        if loop.time() - self._since >= options.healthy_after:
            self._crashes = 0
        self._crashes += 1
        # Its helpers, in its own session, would hold what the next one needs. What its user started lives on.
        await self.context.sweep(self.record.id, session=process.id.pid, grace=_SESSION_GRACE)
        if self._crashes >= options.max_crashes:
            said = self.log.last_words()
            last = f" Its last words: {said}" if said else " It said nothing."
            await self.fail(f"The editor crashed {self._crashes} times in a row ({words}); start it again.{last}")
            return
        delay = min(options.back_off * 2 ** (self._crashes - 1), options.max_back_off)
        self._not_before = loop.time() + delay
        message = f"crashed: {words}, restarting in {delay:g} s"
        self.context.journal.note(self.record.id, "crashed", message)
        self.show(Phase.STARTING, f"The editor {message}.")

    async def fail(self, reason: str) -> None:
        """Give it up with a reason, until it is started again: at once if that was asked for meanwhile."""
        starts = self._starts
        if self.process is not None:
            await self.end_process()
        with contextlib.suppress(OSError):
            self.log.write(reason)
        self._restart = False
        if self._deletion is not None:
            purge, gone = self._deletion
            self._deletion, self.is_leaving = None, False
            gone.set_exception(Conflict(f"It could not be deleted{' with its files' if purge else ''}: {reason}"))
        async with self._save_lock:
            if not self.record.wants_running:
                self.show(Phase.STOPPED, self.record.reason or reason)
                return
            self.context.journal.note(self.record.id, "failed", reason)
            if self._starts != starts:
                self.show(self.starting_phase, "Starting: it was asked for.")
                self._wake.set()
                return
            try:
                await self._save({"failed": True, "reason": reason})
            except Exception:
                # The disk may be full, which may be why it failed. What is in memory is right until the next start.
                _log.exception("failure not written", workspace=self.record.spec.name)
                self.record = replace(self.record, failed=True, reason=reason)
            # Before anybody else gets the lock, so that a start which waits for it finds what it has to clear.
            self.show(Phase.FAILED, reason)

    async def _delete(self) -> None:
        self.show(Phase.STOPPING, "Being deleted.")
        await self.end_process()
        await self.context.journal.flush()
        if self._deletion is None:
            return
        left: WorkspaceRecord | None = None
        if self._deletion[0] or not self.record.provisioned:
            await removal.purge(self.context, self.record.id, self.paths)
        else:
            reason = "Deleted; its files are kept for its owner."
            await self.save(deleted_at=datetime.now(UTC), reason=reason)
            self.context.journal.note(self.record.id, "deleted", reason)
            left = self.record
        self.log.end()
        self.is_gone = True
        self._on_gone(self, left)
        self._deletion[1].set_result(None)
        self._wake.set()
        self.tell(None)
