"""The runtime of a cluster: workspaces are Workspace objects, and the operator acts on them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from vibecode.domain.edges import Upstream
from vibecode.domain.errors import Unavailable
from vibecode.domain.workspace import (
    Event,
    ListeningPort,
    Phase,
    Workspace,
    WorkspaceChanges,
    WorkspaceSpec,
)
from vibecode.runtimes.base import Change, LogLine, ProcessActivity, ProcessReport
from vibecode.runtimes.changes import Changes
from vibecode.runtimes.kubernetes.cache import WorkspaceCache
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.deletion import POLICY_LIMIT, Deletion
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectNotFound
from vibecode.runtimes.kubernetes.idle_status import INTERVAL, IdleStatusWriter
from vibecode.runtimes.kubernetes.kept import KeptVolumes
from vibecode.runtimes.kubernetes.object_events import read_events
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.pod_logs import PodLogs
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT, RELAY_PORT
from vibecode.runtimes.kubernetes.refusals import refusals
from vibecode.runtimes.kubernetes.reports import cleaned
from vibecode.runtimes.kubernetes.requests import Requests
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Selection
from vibecode.runtimes.kubernetes.view import ANSWER_LIMIT, Idle
from vibecode.runtimes.sources import TemplateChecker

_OPEN_LIMIT: Final = 60.0
_OF_A_RUN: Final = frozenset({"activity", "stopsAt", "editorVersion"})
"""Parts of the status that this server writes, and that are of one run."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class KubernetesRuntime:
    """Runs workspaces in a cluster; see :class:`vibecode.runtimes.base.Runtime`.

    It reads Workspace objects from a cached watch and writes only their spec, and of the status its own part. So it
    needs no more rights than that, beside reading pods, their logs, events and volume claims, and removing kept claims.

    Parameters
    ----------
    client
        Of the API server; its field manager must not be the operator's. The caller closes it.
    namespace
        Where workspaces are.
    provisioner
        Checks templates; they are applied inside the workspace.
    allow_local_sources
        Whether ``file://`` URLs are taken: they are of the workspace's own container.
    now
        The present moment.
    answer_limit
        Seconds after which an operator that doesn't act is said to be away.
    policy_limit
        Seconds within which it has to take up that a workspace's files go with it.
    idle_interval
        Seconds between two writes of the idle status to one workspace, at least.
    """

    name = "kubernetes"

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        provisioner: TemplateChecker,
        allow_local_sources: bool = False,
        now: Callable[[], datetime] = _utc_now,
        answer_limit: float = ANSWER_LIMIT,
        policy_limit: float = POLICY_LIMIT,
        idle_interval: float = INTERVAL,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._now = now
        self._changes = Changes()
        self._idle_status = IdleStatusWriter(client, namespace=namespace, interval=idle_interval)
        self._cache = WorkspaceCache(
            client,
            namespace=namespace,
            changes=self._changes,
            on_change=self._tidy_status,
            on_gone=self._idle_status.forget,
            answer_limit=answer_limit,
        )
        self._logs = PodLogs(client, namespace=namespace, now=now)
        self._kept = KeptVolumes(client, namespace=namespace, lives=self._lives)
        self._deletion = Deletion(
            client, namespace=namespace, cache=self._cache, kept=self._kept, policy_limit=policy_limit
        )
        self._requests = Requests(
            client,
            namespace=namespace,
            cache=self._cache,
            kept=self._kept,
            templates=provisioner,
            allow_local_sources=allow_local_sources,
            now=now,
        )

    async def open(self) -> None:
        """Read all workspaces, and keep up to date from then on.

        Raises
        ------
        Unavailable
            The API server can't be asked, or doesn't know the kind of objects.
        """
        try:
            async with contextlib.aclosing(
                self._client.pages(Selection(resource=WORKSPACES, namespace=self._namespace), page_size=1)
            ) as pages:
                await anext(pages)
        except ObjectNotFound as error:
            raise Unavailable(
                "The cluster does not know Workspace objects: install the chart vibecode-platform, then try again."
            ) from error
        except KubernetesError as error:
            raise Unavailable(f"The workspaces in the cluster can't be read: {error.message}") from error
        try:
            await self._cache.open(timeout=_OPEN_LIMIT)
        except TimeoutError as error:
            await self._cache.close()
            raise Unavailable(f"The workspaces in the cluster could not be read within {_OPEN_LIMIT:.0f} s.") from error
        self._idle_status.open()

    async def close(self) -> None:
        """Let go, without stopping any workspace."""
        await self._idle_status.close()
        await self._cache.close()
        self._changes.end()

    async def create(self, spec: WorkspaceSpec) -> Workspace:
        """Record a new workspace and begin to make and start it."""
        return await self._requests.create(spec)

    async def get(self, name: str) -> Workspace:
        """Return a workspace."""
        return self._cache.find(name).workspace

    def peek(self, name: str) -> Workspace | None:
        """Return a workspace from memory."""
        observed = self._cache.observed.get(name)
        return None if observed is None else observed.workspace

    def peek_id(self, workspace_id: str) -> Workspace | None:
        """Return the workspace of an id from memory."""
        observed = self._cache.by_id(workspace_id)
        return None if observed is None else observed.workspace

    def holds_connections(self, workspace_id: str) -> bool:
        """Tell whether what is connected to the workspace of an id may stay so: it runs, or is unready for a while."""
        observed = self._cache.by_id(workspace_id)
        return observed is not None and observed.holds_connections

    async def list(self, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return workspaces by name, of one owner or all."""
        found = [observed.workspace for observed in self._cache.by_name()]
        return [workspace for workspace in found if owner is None or workspace.owner == owner]

    async def update(self, name: str, changes: WorkspaceChanges, *, revision: int | None = None) -> Workspace:
        """Change a spec."""
        return await self._requests.update(name, changes, revision=revision)

    async def start(self, name: str) -> Workspace:
        """Ask for it to run; also clears a failure."""
        return await self._requests.start(name)

    async def stop(self, name: str, *, reason: str) -> Workspace:
        """Ask for it to stop."""
        return await self._requests.stop(name, reason=reason)

    async def restart(self, name: str) -> Workspace:
        """Stop it if it runs, then start it."""
        return await self._requests.restart(name)

    async def delete(self, name: str, *, purge: bool) -> None:
        """Stop and remove it; its files go only with ``purge``."""
        observed = self._cache.find(name)
        async with self._requests.turn(name):
            await self._deletion.delete(observed, purge=purge)
        await self._deletion.gone(observed, purge=purge)

    async def list_kept(self, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return the deleted workspaces whose files are kept."""
        return await self._kept.views(owner=owner)

    async def purge_kept(self, name: str, *, owner: str) -> None:
        """Remove the files that are kept of a deleted workspace."""
        async with self._requests.turn(name):
            await self._kept.purge(name, owner)

    async def wait_ready(self, name: str, *, timeout: float) -> bool:
        """Wait until it is running."""
        observed = self._cache.observed.get(name)
        if observed is None:
            return False
        try:
            async with asyncio.timeout(timeout):
                await observed.until(lambda: observed.workspace.phase in (Phase.RUNNING, Phase.FAILED))
        except TimeoutError:
            return False
        return not observed.is_gone and observed.workspace.phase is Phase.RUNNING

    async def upstream(self, name: str, *, port: int | None = None) -> Upstream | None:
        """Return where its editor listens, or a port inside it if one of its own processes listens there.

        All ports are reached through the relay, which goes by Host: they may listen on the pod's loopback alone. While
        no report of this run has come, as after a start of the control plane, the relay is left to find out.
        """
        observed = self._cache.observed.get(name)
        if observed is None or observed.workspace.phase is not Phase.RUNNING:
            return None
        if port is not None and observed.activity is not None and all(each.port != port for each in observed.ports):
            return None
        address = self._cache.address(observed)
        return None if address is None else Upstream(host=address, port=EDITOR_PORT if port is None else RELAY_PORT)

    async def ports(self, name: str) -> Sequence[ListeningPort]:
        """Return the TCP ports that its processes listen on, without the editor's own."""
        return self._cache.find(name).ports

    async def events(self, name: str, *, limit: int = 100) -> Sequence[Event]:
        """Return its latest events, newest first."""
        observed = self._cache.find(name)
        with refusals(name):
            return await read_events(self._client, namespace=self._namespace, uid=observed.id, limit=limit)

    def logs(self, name: str, *, follow: bool) -> AsyncIterator[LogLine]:
        """Yield the log of its latest start from the beginning."""
        return self._logs.read(self._cache.find(name), follow=follow)

    def process_activity(self, name: str) -> ProcessActivity | None:
        """Return the latest sample of its processes; None if it does not run."""
        observed = self._cache.observed.get(name)
        return None if observed is None else observed.activity

    def note_processes(self, name: str, report: ProcessReport) -> None:
        """Take over what a workspace's agent reports of its processes; what comes after its run is dropped.

        Parameters
        ----------
        name
            Of the workspace whose token came with the report.
        report
            As received: it is cleaned here.
        """
        observed = self._cache.observed.get(name)
        if observed is not None:
            observed.note_report(cleaned(report))

    def set_idle_state(self, name: str, *, reason: str, stops_at: datetime | None, last_active: datetime) -> None:
        """Record the words of the idleness decision."""
        observed = self._cache.observed.get(name)
        if observed is None:
            return
        idle = Idle(reason=reason, stops_at=stops_at)
        observed.set_idle_state(idle, last_active)
        if not observed.is_leaving:
            runs = observed.workspace.phase is Phase.RUNNING
            self._idle_status.note(observed, last_active, idle if runs else None)

    def watch(self) -> AsyncIterator[Change]:
        """Yield each change from now on."""
        return self._changes.read()

    def _lives(self, name: str, owner: str) -> bool:
        observed = self._cache.observed.get(name)
        return observed is not None and observed.workspace.owner == owner

    def _tidy_status(self, observed: Observed) -> None:
        """Take the words about its use out of the status of a workspace that doesn't run any more."""
        status = observed.obj.get("status") or {}
        if observed.workspace.phase in (Phase.STOPPED, Phase.FAILED) and status.keys() & _OF_A_RUN:
            last_active = observed.workspace.last_active or self._now()
            self._idle_status.note(observed, last_active, None)
