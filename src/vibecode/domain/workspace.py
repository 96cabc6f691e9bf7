"""What a workspace is, whatever runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

DEFAULT_IDLE_TIMEOUT: Final = 30 * 60
"""Seconds without use after which a workspace stops, unless its owner or the operator says otherwise."""


MIN_IDLE_TIMEOUT: Final = 60
"""Seconds: a shorter idle timeout would stop a workspace while a person reads."""

MAX_IDLE_TIMEOUT: Final = 30 * 24 * 3600
"""Seconds: a longer one is off in all but name."""


class Phase(StrEnum):
    """Where a workspace is in its life; the ``status`` of its JSON."""

    PENDING = "pending"
    """Being created: folders, clone, template."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_moving(self) -> bool:
        """Whether it goes on to another phase by itself."""
        return self in (Phase.PENDING, Phase.STARTING, Phase.STOPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """A repository to clone into a new workspace."""

    url: str
    branch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSource:
    """A template to make a new workspace from, with answers to its parameters."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


Source = GitSource | TemplateSource | None
"""What a new workspace starts with; None is blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSpec:
    """What its owner asked for."""

    name: str
    owner: str
    source: Source = None
    idle_timeout: int | None = DEFAULT_IDLE_TIMEOUT
    """Seconds; None never stops it for idleness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a workspace uses now."""

    cpu: float = 0.0
    """Cores, averaged over the last sampling interval."""
    memory: int = 0
    """Bytes of memory of all its processes (proportional where the system tells, else resident)."""
    storage: int = 0
    """Bytes on disk of its home and its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace as seen from outside: its spec and its observed state."""

    id: str
    """Opaque and never reused; the name can be given again after a deletion."""
    spec: WorkspaceSpec
    phase: Phase
    reason: str
    """One sentence, always there: why it is in this phase, or why it is still running."""
    created_at: datetime
    revision: int
    """Grows with each change of the spec; the ETag."""
    started_at: datetime | None = None
    """When it last became ready; None unless running."""
    last_active: datetime | None = None
    usage: Usage = Usage()
    stops_at: datetime | None = None
    """When idleness will stop it, as far as is known now; None if it won't."""
    editor_version: str | None = None
    """code-server's version while it runs."""
    update_waits: bool = False
    """Whether a newer editor is in use for new starts than the one it runs."""

    @property
    def name(self) -> str:
        """The DNS label it is reached by."""
        return self.spec.name

    @property
    def owner(self) -> str:
        """Id of the user it belongs to."""
        return self.spec.owner


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceChanges:
    """A partial update of a spec: only what is set changes."""

    idle_timeout: int | None = None
    never_idle: bool = False
    """True turns the idle stop off (``idle_timeout`` can't say so, as None leaves it alone)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a workspace, kept for its owner to read."""

    at: datetime
    kind: str
    """``created``, ``starting``, ``running``, ``stopping``, ``stopped``, ``crashed``, ``failed``, ..."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningPort:
    """A TCP port that a process of the workspace listens on."""

    port: int
    process: str
    """Name of the listening process."""
    pid: int
