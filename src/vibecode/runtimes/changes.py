"""Telling many readers what changed, without ever waiting for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from weakref import WeakSet

from vibecode.runtimes.base import Change


class ChangeReader(AsyncIterator[Change]):
    """One reader's view: of each workspace only the latest change is kept until it is read."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str], Change] = {}
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, change: Change) -> None:
        """Add a change in the place of an unread one of the same workspace."""
        key = (change.name, change.owner)
        self._pending.pop(key, None)
        self._pending[key] = change
        self._arrived.set()

    def end(self) -> None:
        """Let the reader finish what is there and stop."""
        self._closed = True
        self._arrived.set()

    async def __anext__(self) -> Change:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._pending.pop(next(iter(self._pending)))


class Changes:
    """The changes of all workspaces, for any number of readers. A reader that is dropped is forgotten."""

    def __init__(self) -> None:
        self._readers: WeakSet[ChangeReader] = WeakSet()

    def read(self) -> ChangeReader:
        """Return a reader of the changes from now on."""
        reader = ChangeReader()
        self._readers.add(reader)
        return reader

    def publish(self, change: Change) -> None:
        """Tell all readers."""
        for reader in self._readers:
            reader.put(change)

    def end(self) -> None:
        """End all readers."""
        for reader in list(self._readers):
            reader.end()
