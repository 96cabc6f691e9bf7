"""The port through which everything above runs workspaces, whatever runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vibecode.domain.edges import Upstream
from vibecode.domain.workspace import Event, ListeningPort, Workspace, WorkspaceChanges, WorkspaceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessActivity:
    """What the processes of a workspace were doing at the last sample."""

    sampled_at: datetime
    busy_command: str | None = None
    """Command line (shortened) of a terminal's child that used CPU since the sample before; None if none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReport:
    """What a workspace in a container says of its processes. It runs code that nobody vouches for: so may this be."""

    received_at: datetime
    """By the server's clock; a workspace's own isn't trusted."""
    busy_command: str | None
    cpu: float
    """Cores."""
    memory: int
    """Bytes."""
    storage: int | None
    """Bytes; None if it was not measured this time."""
    ports: Sequence[ListeningPort]
    editor_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a workspace's start log or editor log."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A workspace was created, changed or removed; ``workspace`` is None when it was removed."""

    name: str
    owner: str
    workspace: Workspace | None


class Runtime(Protocol):
    """Runs workspaces and is the only truth about them.

    Every operation can be repeated: starting what runs and stopping what is stopped do nothing. Operations return when
    the request is recorded, not when it is fulfilled; :meth:`watch` tells how it goes on. All are safe to call at the
    same time for one workspace: they are carried out one after the other.
    """

    name: str
    """``local`` or ``kubernetes``."""

    async def open(self) -> None:
        """Take up: find running workspaces again, clean up what was half done.

        Raises
        ------
        DataFolderUnusable
            The state can't be read or written.
        """

    async def close(self) -> None:
        """Let go, without stopping any workspace."""

    async def create(self, spec: WorkspaceSpec) -> Workspace:
        """Record a new workspace (phase pending) and begin to make and start it.

        A workspace of the same name and owner that was deleted without purge gets its files back.

        Raises
        ------
        NameTaken
            A workspace of that name exists, also if two ask at once.
        TemplateNotFound, InvalidInput
            The template or its parameters.
        """

    async def get(self, name: str) -> Workspace:
        """Return a workspace.

        Raises
        ------
        WorkspaceNotFound
        """

    def peek(self, name: str) -> Workspace | None:
        """Return a workspace from memory, without waiting: for the request path."""

    def peek_id(self, workspace_id: str) -> Workspace | None:
        """Return the workspace of an id from memory, without waiting: for reports, which come all the time."""

    async def list(self, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return workspaces by name, of one owner or all."""

    async def update(self, name: str, changes: WorkspaceChanges, *, revision: int | None = None) -> Workspace:
        """Change a spec.

        Raises
        ------
        WorkspaceNotFound
        RevisionMismatch
            ``revision`` is given and isn't the present one.
        """

    async def start(self, name: str) -> Workspace:
        """Ask for it to run; also clears a failure."""

    async def stop(self, name: str, *, reason: str) -> Workspace:
        """Ask for it to stop; ``reason`` is the sentence that its owner reads afterwards."""

    async def restart(self, name: str) -> Workspace:
        """Stop it if it runs, then start it (with the editor that is in use now)."""

    async def delete(self, name: str, *, purge: bool) -> None:
        """Stop and remove it; its files go only with ``purge``. Returns when it is gone."""

    async def list_kept(self, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return the workspaces that were deleted with their files kept, by name and owner, of one owner or all."""

    async def purge_kept(self, name: str, *, owner: str) -> None:
        """Remove the files that are kept of a deleted workspace, for good.

        Raises
        ------
        WorkspaceNotFound
            None are.
        """

    async def wait_ready(self, name: str, *, timeout: float) -> bool:
        """Wait until it is running; False when it failed, was deleted or ``timeout`` seconds passed."""

    async def upstream(self, name: str, *, port: int | None = None) -> Upstream | None:
        """Return where its editor listens, or a port inside it if one of its own processes listens there."""

    async def ports(self, name: str) -> Sequence[ListeningPort]:
        """Return the TCP ports that its processes listen on, without the editor's own."""

    async def events(self, name: str, *, limit: int = 100) -> Sequence[Event]:
        """Return its latest events, newest first."""

    def logs(self, name: str, *, follow: bool) -> AsyncIterator[LogLine]:
        """Yield the log of its latest start (clone, editor, extensions) from its beginning; ``follow`` goes on."""

    def process_activity(self, name: str) -> ProcessActivity | None:
        """Return the latest sample of its processes; None if it does not run."""

    def set_idle_state(self, name: str, *, reason: str, stops_at: datetime | None, last_active: datetime) -> None:
        """Record the words of the idleness decision, so that they show in the workspace."""

    def watch(self) -> AsyncIterator[Change]:
        """Yield each change from now on (a slow reader may miss steps, never the last state)."""
