"""What the local runtime keeps of its workspaces, and the port it keeps it through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vibecode.domain.workspace import Event, WorkspaceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRecord:
    """The durable part of a workspace; everything else is observed anew after a restart of the server."""

    id: str
    spec: WorkspaceSpec
    revision: int
    created_at: datetime
    wants_running: bool
    """What was last asked for. Level-triggered: the supervisor brings the process there."""
    provisioned: bool = False
    """Whether clone and template are complete; if not, they are done again from nothing."""
    reason: str = ""
    """The sentence of the last stop or failure."""
    failed: bool = False
    """Whether it was given up; a new start clears it."""
    last_active: datetime | None = None
    deleted_at: datetime | None = None
    """When it was deleted with its files kept; None while it exists. The name is free, the files wait for the owner."""


class WorkspaceStore(Protocol):
    """Keeps records and events. Every call is one transaction."""

    async def load(self) -> Sequence[WorkspaceRecord]:
        """Return all records, the deleted with kept files too."""

    async def insert(self, record: WorkspaceRecord) -> None:
        """Add a record.

        Raises
        ------
        NameTaken
            A record of that name that isn't deleted exists (checked by the database, so also between two at once).
        """

    async def save(self, record: WorkspaceRecord) -> None:
        """Replace the record of the same id."""

    async def remove(self, workspace_id: str) -> None:
        """Forget a record and its events."""

    async def add_event(self, workspace_id: str, event: Event) -> None:
        """Append an event (the oldest beyond 500 of a workspace are dropped)."""

    async def events(self, workspace_id: str, *, limit: int) -> Sequence[Event]:
        """Return the latest events, newest first."""
