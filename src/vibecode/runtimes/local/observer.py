"""Looking at all workspaces every few seconds: what they use, and what has changed beside us."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog

from vibecode.domain.workspace import Phase
from vibecode.runtimes.base import ProcessActivity
from vibecode.runtimes.local.context import Context
from vibecode.runtimes.local.files import disk_usage
from vibecode.runtimes.local.sampling import Sample, Sampler

if TYPE_CHECKING:
    from vibecode.runtimes.local.supervisor import Supervisor

_log = structlog.get_logger(__name__)
_SAVE_ACTIVITY_EVERY: Final = 60.0


class Observer:
    """Samples all workspaces in one pass.

    Parameters
    ----------
    context
        Shared parts.
    supervisors
        The workspaces by name, as they are at each moment.
    """

    def __init__(self, context: Context, supervisors: Mapping[str, Supervisor]) -> None:
        self._context = context
        self._supervisors = supervisors
        self._sampler = Sampler(context.table)
        self._tasks: list[asyncio.Task[None]] = []
        self._measured: dict[str, float] = {}
        self._saved = float("-inf")

    def open(self) -> None:
        """Begin."""
        self._tasks = [
            asyncio.create_task(self._sample(), name="workspace-samples"),
            asyncio.create_task(self._measure(), name="workspace-storage"),
        ]

    async def close(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sample(self) -> None:
        # Intervals are slept, not computed from the time of day: setting the clock changes nothing.
        while True:
            try:
                await self.sample()
            except Exception:
                _log.exception("sampling failed")
            await asyncio.sleep(self._context.options.sample_every)

    async def sample(self) -> None:
        """Look once."""
        now = asyncio.get_running_loop().time()
        version = self._context.editor.current_version()
        if version != self._context.current_version:
            self._context.current_version = version
            for supervisor in list(self._supervisors.values()):
                supervisor.refresh()
        running = {s.record.id: s for s in self._supervisors.values() if s.phase is Phase.RUNNING}
        if running:
            samples = await asyncio.to_thread(self._read, list(running), now)
            at = datetime.now(UTC)
            for workspace_id, sample in samples.items():
                running[workspace_id].set_usage(
                    cpu=sample.cpu,
                    memory=sample.memory,
                    activity=ProcessActivity(sampled_at=at, busy_command=sample.busy_command),
                )
        if now - self._saved >= _SAVE_ACTIVITY_EVERY:
            self._saved = now
            for supervisor in list(self._supervisors.values()):
                await supervisor.save_last_active()

    def _read(self, workspaces: list[str], now: float) -> dict[str, Sample]:
        return self._sampler.sample(self._context.table.scan(), workspaces, now=now)

    async def _measure(self) -> None:
        while True:
            try:
                await self._measure_due()
            except Exception:
                _log.exception("measuring storage failed")
            await asyncio.sleep(self._context.options.sample_every)

    async def _measure_due(self) -> None:
        loop, every = asyncio.get_running_loop(), self._context.options.measure_storage_every
        for supervisor in list(self._supervisors.values()):
            key = supervisor.record.id
            grown = supervisor.phase is Phase.RUNNING and loop.time() - self._measured.get(key, float("-inf")) >= every
            if supervisor.phase.is_moving or not (supervisor.storage_due or grown):
                continue
            supervisor.storage_due = False
            self._measured[key] = loop.time()
            size = await disk_usage(supervisor.paths.home, supervisor.paths.files)
            if size is not None:
                supervisor.set_storage(size)
