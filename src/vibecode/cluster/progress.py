"""What a person sees while steps are done: one line a step, with its time, and signs of life in long ones."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, TextIO

from vibecode.domain.text import printable

_QUICK: Final = 1.0
"""Seconds: a step that takes less is only told when it is done."""

_BEAT: Final = 20.0
"""Seconds between two signs of life where each is a line of its own."""

_CALM: Final = 5.0
"""Seconds between two lines where what happens changes more often."""

_REDRAW: Final = 0.2
"""Seconds between two looks at the step; on a terminal its line is drawn anew each time."""


class Step:
    """A step that is under way. What it says may come from any thread."""

    def __init__(self, title: str, now: float) -> None:
        self.title = title
        self.started = now
        self._detail = ""
        self.outcome = "done"

    @property
    def detail(self) -> str:
        """What happens in it now."""
        return self._detail

    def now(self, detail: str) -> None:
        """Say what happens in it now, such as ``waiting for 2 nodes``."""
        self._detail = " ".join(printable(detail).split())

    def done(self, outcome: str) -> None:
        """Say how it came out, for its last line."""
        self.outcome = outcome


class Progress:
    """Shows steps on standard error.

    Parameters
    ----------
    stream
        Where to write. A terminal has the present step's line drawn anew, anything else gets lines that stay.
    clock
        Returns seconds.
    """

    def __init__(self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._clock = clock

    def note(self, text: str) -> None:
        """Write a line between steps."""
        self._stream.write(printable(text) + "\n")
        self._stream.flush()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs; a block that raises leaves no outcome, for the error says it."""
        step = Step(title, self._clock())
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(step, ended), daemon=True)
        watcher.start()
        try:
            yield step
        except BaseException:
            ended.set()
            watcher.join()
            self._erase()
            self.note(f"{title}: not finished after {seconds_text(self._clock() - step.started)}")
            raise
        ended.set()
        watcher.join()
        self._erase()
        self.note(f"{title}: {step.outcome} ({seconds_text(self._clock() - step.started)})")

    def _watch(self, step: Step, ended: threading.Event) -> None:
        told: str | None = None
        told_at = step.started
        while not ended.wait(_REDRAW):
            elapsed = self._clock() - step.started
            if elapsed < _QUICK:
                continue
            if self._live:
                self._draw(f"{step.title} … {seconds_text(elapsed)}{f'  {step.detail}' if step.detail else ''}")
            elif told is None or self._clock() - told_at >= (_BEAT if step.detail == told else _CALM):
                since = f" ({seconds_text(elapsed)})" if told is not None else ""
                self.note(f"{step.title} …{f' {step.detail}' if step.detail else ''}{since}")
                told, told_at = step.detail, self._clock()

    def _draw(self, text: str) -> None:
        width = max(20, shutil.get_terminal_size().columns - 1)
        self._stream.write(f"\r\x1b[K{printable(text)[:width]}")
        self._stream.flush()

    def _erase(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")


def seconds_text(seconds: float) -> str:
    """Return a time such as ``3 s`` or ``2 min 05 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"
