"""All Workspace objects of a namespace, in memory, kept up to date by a watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import structlog

from vibecode.domain.errors import WorkspaceNotFound
from vibecode.domain.workspace import Workspace
from vibecode.runtimes.base import Change
from vibecode.runtimes.changes import Changes
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.model import trim_workspace
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object, Selection
from vibecode.runtimes.kubernetes.view import ANSWER_LIMIT, observed_generation, pod_address

SEEN_LIMIT: Final = 5.0
"""Seconds to wait until the watch has brought back what was written: milliseconds, unless the watch is broken."""

_log = structlog.get_logger(__name__)


class WorkspaceCache:
    """What is known of all workspaces.

    Parameters
    ----------
    client
        Of the API server.
    namespace
        Where workspaces are.
    changes
        Is told each change that shows.
    on_change
        Called for each change of an object, also those that don't show.
    on_gone
        Called for each that is gone.
    answer_limit
        Seconds after which an operator that doesn't act counts as away.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        changes: Changes,
        on_change: Callable[[Observed], None],
        on_gone: Callable[[Observed], None],
        answer_limit: float = ANSWER_LIMIT,
    ) -> None:
        self._reflector = Reflector(
            client,
            Selection(resource=WORKSPACES, namespace=namespace),
            trim=trim_workspace,
            on_change=self._take,
        )
        self._changes = changes
        self._on_change = on_change
        self._on_gone = on_gone
        self._answer_limit = answer_limit
        self._observed: dict[str, Observed] = {}
        self._by_id: dict[str, Observed] = {}
        self._addresses: dict[str, str] = {}
        """Of pods, by UID of their workspace."""
        self._claims: Counter[str] = Counter()
        """How many workspaces are said to be at an address."""
        self._sorted: Sequence[Observed] | None = None
        self._newest = 0
        """The latest ``resourceVersion`` that the watch has brought."""
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.observed: Mapping[str, Observed] = MappingProxyType(self._observed)
        """By name."""

    def by_id(self, uid: str) -> Observed | None:
        """Return the workspace of an object's UID."""
        return self._by_id.get(uid)

    def address(self, observed: Observed) -> str | None:
        """Return where a workspace's pod is; None unless it is ready.

        An address that two workspaces are said to have is nobody's: one of the two is old news, and it can't be told
        which.
        """
        address = self._addresses.get(observed.id)
        return address if address is not None and self._claims[address] == 1 else None

    async def open(self, *, timeout: float) -> None:
        """Read all, and keep up to date from then on.

        Raises
        ------
        TimeoutError
            That takes longer than ``timeout`` seconds.
        """
        self._task = asyncio.create_task(self._keep_up_to_date(), name="workspaces-watch")
        async with asyncio.timeout(timeout):
            await self._reflector.synced()

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for observed in self._observed.values():
            observed.close()

    def by_name(self) -> Iterable[Observed]:
        """Return all, by name."""
        if self._sorted is None:
            self._sorted = [observed for _, observed in sorted(self._observed.items())]
        return self._sorted

    def find(self, name: str) -> Observed:
        """Return a workspace.

        Raises
        ------
        WorkspaceNotFound
        """
        observed = self._observed.get(name)
        if observed is None:
            raise WorkspaceNotFound(f"There is no workspace {name}.")
        return observed

    async def seen(self, written: Object) -> Observed | None:
        """Wait until the watch has brought what was written; return it, None if it has gone by then.

        If the watch is broken, what was written is not waited for longer than :data:`SEEN_LIMIT`.

        Parameters
        ----------
        written
            What the API server answered.
        """
        metadata = written["metadata"]
        try:
            async with asyncio.timeout(SEEN_LIMIT):
                while not self._has_seen(written):
                    await self._arrived.wait()
        except TimeoutError:
            _log.warning("the watch is behind: what was written has not come back yet", workspace=metadata["name"])
        return self.by_id(metadata["uid"])

    def is_past(self, written: Object) -> bool:
        """Tell whether the watch has brought something later than what was written."""
        return self._newest >= int(written["metadata"]["resourceVersion"])

    async def taken_up(self, observed: Observed, *, timeout: float) -> None:
        """Wait until the operator has taken up what a workspace's spec says now.

        Raises
        ------
        TimeoutError
            It hasn't after ``timeout`` seconds.
        """
        generation = int(observed.obj["metadata"].get("generation") or 1)
        async with asyncio.timeout(timeout):
            await observed.until(lambda: observed_generation(observed.obj) >= generation)

    async def gone(self, observed: Observed, *, timeout: float) -> bool:
        """Wait until a workspace's object is gone; False if it isn't after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await observed.until(lambda: False)
        except TimeoutError:
            return False
        return True

    def _has_seen(self, written: Object) -> bool:
        observed = self.by_id(written["metadata"]["uid"])
        if observed is not None:
            return observed.version >= int(written["metadata"]["resourceVersion"])
        # Not there: not yet, or not any more. The watch is in the order of versions, so it tells which.
        return self.is_past(written)

    async def _keep_up_to_date(self) -> None:
        while True:
            try:
                await self._reflector.run()
            except Exception:
                # A fault of ours must not leave the server with old news for ever.
                _log.exception("watching workspaces failed; it is tried again")
                await asyncio.sleep(1)

    def _take(self, name: str, new: Object | None, old: Object | None) -> None:
        observed = self._observed.get(name)
        if observed is not None and (new is None or new["metadata"]["uid"] != observed.id):
            del self._observed[name], self._by_id[observed.id]
            self._sorted = None
            self._place(observed.id, None)
            observed.leave()
            self._on_gone(observed)
            observed = None
        if new is not None:
            if observed is None:
                observed = Observed(new, self._teller(new), answer_limit=self._answer_limit)
                self._observed[name] = self._by_id[observed.id] = observed
                self._sorted = None
            else:
                observed.take(new)
            self._place(observed.id, pod_address(new))
            self._newest = max(self._newest, observed.version)
            self._on_change(observed)
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    def _place(self, uid: str, address: str | None) -> None:
        before = self._addresses.pop(uid, None)
        if before is not None:
            self._claims[before] -= 1
            if not self._claims[before]:
                del self._claims[before]
        if address is not None:
            self._addresses[uid] = address
            self._claims[address] += 1

    def _teller(self, obj: Object) -> Callable[[Workspace | None], None]:
        name, owner = obj["metadata"]["name"], obj["spec"]["owner"]

        def tell(workspace: Workspace | None) -> None:
            self._changes.publish(Change(name=name, owner=owner, workspace=workspace))

        return tell
