"""A local copy of some objects of the API server, kept up to date by LIST and WATCH.

The rules are those of the Kubernetes API concepts ("Efficient detection of changes"): LIST in pages, watch from the
list's version, take bookmarks' versions so that a quiet watch can go on later, and LIST again when a version is no
longer kept (410 Gone). What comes is trimmed before it is kept.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Final

import structlog

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError, VersionExpired
from vibecode.runtimes.kubernetes.resources import Object, Selection

_logger = structlog.get_logger(__name__)

OnChange = Callable[[str, Object | None, Object | None], None]
"""Is told ``(name, new, old)``: ``new`` is None when it was removed, ``old`` when it was not known before."""

WATCH_SECONDS: Final = (300, 600)
"""How long one watch lasts: a random time between these, so that many watches don't end together."""

QUICK: Final = 5.0
"""Seconds: a watch that ends sooner, in good order or not, counts as an error. Something on the way to the server may
end each one at once, and would be asked again without a pause."""

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 10.0
"""Seconds before another try after an error: doubled each time from the first to the longest, and up to half less at
random, so that many clients of a server that comes back don't all come at once."""


def no_trim(obj: Object) -> Object:
    """Keep an object, without the record of its fields' managers (often half of its size)."""
    obj["metadata"].pop("managedFields", None)
    return obj


class Reflector:
    """Keeps a copy of a selection of objects.

    Parameters
    ----------
    client
        Of the API server.
    selection
        Which objects. Their names are the keys, so it should be of one namespace.
    trim
        Makes what is kept of an object; may change its argument and return it.
    on_change
        Called for each change, at once and after the copy was changed. It must not wait or raise.
    """

    def __init__(
        self,
        client: Client,
        selection: Selection,
        *,
        trim: Callable[[Object], Object] = no_trim,
        on_change: OnChange | None = None,
    ) -> None:
        self._client = client
        self._selection = selection
        self._trim = trim
        self._on_change = on_change
        self._objects: dict[str, Object] = {}
        self._synced = asyncio.Event()
        self._version = ""
        self._noted: dict[str, set[int]] = {}
        """Versions that were noted and that neither the watch nor a LIST has shown yet."""
        self.store: Mapping[str, Object] = MappingProxyType(self._objects)
        """The copies by name. They are shared: don't change them."""
        self.lists = 0
        """How often everything was read."""
        self.events = 0
        """How many changes came by watching."""

    async def synced(self) -> None:
        """Wait until everything was read once."""
        await self._synced.wait()

    @property
    def is_synced(self) -> bool:
        """Whether everything was read once."""
        return self._synced.is_set()

    def note(self, item: Object) -> None:
        """Take in the answer to a write at once, so that what was written is read before the watch tells of it.

        Nothing is called for it, now or when the watch tells of that same version. The answer may hold what somebody
        else changed just before: that is told when the watch comes to it.
        """
        name, version = item["metadata"]["name"], int(item["metadata"]["resourceVersion"])
        old = self._objects.get(name)
        if old is None and version <= int(self._version or 0):
            return  # The watch was faster: it told of that already, and of its end.
        if old is None or int(old["metadata"]["resourceVersion"]) < version:
            self._objects[name] = self._trim(item)
            self._noted.setdefault(name, set()).add(version)

    async def run(self) -> None:
        """Keep the copy up to date until cancelled."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._read_all()
                began = time.monotonic()
                await self._watch()
                if time.monotonic() - began >= QUICK:
                    failures = 0
                    continue
                failures += 1
                _logger.log(
                    logging.INFO if failures == 1 else logging.WARNING,
                    "the watch ended early",
                    kind=self._selection.resource.kind,
                    failures=failures,
                )
            except VersionExpired as error:
                _logger.info("reading everything again", kind=self._selection.resource.kind, reason=error.message)
                self._version = ""
                failures += 1
                # The first time at once: that versions expire is normal after a long silence.
                if failures == 1:
                    continue
            except KubernetesError as error:
                failures += 1
                _logger.warning(
                    "the watch broke", kind=self._selection.resource.kind, error=error.message, failures=failures
                )
                if error.retry_after:
                    await asyncio.sleep(error.retry_after)
            await asyncio.sleep(backoff(failures))

    async def _read_all(self) -> None:
        self.lists += 1
        seen: set[str] = set()
        version = ""
        async with aclosing(self._client.pages(self._selection)) as pages:
            async for page in pages:
                version = page.version
                for item in page.items:
                    name = item["metadata"]["name"]
                    seen.add(name)
                    noted = name in self._noted
                    self._put(item)
                    if noted:
                        # What others changed before the noted version is in it, and no watch will tell of it any more.
                        self._tell(name, self._objects[name], None)
                # A page is decoded and taken in within one turn: let others have theirs.
                await asyncio.sleep(0)
        for name in [name for name in self._objects if name not in seen]:
            self._remove(name)
        self._version = version
        self._synced.set()

    async def _watch(self) -> None:
        """Watch until the server ends it in good order."""
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311
        watch = self._client.watch(self._selection, version=self._version, seconds=seconds)
        async with aclosing(watch) as events:
            async for event in events:
                if event.type == "DELETED":
                    self.events += 1
                    self._remove(event.object["metadata"]["name"], uid=event.object["metadata"]["uid"])
                elif event.type != "BOOKMARK":
                    self.events += 1
                    self._put(event.object)
                self._version = event.object["metadata"]["resourceVersion"]

    def _put(self, item: Object) -> None:
        name, version = item["metadata"]["name"], int(item["metadata"]["resourceVersion"])
        old = self._objects.get(name)
        own = self._shown(name, version)
        # An answer to a write may have been noted before. Versions of one kind grow as integers (KEP-5504).
        if old is not None and int(old["metadata"]["resourceVersion"]) >= version:
            if not own and int(old["metadata"]["resourceVersion"]) > version:
                # Somebody else's change, which the noted answer to a later write of ours holds: nobody was told of it.
                self._tell(name, old, None)
            return
        new = self._trim(item)
        self._objects[name] = new
        self._tell(name, new, old)

    def _shown(self, name: str, version: int) -> bool:
        """Forget the noted versions up to one that was shown; tell whether it is one of them."""
        noted = self._noted.get(name)
        if noted is None:
            return False
        own = version in noted
        noted -= {each for each in noted if each <= version}
        if not noted:
            del self._noted[name]
        return own

    def _tell(self, name: str, new: Object | None, old: Object | None) -> None:
        if self._on_change is not None:
            self._on_change(name, new, old)

    def _remove(self, name: str, *, uid: str | None = None) -> None:
        """Forget an object; with ``uid`` only that one, not another of its name that was noted since."""
        old = self._objects.get(name)
        if old is None or (uid is not None and old["metadata"]["uid"] != uid):
            return
        del self._objects[name]
        self._noted.pop(name, None)
        self._tell(name, None, old)


def backoff(failures: int, *, first: float = FIRST_DELAY, longest: float = LONGEST_DELAY) -> float:
    """Return the seconds to wait after so many failures in a row (at least 1): exponential, with up to half less."""
    delay = min(longest, first * 2.0 ** min(failures - 1, 30))
    return delay * (1 - random.random() / 2)  # noqa: S311
