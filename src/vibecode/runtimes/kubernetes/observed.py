"""One workspace as this server observes it: its object, and what is only known here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from vibecode.domain.workspace import ListeningPort, Phase, Usage, Workspace
from vibecode.runtimes.base import ProcessActivity, ProcessReport
from vibecode.runtimes.kubernetes.model import is_wanted
from vibecode.runtimes.kubernetes.resources import Object
from vibecode.runtimes.kubernetes.view import (
    ANSWER_LIMIT,
    Idle,
    Known,
    ends_run,
    is_unanswered,
    pod_name,
    run_of,
    view,
)


class Observed:
    """A Workspace object from its first sight to its removal.

    Parameters
    ----------
    obj
        As first seen.
    tell
        Is told how it looks whenever that changes, and None when it has gone.
    answer_limit
        Seconds after which an operator that doesn't act counts as away.
    """

    def __init__(
        self, obj: Object, tell: Callable[[Workspace | None], None], *, answer_limit: float = ANSWER_LIMIT
    ) -> None:
        self.obj = obj
        self.is_gone = False
        self._tell = tell
        self._answer_limit = answer_limit
        self._known = Known()
        self._report: ProcessReport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ran_in = None if is_unanswered(obj) else pod_name(obj)
        """The pod in which it ran last. Whether it ran before it was first seen is not known: what was connected to a
        pod that is there can only have been connected to that one."""
        self.changed = asyncio.Event()
        """Is set at the next change of its object or of how it looks; then another takes its place."""
        self._watch_operator()
        self.workspace = view(obj, self._known)
        self._note_pod()
        self._tell(self.workspace)

    @property
    def id(self) -> str:
        """The object's UID."""
        return str(self.obj["metadata"]["uid"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.obj["metadata"]["name"])

    @property
    def version(self) -> int:
        """The object's ``resourceVersion``; a later one is greater (Kubernetes API concepts, "Resource versions")."""
        return int(self.obj["metadata"]["resourceVersion"])

    @property
    def is_wanted(self) -> bool:
        """Whether it is to run."""
        return is_wanted(self.obj["spec"])

    @property
    def is_leaving(self) -> bool:
        """Whether it is being deleted, or will be in a moment."""
        return self._known.is_leaving or "deletionTimestamp" in self.obj["metadata"]

    @property
    def holds_connections(self) -> bool:
        """Whether what is connected to it may stay so.

        A busy editor may miss a probe, and then it is said to start until it answers the next one. Nothing new is sent
        there meanwhile; but its pod is the same, and those who work in it go on.
        """
        if self.is_gone:
            return False
        if self.workspace.phase is Phase.STARTING:
            return self._ran_in is not None and self._ran_in == pod_name(self.obj)
        return self.workspace.phase is Phase.RUNNING

    @property
    def activity(self) -> ProcessActivity | None:
        """The latest sample of its processes; None if there is none of this run."""
        if self._report is None:
            return None
        return ProcessActivity(sampled_at=self._report.received_at, busy_command=self._report.busy_command)

    @property
    def ports(self) -> tuple[ListeningPort, ...]:
        """Where its processes listen, as far as they were reported."""
        return () if self._report is None else tuple(self._report.ports)

    def take(self, obj: Object) -> None:
        """Take over a newer version of the object."""
        old, self.obj = self.obj, obj
        if ends_run(old, obj):
            self._know(old_news_below=int(obj["metadata"].get("generation") or 1))
            self._ran_in = None
        if run_of(old) != run_of(obj):
            self._forget_run()
        self._watch_operator()
        self.refresh()

    def set_leaving(self, leaving: bool) -> None:
        """Note that it is being deleted, or that this failed."""
        self._know(is_leaving=leaving)
        self.refresh()

    def leave(self) -> None:
        """Note that the object is gone."""
        self.is_gone = True
        self._stop_timer()
        self._tell(None)
        self._wake()

    def close(self) -> None:
        """Stop what runs beside."""
        self._stop_timer()

    def refresh(self) -> None:
        """Look at it again; tell if it looks different."""
        if self.is_gone:
            return
        looks = view(self.obj, self._known)
        if looks.phase is not Phase.RUNNING and (self._report is not None or self._known.idle is not None):
            self._forget_run()
            looks = view(self.obj, self._known)
        if looks != self.workspace:
            self.workspace = looks
            self._tell(looks)
        self._note_pod()
        # Also when it looks the same: some wait for what doesn't show.
        self._wake()

    def note_report(self, report: ProcessReport) -> None:
        """Take over what its processes do, if it runs."""
        if self.workspace.phase is not Phase.RUNNING:
            return
        self._report = report
        storage = self._known.usage.storage if report.storage is None else report.storage
        usage = Usage(cpu=round(report.cpu, 2), memory=report.memory, storage=storage)
        self._know(usage=usage, editor_version=report.editor_version)
        self.refresh()

    def set_idle_state(self, idle: Idle, last_active: datetime) -> None:
        """Take over the words of the idleness decision. They show while it runs."""
        self._know(last_active=last_active, idle=idle if self.workspace.phase is Phase.RUNNING else None)
        self.refresh()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something about it is so, or it is gone."""
        while not self.is_gone and not condition():
            await self.changed.wait()

    def _know(self, **changes: Any) -> None:
        self._known = replace(self._known, **changes)

    def _forget_run(self) -> None:
        self._report = None
        self._know(idle=None, usage=Usage(storage=self._known.usage.storage), editor_version=None)

    def _note_pod(self) -> None:
        if self.workspace.phase is Phase.RUNNING:
            self._ran_in = pod_name(self.obj)

    def _wake(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def _watch_operator(self) -> None:
        """See to it that an operator that doesn't act is noticed."""
        if not is_unanswered(self.obj):
            self._stop_timer()
            self._know(is_late=False)
        elif self._timer is None and not self._known.is_late:
            self._timer = asyncio.get_running_loop().call_later(self._answer_limit, self._note_late)

    def _note_late(self) -> None:
        self._timer = None
        self._know(is_late=True)
        self.refresh()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
