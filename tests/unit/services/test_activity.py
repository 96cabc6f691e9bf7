"""Watching use: signals in, stops out; and clocks that jump."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from vibecode.domain.workspace import Phase, Workspace, WorkspaceSpec
from vibecode.runtimes.base import ProcessActivity
from vibecode.services.activity import Activity, Report
from vibecode.services.clock import SteadyClock

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Time:
    """A wall clock and a monotonic one."""

    wall: datetime = START
    monotonic: float = 1000.0

    def pass_(self, *, minutes: float) -> None:
        self.wall += timedelta(minutes=minutes)
        self.monotonic += 60 * minutes


@dataclass
class Runtime:
    """As much of a runtime as activity asks: workspaces, and a note of what was stopped and said."""

    time: Time
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    processes: dict[str, ProcessActivity] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *, idle_timeout: int | None = 1800) -> None:
        self.workspaces[name] = Workspace(
            id=f"w-{name}",
            spec=WorkspaceSpec(name=name, owner="alice", idle_timeout=idle_timeout),
            phase=Phase.RUNNING,
            reason="",
            created_at=self.time.wall,
            started_at=self.time.wall,
            revision=1,
        )

    async def get(self, name: str) -> Workspace:
        return self.workspaces[name]

    async def list(self) -> Sequence[Workspace]:
        return list(self.workspaces.values())

    async def stop(self, name: str, *, reason: str) -> None:
        self.stopped[name] = reason
        self.workspaces[name] = replace(self.workspaces[name], phase=Phase.STOPPED, started_at=None)

    def process_activity(self, name: str) -> ProcessActivity | None:
        return self.processes.get(name)

    def set_idle_state(self, name: str, *, reason: str, stops_at: datetime | None, last_active: datetime) -> None:
        self.said[name] = reason


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def runtime(time: Time) -> Runtime:
    runtime = Runtime(time)
    runtime.add("alice")
    return runtime


@pytest.fixture
def activity(runtime: Runtime, time: Time) -> Activity:
    clock = SteadyClock(monotonic=lambda: time.monotonic, wall=lambda: time.wall)
    return Activity(runtime, clock)  # type: ignore[arg-type]


def report(*, active: bool = False, idle_seconds: float | None = None) -> Report:
    return Report(
        window_id="one", window_active=active, idle_seconds=idle_seconds, foreground_tasks=(), debug_sessions=()
    )


async def test_what_nobody_uses_is_stopped_with_the_reason(runtime: Runtime, activity: Activity, time: Time) -> None:
    await activity.check()
    time.pass_(minutes=29)
    await activity.check()
    assert runtime.stopped == {}
    assert runtime.said["alice"] == "stops in 1 min"
    time.pass_(minutes=1)
    await activity.check()
    assert runtime.stopped == {"alice": "Stopped: nobody used it for 30 min."}


async def test_each_signal_starts_the_timeout_anew(runtime: Runtime, activity: Activity, time: Time) -> None:
    signals: list[Callable[[], None]] = [
        lambda: activity.request("alice"),
        lambda: activity.websocket_input("alice"),
        lambda: activity.keep_running("alice"),
        lambda: activity.report("alice", report(idle_seconds=0)),
        lambda: activity.report("alice", report(active=True)),
    ]
    for signal in signals:
        time.pass_(minutes=29)
        signal()
        time.pass_(minutes=29)
        await activity.check()
        assert runtime.stopped == {}
        signal()


async def test_a_busy_terminal_keeps_it_and_then_counts_as_use(
    runtime: Runtime, activity: Activity, time: Time
) -> None:
    for _ in range(6):
        time.pass_(minutes=10)
        runtime.processes["alice"] = ProcessActivity(sampled_at=time.wall, busy_command="npm test")
        await activity.check()
        assert runtime.said["alice"] == "kept: terminal is running npm test"
    time.pass_(minutes=29)
    runtime.processes["alice"] = ProcessActivity(sampled_at=time.wall)
    await activity.check()
    assert runtime.stopped == {}
    time.pass_(minutes=2)
    await activity.check()
    assert "alice" in runtime.stopped


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(days=-400), timedelta(days=4000)])
async def test_a_jump_of_the_wall_clock_stops_nothing(
    runtime: Runtime, activity: Activity, time: Time, jump: timedelta
) -> None:
    activity.request("alice")
    time.wall += jump
    await activity.check()
    assert runtime.stopped == {}
    time.pass_(minutes=29)
    await activity.check()
    assert runtime.stopped == {}
    time.pass_(minutes=2)
    await activity.check()
    assert "alice" in runtime.stopped


async def test_a_workspaces_wrong_clock_does_not_keep_it(runtime: Runtime, activity: Activity, time: Time) -> None:
    activity.report("alice", report(idle_seconds=-86400))
    time.pass_(minutes=31)
    await activity.check()
    assert "alice" in runtime.stopped


async def test_a_restarted_server_gives_the_full_time(runtime: Runtime, time: Time) -> None:
    time.pass_(minutes=600)
    clock = SteadyClock(monotonic=lambda: time.monotonic, wall=lambda: time.wall)
    activity = Activity(runtime, clock)  # type: ignore[arg-type]
    await activity.check()
    assert runtime.stopped == {}
    time.pass_(minutes=31)
    await activity.check()
    assert "alice" in runtime.stopped


async def test_the_last_use_is_recorded_and_nothing_is_stopped_for_it(
    runtime: Runtime, activity: Activity, time: Time
) -> None:
    runtime.add("bob")
    await activity.check()
    time.pass_(minutes=40)
    activity.request("alice")
    await activity.record()
    assert runtime.said["alice"] == "kept: a request came just now"
    assert runtime.said["bob"] == "kept: started just now", "it does not stop, so it doesn't say so"
    assert runtime.stopped == {}


async def test_a_new_start_begins_with_nothing_seen(runtime: Runtime, activity: Activity, time: Time) -> None:
    activity.keep_running("alice")
    await runtime.stop("alice", reason="Stopped by alice.")
    await activity.check()
    time.pass_(minutes=60)
    runtime.add("alice")
    await activity.check()
    assert runtime.said["alice"] == "kept: started just now"


async def test_the_moments_told_are_of_the_wall_clock(runtime: Runtime, activity: Activity, time: Time) -> None:
    time.wall += timedelta(hours=5)
    activity.request("alice")
    verdict = await activity.verdict("alice")
    assert verdict.last_active == time.wall
    assert verdict.stops_at == time.wall + timedelta(minutes=30)


async def test_an_untrusted_workspace_cannot_fill_the_memory(runtime: Runtime, activity: Activity) -> None:
    for number in range(10_000):
        activity.report("alice", replace(report(idle_seconds=0), window_id=str(number)))
    assert len(activity._seen["alice"].windows) <= 50


@pytest.fixture
def told(runtime: Runtime, time: Time) -> Activity:
    """One over a runtime that knows of processes only what is reported."""
    clock = SteadyClock(monotonic=lambda: time.monotonic, wall=lambda: time.wall)
    return Activity(runtime, clock, awaits_reports=True)  # type: ignore[arg-type]


async def test_a_workspace_whose_reports_do_not_arrive_is_kept_for_a_while(
    runtime: Runtime, told: Activity, time: Time
) -> None:
    runtime.processes["alice"] = ProcessActivity(sampled_at=time.wall)
    await told.check()
    # The pod missed its probes, and its report was dropped.
    del runtime.processes["alice"]
    time.pass_(minutes=31)
    await told.check()
    assert runtime.said["alice"] == "kept: nothing is known of its processes since 31 min"
    time.wall += timedelta(days=2)
    time.pass_(minutes=3.4 * 60)
    await told.check()
    assert runtime.stopped == {}
    time.pass_(minutes=10)
    await told.check()
    assert "nothing is known of its processes since 4 h" in runtime.stopped["alice"]


async def test_a_report_ends_the_silence(runtime: Runtime, told: Activity, time: Time) -> None:
    await told.check()
    time.pass_(minutes=60)
    runtime.processes["alice"] = ProcessActivity(sampled_at=time.wall)
    await told.check()
    assert runtime.stopped == {"alice": "Stopped: nobody used it for 30 min."}


async def test_one_that_never_reports_has_the_same_time(runtime: Runtime, told: Activity, time: Time) -> None:
    await told.check()
    time.pass_(minutes=239)
    await told.check()
    assert runtime.stopped == {}
    time.pass_(minutes=1)
    await told.check()
    assert "alice" in runtime.stopped
