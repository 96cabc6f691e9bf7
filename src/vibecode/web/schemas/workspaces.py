"""Workspaces, and what is in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from vibecode.domain import workspace
from vibecode.domain.addresses import Addresses
from vibecode.domain.giturl import mask
from vibecode.domain.workspace import GitSource, Phase, Source, TemplateSource
from vibecode.web.schemas.base import Line, Model


class Git(Model):
    """A repository to clone."""

    type: Literal["git"]
    url: Line = Field(max_length=2000, examples=["https://git.example.org/team/project.git"])
    branch: Line | None = Field(None, max_length=250)


class FromTemplate(Model):
    """A template to fill in."""

    type: Literal["template"]
    name: str = Field(max_length=40, examples=["python"])
    parameters: dict[Line, Line] = Field(default_factory=dict, max_length=100)


AnySource = Annotated[Git | FromTemplate, Field(discriminator="type")]


class Resources(Model):
    """What a workspace uses now."""

    cpu: float = Field(description="Cores, averaged over the last seconds.")
    memory: int = Field(description="Bytes.")
    storage: int = Field(description="Bytes on disk of home and files.")


class Workspace(Model):
    """A workspace."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "w-3f9c0a4be1d27a58",
                    "name": "alice",
                    "owner": "alice",
                    "userId": "alice",
                    "status": "running",
                    "reason": "stops in 12 min",
                    "url": "http://alice.vibecode.localhost:8000/",
                    "resources": {"cpu": 0.12, "memory": 412000000, "storage": 52000000},
                    "lastActive": "2026-11-24T09:30:00Z",
                    "createdAt": "2026-11-20T08:00:00Z",
                    "startedAt": "2026-11-24T08:00:00Z",
                    "stopsAt": "2026-11-24T10:00:00Z",
                    "idleTimeout": 1800,
                    "source": {"type": "git", "url": "https://git.example.org/team/project.git", "branch": "main"},
                    "editorVersion": "4.139.1",
                    "updateWaits": False,
                    "revision": 3,
                }
            ]
        }
    )

    id: str
    name: str
    owner: str = Field(description="The owner as a person reads it.")
    user_id: str = Field(description="Id of the owner.")
    status: Phase
    reason: str = Field(description="One sentence: why it is in this state, or why it still runs.")
    url: str
    resources: Resources
    last_active: datetime | None
    created_at: datetime
    started_at: datetime | None
    stops_at: datetime | None = Field(description="When idleness stops it, as far as is known now.")
    idle_timeout: int | None = Field(description="Seconds; null is never.")
    source: AnySource | None
    editor_version: str | None
    update_waits: bool = Field(description="Whether a restart would bring a newer editor.")
    revision: int = Field(description="Grows with each change of its settings; the ETag.")

    @classmethod
    def of(cls, value: workspace.Workspace, addresses: Addresses) -> Workspace:
        """Make it from the domain's."""
        return cls(
            id=value.id,
            name=value.name,
            owner=value.owner,
            user_id=value.owner,
            status=value.phase,
            reason=value.reason,
            url=addresses.workspace(value.name) + "/",
            resources=Resources(cpu=round(value.usage.cpu, 3), memory=value.usage.memory, storage=value.usage.storage),
            last_active=value.last_active,
            created_at=value.created_at,
            started_at=value.started_at,
            stops_at=value.stops_at,
            idle_timeout=value.spec.idle_timeout,
            source=_source_of(value.spec.source),
            editor_version=value.editor_version,
            update_waits=value.update_waits,
            revision=value.revision,
        )


class WorkspacePage(Model):
    """Some workspaces, by name."""

    items: list[Workspace]
    next_cursor: str | None = Field(description="Give it as `cursor` to get the next ones; null at the end.")


class NewWorkspace(Model):
    """What to create."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "alice"},
                {"name": "shop", "source": {"type": "git", "url": "https://git.example.org/team/shop.git"}},
                {
                    "name": "lab",
                    "source": {"type": "template", "name": "python", "parameters": {}},
                    "idleTimeout": 3600,
                },
            ]
        }
    )

    name: Line = Field(max_length=200)
    source: AnySource | None = None
    idle_timeout: int | None = Field(None, description="Seconds; null is never; left out is the server's default.")
    owner: Line | None = Field(None, max_length=40, description="Id of the owner, if an admin creates it for another.")

    def domain_source(self) -> Source:
        """Return the source as the domain's."""
        match self.source:
            case None:
                return None
            case Git(url=url, branch=branch):
                return GitSource(url=url, branch=branch or None)
            case FromTemplate(name=name, parameters=parameters):
                return TemplateSource(name=name, parameters=parameters)


class WorkspaceUpdate(Model):
    """What to change."""

    idle_timeout: int | None = Field(description="Seconds; null is never.")


class Event(Model):
    """Something that happened."""

    at: datetime
    kind: str
    message: str


class EventList(Model):
    """What happened, newest first."""

    items: list[Event]


class Port(Model):
    """A TCP port that a process of the workspace listens on."""

    port: int
    process: str
    pid: int
    url: str


class PortList(Model):
    """The ports."""

    items: list[Port]


class LogLine(Model):
    """A line of the start log."""

    at: datetime
    text: str


class LogLines(Model):
    """The start log so far."""

    items: list[LogLine]


class WorkspaceState(Model):
    """The state of a workspace as its own pages see it."""

    name: str
    phase: Phase
    reason: str
    can_start: bool
    run: str = Field(description="Changes with each start of the editor, so that a page of an earlier one notices.")
    dashboard_url: str


class PortState(Model):
    """What a page of a port waits for."""

    listening: bool
    ports: list[Port] = Field(description="The ports that do listen.")


def _source_of(source: Source) -> Git | FromTemplate | None:
    match source:
        case None:
            return None
        case GitSource(url=url, branch=branch):
            return Git(type="git", url=mask(url), branch=branch)
        case TemplateSource(name=name, parameters=parameters):
            return FromTemplate(type="template", name=name, parameters=dict(parameters))
