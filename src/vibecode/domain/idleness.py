"""When a workspace stops for idleness, and why it does not: one pure function, and its answers in words.

Signals, and what they count for:

- *use* is a moment: a request or WebSocket input seen by the edge, an interaction reported from the editor, 'Keep
  running'. The idle timeout runs from the latest.
- *work* is a state: a terminal's command that uses CPU, a task in the foreground, a debug session, an active window.
  While there is some, the workspace stays, and the timeout starts anew when it ends.

Reports of the editor's own extension are the better source of interaction, since the edge sees only bytes of a
WebSocket. If they are missing or old (the extension was removed, its host hangs), the edge's signals decide alone.

Where processes can't be looked at and have to be reported, silence is not idleness: nothing is known. A workspace that
is silent is kept for :data:`SILENCE_LIMIT`, and then judged by what is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WARNING_AHEAD: Final = timedelta(minutes=5)
"""How long before an idle stop the editor says so."""

REPORT_INTERVAL: Final = 30
"""Seconds between two reports of one window while its warning is far."""

_SHORTEST_INTERVAL: Final = 5
"""The extension does not report more often by itself."""

REPORT_FRESH: Final = timedelta(seconds=120)
"""A report or sample older than this says nothing about now: four missed reports of the extension."""

SILENCE_LIMIT: Final = timedelta(hours=4)
"""For how long a workspace is kept of whose processes nothing is known.

What stops reports is a fault of the platform (its network, an agent that died), and a stop for it would end somebody's
work. Four hours are enough to see and mend it, and for most builds and trainings to end. There is an end, since an
image without an agent never reports. By silence a workspace gets nothing that it doesn't have anyhow: it could as well
say that it is busy.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReport:
    """What one editor window says, through the extension, about itself and its workspace."""

    at: datetime
    """When the control plane received it (its own clock: a workspace's can be wrong)."""
    window_active: bool = False
    """VS Code's ``window.state.active``: the person interacted with it recently."""
    last_interaction: datetime | None = None
    foreground_tasks: tuple[str, ...] = ()
    debug_sessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """All that is known about the use of a workspace."""

    started_at: datetime
    last_request: datetime | None = None
    """Latest HTTP request seen by the edge that counts as use (:func:`vibecode.domain.routing.counts_as_use`)."""
    last_input: datetime | None = None
    """Latest WebSocket input seen by the edge: a guess from frame sizes, so reports of windows win."""
    kept_at: datetime | None = None
    """Latest 'Keep running'."""
    windows: tuple[WindowReport, ...] = ()
    busy_command: str | None = None
    """Command of a terminal that used CPU at the last sample."""
    busy_at: datetime | None = None
    """When a terminal's command was last seen using CPU."""
    sampled_at: datetime | None = None
    known_at: datetime | None = None
    """When something was last known of its processes, where they have to be reported: the last report, or the start of
    the workspace or of this server if that was later. None where they are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision and its reason."""

    stop: bool
    reason: str
    """A sentence for the owner: why it is kept, when it stops, or why it is stopped."""
    last_active: datetime
    """Latest moment of use or work."""
    stops_at: datetime | None
    """When it stops if nothing happens until then; None while there is work, or when idle stop is off."""
    warning: bool = False
    """Whether the stop is so near that the editor shall say so."""


