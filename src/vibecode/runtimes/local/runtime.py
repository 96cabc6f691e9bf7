"""The runtime of one machine: workspaces are supervised processes."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from vibecode.domain.edges import Upstream
from vibecode.domain.errors import Conflict, NameTaken, WorkspaceNotFound
from vibecode.domain.names import validate_name
from vibecode.domain.workspace import Event, ListeningPort, Phase, Workspace, WorkspaceChanges, WorkspaceSpec
from vibecode.runtimes.base import Change, LogLine, ProcessActivity
from vibecode.runtimes.local import removal
from vibecode.runtimes.local.context import Context, Options
from vibecode.runtimes.local.gate import Gate
from vibecode.runtimes.local.journal import Journal
from vibecode.runtimes.local.kept import KeptFiles
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.listening import Listener, listeners, without_editor
from vibecode.runtimes.local.observer import Observer
from vibecode.runtimes.local.ports import EditorProvider, Provisioner
from vibecode.runtimes.local.store import WorkspaceRecord, WorkspaceStore
from vibecode.runtimes.local.supervisor import Supervisor
from vibecode.runtimes.sources import check_source

_PORT_CACHE: Final = 2.0
"""Seconds for which a port that was found counts as found. A port that wasn't is looked for each time."""
_PARALLEL_CLONES: Final = 8


