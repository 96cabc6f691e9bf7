"""What a person sees of steps."""

from __future__ import annotations

import io
import threading

import pytest

from vibecode.cluster.progress import Progress, seconds_text


class Screen(io.StringIO):
    """A terminal, or a file, that tells when something is written."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal
        self.written = threading.Event()

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_quick_step_is_one_line() -> None:
    screen = Screen(terminal=False)
    with Progress(screen, clock=Clock()).step("Tools") as step:
        step.now("looking")
        step.done("Docker 26")
    assert screen.getvalue() == "Tools: Docker 26 (0.0 s)\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_long_step_shows_that_it_lives_and_what_it_does(terminal: bool) -> None:
    screen, clock = Screen(terminal=terminal), Clock()
    with Progress(screen, clock=clock).step("Cluster") as step:
        step.now("Starting\x1b[31m control-plane\n")
        clock.now = 5
        assert screen.written.wait(30)
        step.done("made")
    text = screen.getvalue()
    assert "Cluster …" in text
    assert "Starting control-plane" in text
    assert text.endswith("Cluster: made (5.0 s)\n")
    assert ("\r" in text) is terminal
    assert "\x1b[31m" not in text


def test_a_step_that_fails_is_not_said_to_be_done() -> None:
    screen = Screen(terminal=False)
    with pytest.raises(KeyboardInterrupt), Progress(screen, clock=Clock()).step("Images"):
        raise KeyboardInterrupt
    assert screen.getvalue() == "Images: not finished after 0.0 s\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (3.21, "3.2 s"), (9.96, "10 s"), (119, "119 s"), (125, "2 min 05 s")]
)
def test_times(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
