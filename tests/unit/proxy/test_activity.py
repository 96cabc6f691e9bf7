"""The rule is tested on recordings of a real code-server and Chromium: see vibecode.proxy.activity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vibecode.proxy.activity import SETTLING, InputDetector

RECORDED: dict[str, list[tuple[float, int]]] = json.loads((Path(__file__).parent / "recorded_frames.json").read_text())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def replay(frames: list[tuple[float, int]], *, settled: bool = True) -> list[float]:
    """Return when input was seen, in seconds from the start of the recording."""
    clock = Clock()
    detector = InputDetector(clock)
    start = clock.now + SETTLING if settled else clock.now
    seen = []
    for at, length in frames:
        clock.now = start + at
        if detector.is_input(length):
            seen.append(at)
    return seen


@pytest.mark.parametrize("phase", ["idle-editor", "idle-terminal", "idle-end", "idle-long"])
@pytest.mark.parametrize("connection", ["management", "extension host"])
def test_an_idle_tab_is_no_input(phase: str, connection: str) -> None:
    frames = RECORDED[f"{phase}/{connection}"]
    assert len(frames) > 20
    assert replay(frames) == []


@pytest.mark.parametrize("phase", ["type-editor", "type-terminal", "scroll"])
def test_a_person_at_work_is_input(phase: str) -> None:
    assert replay(RECORDED[f"{phase}/management"]) or replay(RECORDED[f"{phase}/extension host"])


def test_typing_is_noticed_within_a_few_seconds() -> None:
    assert replay(RECORDED["type-editor/extension host"])[0] < 3
    assert replay(RECORDED["type-terminal/management"])[0] < 5


def test_what_a_new_connection_says_is_no_input() -> None:
    frames = [(at, length) for at, length in RECORDED["open/management"] if at < SETTLING]
    assert replay(frames)
    assert replay(frames, settled=False) == []


def test_a_burst_is_no_input() -> None:
    assert replay([(1.0 + 0.01 * number, 100_000) for number in range(20)]) == []


def test_what_was_seen_is_forgotten_after_a_while() -> None:
    now_and_then = [(10.0 * number, 1000) for number in range(30)]
    assert replay(now_and_then) == []
