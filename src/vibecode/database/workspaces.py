"""Workspaces of the local runtime in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from vibecode.database.engine import Database
from vibecode.database.tables import EventRow, WorkspaceRow
from vibecode.domain.errors import NameTaken
from vibecode.domain.workspace import Event, GitSource, Source, TemplateSource, WorkspaceSpec
from vibecode.runtimes.local.store import WorkspaceRecord

EVENTS_KEPT: Final = 500
"""Events kept for each workspace; the oldest go first."""


class WorkspaceRepository:
    """Implements :class:`vibecode.runtimes.local.store.WorkspaceStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Sequence[WorkspaceRecord]:
        """Return all records, the deleted with kept files too."""
        async with self._database.read() as transaction:
            return [_record(row) for row in await transaction.scalars(select(WorkspaceRow).order_by(WorkspaceRow.name))]

    async def insert(self, record: WorkspaceRecord) -> None:
        """Add a record; NameTaken if one of that name exists."""
        try:
            async with self._database.write() as transaction:
                transaction.add(_row(record))
        except IntegrityError:
            raise _taken(record) from None

    async def save(self, record: WorkspaceRecord) -> None:
        """Replace the record of the same id; NameTaken if that brings back a name that is in use again."""
        try:
            async with self._database.write() as transaction:
                await transaction.merge(_row(record))
        except IntegrityError:
            raise _taken(record) from None

    async def remove(self, workspace_id: str) -> None:
        """Forget a record and its events."""
        async with self._database.write() as transaction:
            await transaction.execute(delete(WorkspaceRow).where(WorkspaceRow.id == workspace_id))

    async def add_event(self, workspace_id: str, event: Event) -> None:
        """Append an event and drop the oldest beyond :data:`EVENTS_KEPT`."""
        oldest = (
            select(EventRow.id)
            .where(EventRow.workspace == workspace_id)
            .order_by(EventRow.id.desc())
            .offset(EVENTS_KEPT)
            .limit(1)
            .scalar_subquery()
        )
        async with self._database.write() as transaction:
            if await transaction.get(WorkspaceRow, workspace_id) is None:
                return  # removed while the event was on its way
            transaction.add(EventRow(workspace=workspace_id, at=event.at, kind=event.kind, message=event.message))
            await transaction.flush()
            await transaction.execute(
                delete(EventRow).where(EventRow.workspace == workspace_id, EventRow.id <= oldest),
                execution_options={"synchronize_session": False},
            )

    async def events(self, workspace_id: str, *, limit: int) -> Sequence[Event]:
        """Return the latest events, newest first."""
        statement = select(EventRow).where(EventRow.workspace == workspace_id).order_by(EventRow.id.desc()).limit(limit)
        async with self._database.read() as transaction:
            rows = await transaction.scalars(statement)
            return [Event(at=row.at, kind=row.kind, message=row.message) for row in rows]


def _taken(record: WorkspaceRecord) -> NameTaken:
    return NameTaken(f"There is a workspace {record.spec.name} already: choose another name.", field="name")


def _row(record: WorkspaceRecord) -> WorkspaceRow:
    return WorkspaceRow(
        id=record.id,
        name=record.spec.name,
        owner=record.spec.owner,
        source=_source_to_json(record.spec.source),
        idle_timeout=record.spec.idle_timeout,
        revision=record.revision,
        created_at=record.created_at,
        wants_running=record.wants_running,
        provisioned=record.provisioned,
        reason=record.reason,
        failed=record.failed,
        last_active=record.last_active,
        deleted_at=record.deleted_at,
    )


def _record(row: WorkspaceRow) -> WorkspaceRecord:
    spec = WorkspaceSpec(
        name=row.name, owner=row.owner, source=_source_from_json(row.source), idle_timeout=row.idle_timeout
    )
    return WorkspaceRecord(
        id=row.id,
        spec=spec,
        revision=row.revision,
        created_at=row.created_at,
        wants_running=row.wants_running,
        provisioned=row.provisioned,
        reason=row.reason,
        failed=row.failed,
        last_active=row.last_active,
        deleted_at=row.deleted_at,
    )


def _source_to_json(source: Source) -> dict[str, Any] | None:
    match source:
        case None:
            return None
        case GitSource(url=url, branch=branch):
            return {"type": "git", "url": url, "branch": branch}
        case TemplateSource(name=name, parameters=parameters):
            return {"type": "template", "name": name, "parameters": dict(parameters)}


def _source_from_json(value: dict[str, Any] | None) -> Source:
    if value is None:
        return None
    if value["type"] == "git":
        return GitSource(url=value["url"], branch=value["branch"])
    return TemplateSource(name=value["name"], parameters=value["parameters"])
