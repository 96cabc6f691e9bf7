"""Two clocks: the one on the wall, and one that never jumps."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def wall_now() -> datetime:
    """Return the present moment in UTC, as far as this machine knows it."""
    return datetime.now(UTC)


class SteadyClock:
    """Moments that go on evenly, whatever is done to the wall clock.

    It starts at the wall clock's time and then follows the monotonic one. So setting the clock stops no workspace, and
    neither does the sleep of a laptop, which the monotonic clock leaves out on Linux.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], datetime] = wall_now
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._start = wall()
        self._start_monotonic = monotonic()

    def now(self) -> datetime:
        """Return the present moment of this clock."""
        return self._start + timedelta(seconds=self._monotonic() - self._start_monotonic)

    def from_wall(self, moment: datetime) -> datetime:
        """Turn a moment of the wall clock into one of this clock."""
        return moment - (self._wall() - self.now())

    def to_wall(self, moment: datetime) -> datetime:
        """Turn a moment of this clock into one that a person can compare with the clock on the wall."""
        return moment + (self._wall() - self.now())
