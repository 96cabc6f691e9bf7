"""How often somebody may do something: a budget each, which fills up again with time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final

_LONGEST: Final = 1.0
"""Seconds that somebody is told to wait for whom there is no room in memory."""


class Rates:
    """Keeps many apart: one that asks too often takes nothing from the others.

    Of each it is known by when its budget is full again, and nothing else (GCRA, ITU-T I.371). Whoever has a full one
    is forgotten.

    Parameters
    ----------
    per_second
        How often, on average.
    burst
        How often at once, by somebody who was quiet before.
    most
        How many may be known at a time; while as many have used their budgets, nobody else may do anything.
    now
        A clock that never jumps, in seconds.
    """

    def __init__(
        self, *, per_second: float, burst: int, most: int = 10_000, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = 1 / per_second
        self._slack = (burst - 1) * self._each
        self._most = most
        self._now = now
        self._full_at: dict[Hashable, float] = {}

    def wait(self, key: Hashable) -> float:
        """Return 0 if ``key`` may do it now, which is counted; otherwise the seconds until it may."""
        now = self._now()
        full_at = self._full_at.get(key)
        if full_at is None and len(self._full_at) >= self._most:
            self._full_at = {key: at for key, at in self._full_at.items() if at > now}
            if len(self._full_at) >= self._most:
                return _LONGEST
        full_at = now if full_at is None else max(full_at, now)
        if full_at - now > self._slack:
            return full_at - now - self._slack
        self._full_at[key] = full_at + self._each
        return 0.0
