"""Letting only so many through at once, in order, each knowing how many are before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Gate:
    """A bounded entrance.

    Parameters
    ----------
    limit
        How many may be inside at once; at least 1.
    """

    def __init__(self, limit: int) -> None:
        self._limit = max(1, limit)
        self._inside = 0
        self._queue: dict[object, tuple[asyncio.Future[None], Callable[[int], None]]] = {}

    @asynccontextmanager
    async def enter(self, on_wait: Callable[[int], None]) -> AsyncIterator[None]:
        """Go in when it is this one's turn.

        Parameters
        ----------
        on_wait
            Called with the number of those before it, whenever that changes; not at all if it goes in at once.
        """
        if self._inside >= self._limit or self._queue:
            ticket, turn = object(), asyncio.get_running_loop().create_future()
            self._queue[ticket] = (turn, on_wait)
            on_wait(self._inside + len(self._queue) - 1)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                self._queue.pop(ticket, None)
                raise
        else:
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        self._inside -= 1
        while self._queue and self._inside < self._limit:
            ticket = next(iter(self._queue))
            turn, _ = self._queue.pop(ticket)
            if not turn.cancelled():
                self._inside += 1
                turn.set_result(None)
        for position, (_, on_wait) in enumerate(self._queue.values()):
            on_wait(self._inside + position)
