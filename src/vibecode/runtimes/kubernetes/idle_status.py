"""Writing what this server knows of workspaces into their objects, seldom enough not to be a burden."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import Final

import structlog

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import ApiUnavailable, KubernetesError, ObjectNotFound, WriteConflict
from vibecode.runtimes.kubernetes.model import format_time
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object
from vibecode.runtimes.kubernetes.view import Idle

INTERVAL: Final = 60.0
"""Seconds between two writes to one workspace, at least."""

_FIELDS: Final = ("lastActivity", "stopsAt", "activity", "editorVersion")
_LOOK_EVERY: Final = 1.0
_WAIT_AFTER_LOSS: Final = 15.0
_AT_ONCE: Final = 4
_AT_ONCE_AT_THE_END: Final = 16
_FLUSH_LIMIT: Final = 5.0
"""Seconds for the last writes; Kubernetes gives the whole server 30 to end."""

_log = structlog.get_logger(__name__)


class IdleStatusWriter:
    """Writes ``lastActivity``, ``stopsAt``, ``activity`` and ``editorVersion`` of the status, in the background.

    Parameters
    ----------
    client
        Of the API server. Its field manager owns the fields, so it must not be the operator's.
    namespace
        Where workspaces are.
    interval
        Seconds between two writes to one workspace, at least.
    """

    def __init__(self, client: Client, *, namespace: str, interval: float = INTERVAL) -> None:
        self._client = client
        self._namespace = namespace
        self._interval = interval
        self._wanted: dict[str, tuple[str, Object]] = {}
        """By UID: the name, and what is to be written."""
        self._written: dict[str, tuple[float, Object]] = {}
        """By UID: when, by the loop's clock, and what is in the object as far as is known."""
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._work(), name="idle-status")

    async def close(self) -> None:
        """Write what waits, for :data:`_FLUSH_LIMIT` seconds at most, and stop."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_LIMIT):
                await self._write(list(self._wanted), at_once=_AT_ONCE_AT_THE_END)
        if self._wanted:
            _log.warning("the idle status of some workspaces could not be written", workspaces=len(self._wanted))

    def note(self, observed: Observed, last_active: datetime, idle: Idle | None) -> None:
        """Take over what shall be in a workspace's status.

        Parameters
        ----------
        observed
            The workspace.
        last_active
            When it was last used.
        idle
            The words about that; None for one that doesn't run.
        """
        status: Object = {"lastActivity": format_time(last_active)}
        if idle is not None:
            status["activity"] = idle.reason
            if idle.stops_at is not None:
                status["stopsAt"] = format_time(idle.stops_at)
            if observed.workspace.editor_version is not None:
                status["editorVersion"] = observed.workspace.editor_version
        if observed.id not in self._written:
            present = observed.obj.get("status") or {}
            self._written[observed.id] = (float("-inf"), {key: present[key] for key in _FIELDS if key in present})
        if status == self._written[observed.id][1]:
            self._wanted.pop(observed.id, None)
        else:
            self._wanted[observed.id] = (observed.name, status)
            self._arrived.set()

    def forget(self, observed: Observed) -> None:
        """Forget a workspace that is gone."""
        self._wanted.pop(observed.id, None)
        self._written.pop(observed.id, None)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._arrived.clear()
            if not self._wanted:
                await self._arrived.wait()
            due = [uid for uid in self._wanted if loop.time() - self._written[uid][0] >= self._interval]
            try:
                reached = await self._write(due)
            except Exception:
                _log.exception("writing the idle status failed")
                reached = False
            await asyncio.sleep(_LOOK_EVERY if reached else _WAIT_AFTER_LOSS)

    async def _write(self, due: list[str], *, at_once: int = _AT_ONCE) -> bool:
        """Write to some workspaces; return whether the API server could be reached."""
        for first in range(0, len(due), at_once):
            part = due[first : first + at_once]
            if not all(await asyncio.gather(*(self._write_one(uid) for uid in part))):
                return False
        return True

    async def _write_one(self, uid: str) -> bool:
        if uid not in self._wanted:
            return True
        name, status = self._wanted[uid]
        before = self._written[uid][1]
        try:
            await self._client.apply_status(
                WORKSPACES, {"metadata": {"name": name, "uid": uid}, "status": status}, namespace=self._namespace
            )
        except (ObjectNotFound, WriteConflict):
            # Gone, or another of its name by now: the watch will say so.
            self._settle(uid, status)
        except KubernetesError as error:
            _log.warning("the idle status could not be written", workspace=name, error=error.message)
            if uid in self._written:
                self._written[uid] = (asyncio.get_running_loop().time(), before)
            return not isinstance(error, ApiUnavailable)
        else:
            self._settle(uid, status)
        return True

    def _settle(self, uid: str, status: Object) -> None:
        if uid in self._written:
            self._written[uid] = (asyncio.get_running_loop().time(), status)
        if uid in self._wanted and self._wanted[uid][1] == status:
            del self._wanted[uid]