class LocalRuntime:
    """Runs workspaces as processes of this machine; see :class:`vibecode.runtimes.base.Runtime`.

    Parameters
    ----------
    data
        Where everything lies; prepared and locked by the caller.
    store
        Keeps records and events.
    editor
        Knows how to start an editor.
    provisioner
        Knows the templates.
    agent_url
        Returns where the extension inside a workspace reaches the control plane.
    dashboard_url
        Returns where people reach the dashboard; the extension inside a workspace opens it.
    token_for
        Returns the token that a workspace's extension shows there, by workspace id.
    proxy_uri
        Returns the address of a port inside a workspace, with ``{{port}}``, by workspace name.
    max_parallel_starts
        Editors that start at once; by default twice the processors.
    options
        Limits.
    """

    name = "local"

    def __init__(
        self,
        *,
        data: DataFolder,
        store: WorkspaceStore,
        editor: EditorProvider,
        provisioner: Provisioner,
        agent_url: Callable[[], str],
        dashboard_url: Callable[[], str],
        token_for: Callable[[str], str],
        proxy_uri: Callable[[str], str],
        max_parallel_starts: int | None = None,
        options: Options | None = None,
    ) -> None:
        self._context = Context(
            data=data,
            store=store,
            editor=editor,
            provisioner=provisioner,
            agent_url=agent_url,
            dashboard_url=dashboard_url,
            token_for=token_for,
            proxy_uri=proxy_uri,
            options=options or Options(),
            starts=Gate(max_parallel_starts or 2 * (os.cpu_count() or 1)),
            clones=Gate(_PARALLEL_CLONES),
            journal=Journal(store),
        )
        self._supervisors: dict[str, Supervisor] = {}
        self._reserved: set[str] = set()
        self._kept = KeptFiles(self._context)
        self._found_ports: dict[tuple[str, int], tuple[float, Upstream]] = {}
        self._observer = Observer(self._context, self._supervisors)

    async def open(self) -> None:
        """Take up: find running workspaces again, clean up what was half done."""
        context = self._context
        context.journal.open()
        context.current_version = context.editor.current_version()
        unfinished = await asyncio.to_thread(removal.unfinished, context.data)
        for workspace_id in unfinished:
            await context.store.remove(workspace_id)
        self._empty_trash = asyncio.ensure_future(asyncio.to_thread(removal.empty_trash, *unfinished.values()))
        for record in await context.store.load():
            if record.deleted_at is not None:
                self._kept.add(record)
            else:
                self._supervisors[record.spec.name] = Supervisor(record, context, self._forget)
        snapshot = await asyncio.to_thread(context.table.scan)
        supervisors = list(self._supervisors.values())
        await asyncio.gather(*(supervisor.take_up(snapshot) for supervisor in supervisors))
        for supervisor in supervisors:
            supervisor.run()
        self._observer.open()

    async def close(self) -> None:
        """Let go, without stopping any workspace."""
        await self._observer.close()
        await asyncio.gather(*(supervisor.close() for supervisor in self._supervisors.values()))
        await self._empty_trash
        await self._context.journal.close()
        self._context.changes.end()
        self._context.watcher.close()

    async def create(self, spec: WorkspaceSpec) -> Workspace:
        """Record a new workspace (phase pending) and begin to make and start it."""
        context, name = self._context, validate_name(spec.name)
        check_source(spec.source, context.provisioner, allow_local=context.options.allow_local_sources)
        if name in self._supervisors or name in self._reserved:
            raise NameTaken(f"There is a workspace {name} already: choose another name.", field="name")
        kept = self._kept.get(name, spec.owner)
        if kept is not None and spec.source is not None:
            raise Conflict(
                f"The files of an earlier workspace {name} were kept: create it blank to get them back, or choose "
                f"another name. To start over: `vibecode workspace delete {name} --purge`.",
                field="source",
            )
        self._reserved.add(name)
        try:
            record = await (self._insert(spec) if kept is None else self._kept.bring_back(kept, spec))
            supervisor = Supervisor(record, context, self._forget)
            self._supervisors[name] = supervisor
        finally:
            self._reserved.discard(name)
        words = "Created." if kept is None else "Created again; the files of its earlier life were found."
        context.journal.note(record.id, "created", words)
        supervisor.show(Phase.PENDING, f"Starting: {supervisor.begin_words()}.")
        supervisor.run()
        return supervisor.workspace

    async def get(self, name: str) -> Workspace:
        """Return a workspace."""
        return self._find(name).workspace

    def peek(self, name: str) -> Workspace | None:
        """Return a workspace from memory."""
        supervisor = self._supervisors.get(name)
        return None if supervisor is None else supervisor.workspace

    def peek_id(self, workspace_id: str) -> Workspace | None:
        """Return the workspace of an id from memory."""
        return next((s.workspace for s in self._supervisors.values() if s.record.id == workspace_id), None)

    async def list(self, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return workspaces by name, of one owner or all."""
        found = [supervisor.workspace for _, supervisor in sorted(self._supervisors.items())]
        return [workspace for workspace in found if owner is None or workspace.owner == owner]

    async def update(self, name: str, changes: WorkspaceChanges, *, revision: int | None = None) -> Workspace:
        """Change a spec."""
        supervisor = self._find(name)
        await supervisor.update(changes, revision)
        return supervisor.workspace

    async def start(self, name: str) -> Workspace:
        """Ask for it to run; also clears a failure."""
        supervisor = self._find(name)
        await supervisor.start()
        return supervisor.workspace

    async def stop(self, name: str, *, reason: str) -> Workspace:
        """Ask for it to stop."""
        supervisor = self._find(name)
        await supervisor.stop(reason)
        return supervisor.workspace

    async def restart(self, name: str) -> Workspace:
        """Stop it if it runs, then start it."""
        supervisor = self._find(name)
        await supervisor.restart()
        return supervisor.workspace

    async def delete(self, name: str, *, purge: bool) -> None:
        """Stop and remove it; its files go only with ``purge``."""
        await self._find(name).delete(purge=purge)

    async def list_kept(self, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return the deleted workspaces whose files are kept."""
        return await self._kept.list(owner=owner)

    async def purge_kept(self, name: str, *, owner: str) -> None:
        """Remove the files that are kept of a deleted workspace."""
        await self._kept.purge(name, owner)

    async def wait_ready(self, name: str, *, timeout: float) -> bool:
        """Wait until it is running."""
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            return False
        try:
            async with asyncio.timeout(timeout):
                return await supervisor.wait_ready()
        except TimeoutError:
            return False

    async def upstream(self, name: str, *, port: int | None = None) -> Upstream | None:
        """Return where its editor listens, or a port inside it if one of its own processes listens there."""
        supervisor = self._supervisors.get(name)
        if supervisor is None or supervisor.process is None or supervisor.phase is not Phase.RUNNING:
            return None
        if port is None:
            return Upstream(path=str(supervisor.process.socket))
        now, key = asyncio.get_running_loop().time(), (supervisor.record.id, port)
        found = self._found_ports.get(key)
        if found is not None and now - found[0] < _PORT_CACHE:
            return found[1]
        self._found_ports = {key: value for key, value in self._found_ports.items() if now - value[0] < _PORT_CACHE}
        for listener in await asyncio.to_thread(self._listeners, supervisor):
            if listener.port == port:
                upstream = Upstream(host=listener.address, port=port)
                self._found_ports[key] = (asyncio.get_running_loop().time(), upstream)
                return upstream
        return None

    async def ports(self, name: str) -> Sequence[ListeningPort]:
        """Return the TCP ports that its processes listen on, without the editor's own."""
        return await asyncio.to_thread(self._listening, self._find(name))

    async def events(self, name: str, *, limit: int = 100) -> Sequence[Event]:
        """Return its latest events, newest first."""
        supervisor = self._find(name)
        await self._context.journal.flush()
        return await self._context.store.events(supervisor.record.id, limit=limit)

    def logs(self, name: str, *, follow: bool) -> AsyncIterator[LogLine]:
        """Yield the log of its latest start from the beginning."""
        return self._find(name).log.read(follow=follow)

    def process_activity(self, name: str) -> ProcessActivity | None:
        """Return the latest sample of its processes; None if it does not run."""
        supervisor = self._supervisors.get(name)
        return None if supervisor is None else supervisor.activity

    def set_idle_state(self, name: str, *, reason: str, stops_at: datetime | None, last_active: datetime) -> None:
        """Record the words of the idleness decision."""
        supervisor = self._supervisors.get(name)
        if supervisor is not None:
            supervisor.set_idle_state(reason=reason, stops_at=stops_at, last_active=last_active)

    def watch(self) -> AsyncIterator[Change]:
        """Yield each change from now on."""
        return self._context.changes.read()

    def _find(self, name: str) -> Supervisor:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            raise WorkspaceNotFound(f"There is no workspace {name}.")
        return supervisor

    def _forget(self, supervisor: Supervisor, left: WorkspaceRecord | None) -> None:
        self._supervisors.pop(supervisor.record.spec.name, None)
        if left is not None:
            self._kept.add(left)

    async def _insert(self, spec: WorkspaceSpec) -> WorkspaceRecord:
        now = datetime.now(UTC)
        record = WorkspaceRecord(
            id=base64.b32encode(secrets.token_bytes(10)).decode().lower(),
            spec=spec,
            revision=1,
            created_at=now,
            wants_running=True,
            last_active=now,
        )
        self._context.data.workspace(record.id, record.spec.name)
        await self._context.store.insert(record)
        return record

    def _listening(self, supervisor: Supervisor) -> Sequence[ListeningPort]:
        table = self._context.table
        return [
            ListeningPort(port=found.port, process=table.program(found.process), pid=found.process.pid)
            for found in self._listeners(supervisor)
        ]

    def _listeners(self, supervisor: Supervisor) -> Sequence[Listener]:
        members = self._context.members_now(supervisor.record.id)
        editor = None if supervisor.process is None else supervisor.process.id.pid
        return listeners(without_editor(members, editor, self._context.table))
