"""Watching how workspaces are used, and stopping those that nobody uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from vibecode.domain.errors import VibeCodeError
from vibecode.domain.idleness import Signals, Verdict, WindowReport, decide
from vibecode.domain.workspace import Phase, Workspace
from vibecode.runtimes.base import Runtime
from vibecode.services.clock import SteadyClock

CHECK_INTERVAL: Final = 5.0
"""Seconds between two looks at all running workspaces."""

_WINDOWS_KEPT: Final = 50
"""Windows remembered for a workspace: a bound on what an untrusted workspace can make us keep."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Seen:
    """What was seen of one run of a workspace, or since the server was started."""

    since: datetime
    """When it was first seen running in its present run."""
    started_at: datetime | None = None
    """Which run that is: its start by the wall clock, only ever compared for equality, since that clock may jump."""
    last_request: datetime | None = None
    last_input: datetime | None = None
    kept_at: datetime | None = None
    busy_at: datetime | None = None
    sampled_at: datetime | None = None
    """The moment that the latest report of its processes bears, by the wall clock: tells one from the next."""
    reported_at: datetime | None = None
    """When that report was first seen here. It stays known after the runtime has dropped the report."""
    last_closed: datetime | None = None
    """Latest interaction in a window that has been closed since."""
    windows: dict[str, WindowReport] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an editor window reports, as received."""

    window_id: str
    window_active: bool
    idle_seconds: float | None
    """Seconds since the last interaction, by the workspace's own clock."""
    foreground_tasks: tuple[str, ...]
    debug_sessions: tuple[str, ...]
    closed: bool = False
    """Whether the window was closed: it says nothing any more about now."""


class Activity:
    """Collects signals of use and applies :func:`vibecode.domain.idleness.decide`.

    All moments inside are of the steady clock. Signals from before the server's start are unknown, so its start counts
    as use: a restart never stops a workspace that was in use meanwhile.

    Parameters
    ----------
    runtime
        Runs the workspaces.
    clock
        What moments are of.
    awaits_reports
        Whether the runtime knows of processes only what is reported to it, so that silence is no idleness.
    """

    def __init__(self, runtime: Runtime, clock: SteadyClock, *, awaits_reports: bool = False) -> None:
        self._runtime = runtime
        self._clock = clock
        self._awaits_reports = awaits_reports
        self._seen: dict[str, _Seen] = {}

    def request(self, name: str) -> None:
        """Note a request that counts as use."""
        self._of(name).last_request = self._clock.now()

    def websocket_input(self, name: str) -> None:
        """Note input on a WebSocket."""
        self._of(name).last_input = self._clock.now()

    def keep_running(self, name: str) -> None:
        """Note that somebody wants it to go on: the idle timeout starts anew."""
        self._of(name).kept_at = self._clock.now()

    def report(self, name: str, report: Report) -> None:
        """Note what an editor window says."""
        now = self._clock.now()
        windows = self._of(name).windows
        interaction = None if report.idle_seconds is None else now - timedelta(seconds=max(0.0, report.idle_seconds))
        windows.pop(report.window_id, None)
        if report.closed:
            self._of(name).last_closed = interaction or self._of(name).last_closed
            return
        windows[report.window_id] = WindowReport(
            at=now,
            window_active=report.window_active,
            last_interaction=interaction,
            foreground_tasks=report.foreground_tasks,
            debug_sessions=report.debug_sessions,
        )
        while len(windows) > _WINDOWS_KEPT:
            windows.pop(next(iter(windows)))

    async def verdict(self, name: str) -> Verdict:
        """Decide about one workspace now, and record the words; its moments are of the wall clock.

        Raises
        ------
        WorkspaceNotFound
        """
        return self._record(await self._runtime.get(name))

    async def check(self) -> None:
        """Decide about all running workspaces, and stop those that are idle."""
        workspaces = await self._runtime.list()
        self._forget_all_but(workspaces)
        for workspace in workspaces:
            if workspace.phase is not Phase.RUNNING:
                continue
            verdict = self._record(workspace)
            if not verdict.stop:
                continue
            _log.info("idle stop", workspace=workspace.name, reason=verdict.reason)
            try:
                await self._runtime.stop(workspace.name, reason=verdict.reason)
            except VibeCodeError as error:
                _log.warning("idle stop failed", workspace=workspace.name, error=error.detail)

    async def record(self) -> None:
        """Record the words about all running workspaces, with what came since the last look; stop none."""
        for workspace in await self._runtime.list():
            if workspace.phase is Phase.RUNNING and not (verdict := self._judge(workspace)).stop:
                self._say(workspace, verdict)

    def _record(self, workspace: Workspace) -> Verdict:
        verdict = self._judge(workspace)
        self._say(workspace, verdict)
        return verdict

    def _say(self, workspace: Workspace, verdict: Verdict) -> None:
        self._runtime.set_idle_state(
            workspace.name, reason=verdict.reason, stops_at=verdict.stops_at, last_active=verdict.last_active
        )

    def _judge(self, workspace: Workspace) -> Verdict:
        seen = self._of(workspace.name)
        now = self._clock.now()
        if workspace.started_at is not None and workspace.started_at != seen.started_at:
            if seen.started_at is not None:
                seen = self._seen[workspace.name] = _Seen(since=now)
            seen.started_at = workspace.started_at
        processes = self._runtime.process_activity(workspace.name)
        if processes is not None and processes.busy_command is not None:
            seen.busy_at = self._clock.from_wall(processes.sampled_at)
        if processes is not None and processes.sampled_at != seen.sampled_at:
            seen.sampled_at, seen.reported_at = processes.sampled_at, now
        signals = Signals(
            started_at=seen.since,
            last_request=max(filter(None, (seen.last_request, seen.last_closed)), default=None),
            last_input=seen.last_input,
            kept_at=seen.kept_at,
            windows=tuple(seen.windows.values()),
            busy_command=None if processes is None else processes.busy_command,
            busy_at=seen.busy_at,
            sampled_at=None if processes is None else self._clock.from_wall(processes.sampled_at),
            known_at=(seen.reported_at or seen.since) if self._awaits_reports else None,
        )
        return self._to_wall(decide(signals, idle_timeout=workspace.spec.idle_timeout, now=now))

    def _to_wall(self, verdict: Verdict) -> Verdict:
        shift: Callable[[datetime], datetime] = self._clock.to_wall
        return Verdict(
            stop=verdict.stop,
            reason=verdict.reason,
            last_active=shift(verdict.last_active),
            stops_at=None if verdict.stops_at is None else shift(verdict.stops_at),
            warning=verdict.warning,
        )

    def _of(self, name: str) -> _Seen:
        if name not in self._seen:
            self._seen[name] = _Seen(since=self._clock.now())
        return self._seen[name]

    def _forget_all_but(self, workspaces: Sequence[Workspace]) -> None:
        """Drop what was seen of workspaces that don't run, so that a new start begins with nothing."""
        running = {w.name for w in workspaces if w.phase in (Phase.RUNNING, Phase.STARTING)}
        for name in self._seen.keys() - running:
            del self._seen[name]
