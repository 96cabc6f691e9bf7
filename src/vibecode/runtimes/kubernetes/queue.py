"""What is to be reconciled: each key once, at its time, never twice at the same time.

The semantics are those of client-go's workqueue: a key that is added while it is worked on is worked on again after
that, however often it was added. Work that was begun goes before new work, or nobody of ten thousand who come at once
would be served to the end before all of them were begun.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from typing import Final

from vibecode.runtimes.kubernetes.reflector import backoff

FIRST_RETRY: Final = 0.2
LONGEST_RETRY: Final = 120.0
"""Seconds before a key that failed is tried again: doubled each time from the first to the longest."""

SHARE: Final = 4
"""Of so many keys one is a new one if there are any, so that those that were begun can't keep all others out."""


class DelayQueue:
    """A queue of keys without duplicates, with delays and a back-off a key.

    Parameters
    ----------
    clock
        Seconds that only grow; the event loop's by default.
    is_new
        Tells of a key that is added whether nothing was done for it so far: then others go before it. None is new by
        default.
    """

    def __init__(
        self, *, clock: Callable[[], float] | None = None, is_new: Callable[[str], bool] | None = None
    ) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._is_new = is_new or (lambda _key: False)
        self._begun: deque[str] = deque()
        self._new: deque[str] = deque()
        self._turns = 0
        self._waiting: set[str] = set()
        """Those in ``_begun`` and ``_new``."""
        self._busy: set[str] = set()
        self._again: set[str] = set()
        """Those that were added while busy."""
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._failures: dict[str, int] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._due)

    @property
    def ready(self) -> int:
        """How many keys wait for a worker."""
        return len(self._waiting)

    def add(self, key: str, *, delay: float = 0.0) -> None:
        """Have a key worked on, after ``delay`` seconds or earlier if it was added for an earlier time."""
        if delay > 0:
            due = self._clock() + delay
            if key not in self._waiting and due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, key))
                self._wake.set()
            return
        self._due.pop(key, None)
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            (self._new if self._is_new(key) else self._begun).append(key)
            self._wake.set()

    async def get(self) -> str:
        """Wait for a key and take it; :meth:`done` gives it back."""
        while True:
            self._move_due()
            if self._waiting:
                key = self._next()
                self._waiting.discard(key)
                self._busy.add(key)
                if self._waiting:
                    self._wake.set()
                return key
            self._wake.clear()
            timeout = max(0.0, self._heap[0][0] - self._clock()) if self._heap else None
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def done(self, key: str) -> None:
        """Give a key back; it comes again at once if it was added meanwhile."""
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def retry(self, key: str, *, at_least: float = 0.0) -> float:
        """Have a key that failed worked on again after its back-off; return the seconds until then."""
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(at_least, backoff(self._failures[key], first=FIRST_RETRY, longest=LONGEST_RETRY))
        self.add(key, delay=delay)
        return delay

    def forget(self, key: str) -> None:
        """Begin a key's back-off anew: it succeeded."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """Return how often in a row a key failed."""
        return self._failures.get(key, 0)

    def clear(self) -> None:
        """Drop all that waits, and what is remembered of failures."""
        self._begun.clear()
        self._new.clear()
        for keys in (self._waiting, self._again, self._due, self._failures):
            keys.clear()
        self._heap.clear()

    def _next(self) -> str:
        self._turns += 1
        first, second = (self._new, self._begun) if self._turns % SHARE == 0 else (self._begun, self._new)
        return (first or second).popleft()

    def _move_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            # Only if this is its latest time: an earlier one was pushed beside it, not in its place.
            if self._due.get(key) == due:
                self.add(key)