def decide(signals: Signals, *, idle_timeout: int | None, now: datetime) -> Verdict:
    """Decide whether a running workspace stops now.

    Parameters
    ----------
    signals
        What is known about its use. Moments that lie in the future (a clock was set back) count as now.
    idle_timeout
        Seconds without use or work until it stops; None means never.
    now
        The present moment, timezone-aware.
    """
    used_at, use = max(_uses(signals, now), key=lambda pair: pair[0])
    work = next(_work(signals, now), None)
    if idle_timeout is None:
        reason = f"kept: {work}" if work else f"kept: idle stop is off; {use} {_ago(now - used_at)}"
        return Verdict(stop=False, reason=reason, last_active=now if work else used_at, stops_at=None)
    if work is not None:
        return Verdict(stop=False, reason=f"kept: {work}", last_active=now, stops_at=None)
    stops_at = used_at + timedelta(seconds=idle_timeout)
    silence = _silence(signals, now)
    waits = silence is not None and now - silence + SILENCE_LIMIT > stops_at
    if silence is not None and waits:
        stops_at = now - silence + SILENCE_LIMIT
    left = stops_at - now
    if left <= timedelta(0):
        reason = f"Stopped: nobody used it for {_duration(timedelta(seconds=idle_timeout))}"
        if silence is not None:
            reason += f", and nothing is known of its processes since {_duration(silence)}"
        return Verdict(stop=True, reason=f"{reason}.", last_active=used_at, stops_at=stops_at)
    warning = left <= _warning_ahead(idle_timeout)
    if now - used_at < timedelta(minutes=5) and not warning:
        reason = f"kept: {use} {_ago(now - used_at)}"
    elif silence is not None and waits and not warning:
        reason = f"kept: nothing is known of its processes since {_duration(silence)}"
    else:
        reason = f"stops in {_duration(left)}"
    return Verdict(stop=False, reason=reason, last_active=used_at, stops_at=stops_at, warning=warning)


def seconds_to_next_report(verdict: Verdict, *, idle_timeout: int | None, now: datetime) -> int:
    """Return after how many seconds a window is to report again: when its warning begins, if that is soon.

    Parameters
    ----------
    verdict
        What it is answered now.
    idle_timeout
        Seconds without use or work until its workspace stops; None means never.
    now
        The present moment, by the clock of the verdict's.
    """
    if verdict.stops_at is None or verdict.warning or idle_timeout is None:
        return REPORT_INTERVAL
    to_warning = verdict.stops_at - _warning_ahead(idle_timeout) - now
    return min(REPORT_INTERVAL, max(_SHORTEST_INTERVAL, math.ceil(to_warning.total_seconds())))


def _warning_ahead(idle_timeout: int) -> timedelta:
    """Return how long before a stop its warning begins."""
    return min(WARNING_AHEAD, timedelta(seconds=idle_timeout) / 2)


def _silence(signals: Signals, now: datetime) -> timedelta | None:
    """Return since when nothing is known of its processes; None while something is, or where they are looked at."""
    if signals.known_at is None or now - signals.known_at <= REPORT_FRESH:
        return None
    return now - signals.known_at


def _uses(signals: Signals, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield the moments of use, each with its words."""
    yield min(signals.started_at, now), "started"
    if signals.kept_at is not None:
        yield min(signals.kept_at, now), "'Keep running' was chosen"
    if signals.busy_at is not None:
        yield min(signals.busy_at, now), "a terminal was busy"
    reporting = False
    for window in signals.windows:
        # An open but idle tab reports too, so a report alone is no use of it.
        reporting = reporting or now - window.at <= REPORT_FRESH
        if window.last_interaction is not None:
            yield min(window.last_interaction, now), "browser tab active"
        if window.window_active or window.foreground_tasks or window.debug_sessions:
            yield min(window.at, now), "editor window active"
    if signals.last_request is not None:
        yield min(signals.last_request, now), "a request came"
    if signals.last_input is not None and not reporting:
        yield min(signals.last_input, now), "browser tab active"


def _work(signals: Signals, now: datetime) -> Iterator[str]:
    """Yield what goes on now, in words, the most telling first."""
    if signals.busy_command and signals.sampled_at is not None and now - signals.sampled_at <= REPORT_FRESH:
        yield f"terminal is running {signals.busy_command}"
    for window in signals.windows:
        if now - window.at > REPORT_FRESH:
            continue
        for task in window.foreground_tasks:
            yield f"task {task} is running"
        for session in window.debug_sessions:
            yield f"debug session {session} is open"
    for window in signals.windows:
        if now - window.at <= REPORT_FRESH and window.window_active:
            yield "editor window is in use"


def _duration(span: timedelta) -> str:
    """Say a span of time as a person would, rounded to what matters."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h" if rest == 0 else f"{hours} h {rest} min"
    return f"{hours // 24} days"


def _ago(span: timedelta) -> str:
    return "just now" if span < timedelta(seconds=60) else f"{_duration(span)} ago"
