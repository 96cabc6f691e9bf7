"""When a workspace stops for idleness."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.idleness import (
    REPORT_FRESH,
    REPORT_INTERVAL,
    SILENCE_LIMIT,
    WARNING_AHEAD,
    Signals,
    Verdict,
    WindowReport,
    decide,
    seconds_to_next_report,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)
HALF_AN_HOUR = 1800


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def ask(idle_timeout: int | None = HALF_AN_HOUR, *, started_at: datetime = LONG_AGO, **signals: Any) -> Verdict:
    return decide(Signals(started_at=started_at, **signals), idle_timeout=idle_timeout, now=NOW)


def test_what_nobody_uses_stops_and_says_why() -> None:
    verdict = ask()
    assert verdict.stop
    assert verdict.reason == "Stopped: nobody used it for 30 min."
    assert verdict.last_active == LONG_AGO


@pytest.mark.parametrize(
    ("signals", "reason"),
    [
        ({"last_request": ago(3)}, "kept: a request came 3 min ago"),
        ({"last_input": ago(3)}, "kept: browser tab active 3 min ago"),
        ({"kept_at": ago(1)}, "kept: 'Keep running' was chosen 1 min ago"),
        ({"last_request": ago(18)}, "stops in 12 min"),
        ({"busy_command": "npm test", "sampled_at": NOW}, "kept: terminal is running npm test"),
        ({"windows": (WindowReport(at=NOW, foreground_tasks=("build",)),)}, "kept: task build is running"),
        ({"windows": (WindowReport(at=NOW, debug_sessions=("Launch",)),)}, "kept: debug session Launch is open"),
        ({"windows": (WindowReport(at=NOW, window_active=True),)}, "kept: editor window is in use"),
        ({"windows": (WindowReport(at=NOW, last_interaction=ago(3)),)}, "kept: browser tab active 3 min ago"),
    ],
)
def test_what_keeps_it(signals: dict[str, Any], reason: str) -> None:
    verdict = ask(**signals)
    assert not verdict.stop
    assert verdict.reason == reason


def test_work_has_no_end_in_sight() -> None:
    verdict = ask(busy_command="make", sampled_at=NOW)
    assert verdict.stops_at is None
    assert verdict.last_active == NOW


def test_an_open_tab_that_nobody_uses_keeps_nothing() -> None:
    idle_tab = WindowReport(at=NOW, last_interaction=ago(40))
    assert ask(windows=(idle_tab,)).stop


def test_bytes_of_an_idle_tab_do_not_count_while_its_extension_reports() -> None:
    idle_tab = WindowReport(at=NOW, last_interaction=ago(40))
    assert ask(windows=(idle_tab,), last_input=NOW).stop
    assert not ask(windows=(idle_tab,), last_request=NOW).stop  # somebody uses a preview


def test_without_reports_the_edge_decides() -> None:
    silent = WindowReport(at=NOW - REPORT_FRESH - timedelta(seconds=1), last_interaction=ago(40))
    assert not ask(windows=(silent,), last_input=ago(1)).stop


def test_old_news_of_work_is_no_news() -> None:
    old = NOW - REPORT_FRESH - timedelta(minutes=40)
    assert ask(busy_command="npm test", sampled_at=old, windows=(WindowReport(at=old, window_active=True),)).stop


def test_the_warning_comes_five_minutes_ahead() -> None:
    assert not ask(last_request=ago(24.9)).warning
    verdict = ask(last_request=ago(25))
    assert verdict.warning
    assert verdict.reason == "stops in 5 min"
    assert verdict.stops_at == NOW + WARNING_AHEAD


def test_a_short_timeout_still_leaves_time_to_react() -> None:
    assert not ask(60, last_request=NOW).warning
    assert ask(60, last_request=NOW - timedelta(seconds=31)).warning


@given(st.integers(60, 3600), st.floats(0, 1))
def test_a_window_hears_of_the_warning_when_it_begins(idle_timeout: int, used: float) -> None:
    """However long ago its workspace was used when it reported first."""
    last_request, now, waited = NOW - timedelta(seconds=used * idle_timeout / 2), NOW, 0
    begins = last_request + timedelta(seconds=max(idle_timeout / 2, idle_timeout - WARNING_AHEAD.total_seconds()))
    while not (
        verdict := decide(Signals(started_at=LONG_AGO, last_request=last_request), idle_timeout=idle_timeout, now=now)
    ).warning:
        waited = seconds_to_next_report(verdict, idle_timeout=idle_timeout, now=now)
        assert 5 <= waited <= REPORT_INTERVAL
        now += timedelta(seconds=waited)
    assert not verdict.stop
    assert waited == 0 or now - begins <= timedelta(seconds=5)


@pytest.mark.parametrize(("idle_timeout", "used"), [(60, 59), (HALF_AN_HOUR, 0), (None, 0)])
def test_a_window_that_was_warned_or_is_used_reports_as_ever(idle_timeout: int | None, used: int) -> None:
    verdict = ask(idle_timeout, last_request=NOW - timedelta(seconds=used))
    assert seconds_to_next_report(verdict, idle_timeout=idle_timeout, now=NOW) == REPORT_INTERVAL


def test_off_is_off() -> None:
    verdict = ask(None)
    assert not verdict.stop
    assert verdict.stops_at is None
    assert "idle stop is off" in verdict.reason


moments = st.none() | st.datetimes(datetime(2026, 11, 23), datetime(2026, 11, 26)).map(lambda m: m.replace(tzinfo=UTC))  # noqa: DTZ001
windows = st.builds(
    WindowReport,
    at=moments.filter(lambda m: m is not None),
    window_active=st.booleans(),
    last_interaction=moments,
    foreground_tasks=st.sampled_from([(), ("build",)]),
)
all_signals = st.builds(
    Signals,
    started_at=moments.filter(lambda m: m is not None),
    last_request=moments,
    last_input=moments,
    kept_at=moments,
    busy_at=moments,
    windows=st.lists(windows, max_size=3).map(tuple),
)


@given(all_signals, st.integers(60, 100_000))
def test_every_verdict_is_consistent(signals: Signals, idle_timeout: int) -> None:
    verdict = decide(signals, idle_timeout=idle_timeout, now=NOW)
    assert verdict.reason
    assert verdict.last_active <= NOW, "what a wrong clock says lies in the future counts as now"
    if verdict.stop:
        assert verdict.last_active + timedelta(seconds=idle_timeout) <= NOW
        assert not verdict.warning
    elif verdict.stops_at is not None:
        assert verdict.stops_at > NOW


@given(all_signals, st.integers(60, 100_000))
def test_keep_running_always_keeps_for_the_full_time(signals: Signals, idle_timeout: int) -> None:
    verdict = decide(replace(signals, kept_at=NOW), idle_timeout=idle_timeout, now=NOW)
    assert not verdict.stop
    assert verdict.stops_at in (None, NOW + timedelta(seconds=idle_timeout))


@given(all_signals)
def test_never_stops_when_off(signals: Signals) -> None:
    assert not decide(signals, idle_timeout=None, now=NOW).stop


@pytest.mark.parametrize(
    ("silent", "stop", "reason"),
    [
        (1, True, "Stopped: nobody used it for 30 min."),  # the next report is merely due
        (3, False, "kept: nothing is known of its processes since 3 min"),
        (235 - 1, False, "kept: nothing is known of its processes since 3 h 54 min"),
        (235, False, "stops in 5 min"),
        (240, True, "Stopped: nobody used it for 30 min, and nothing is known of its processes since 4 h."),
    ],
)
def test_a_workspace_that_does_not_report_is_kept_for_a_while(silent: float, stop: bool, reason: str) -> None:
    verdict = ask(known_at=ago(silent))
    assert (verdict.stop, verdict.reason) == (stop, reason)
    if not stop:
        assert verdict.stops_at == ago(silent) + SILENCE_LIMIT
        assert verdict.last_active == LONG_AGO, "silence is no use"


def test_use_is_told_before_silence() -> None:
    verdict = ask(last_request=ago(3), known_at=ago(60))
    assert (verdict.reason, verdict.stops_at) == ("kept: a request came 3 min ago", ago(60) + SILENCE_LIMIT)


@given(all_signals, moments.filter(lambda m: m is not None), st.integers(60, 100_000))
def test_silence_only_puts_a_stop_off_and_not_for_ever(signals: Signals, known_at: datetime, idle_timeout: int) -> None:
    without = decide(signals, idle_timeout=idle_timeout, now=NOW)
    verdict = decide(replace(signals, known_at=known_at), idle_timeout=idle_timeout, now=NOW)
    silent = NOW - known_at
    assert verdict.last_active == without.last_active
    if silent <= REPORT_FRESH:
        assert verdict == without
    elif silent < SILENCE_LIMIT:
        assert not verdict.stop
        if verdict.stops_at is None or without.stops_at is None:
            assert verdict == without, "work needs no end"
        else:
            assert verdict.stops_at == max(without.stops_at, known_at + SILENCE_LIMIT)
    else:
        assert verdict.stop == without.stop
