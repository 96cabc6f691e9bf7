"""What workspaces report of themselves, from code that nobody vouches for, and what they are answered."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from vibecode.web.schemas.base import Model, UntrustedLine


class AgentTask(Model):
    """A task that runs in an editor window."""

    name: UntrustedLine = Field(max_length=200)
    background: bool = False


class AgentItem(Model):
    """A terminal or debug session of an editor window."""

    model_config = ConfigDict(extra="ignore")

    name: UntrustedLine = Field(max_length=200)


class AgentReport(Model):
    """What the editor's extension says of one window."""

    model_config = ConfigDict(extra="ignore")  # newer extensions may say more

    extension_version: str = Field("", max_length=40)
    window_id: str = Field("", max_length=100)
    closed: bool = Field(False, description="Whether this is the last report of a window that was closed.")
    window_active: bool = False
    window_focused: bool = False
    last_interaction: datetime | None = None
    terminals: list[AgentItem] = Field(default_factory=list, max_length=200)
    tasks: list[AgentTask] = Field(default_factory=list, max_length=200)
    debug_sessions: list[AgentItem] = Field(default_factory=list, max_length=200)


class AgentAnswer(Model):
    """What the extension shows."""

    reason: str
    stops_at: datetime | None
    warning: bool
    idle_timeout_seconds: int | None
    report_again_in_seconds: int


class AgentPort(Model):
    """A TCP port that a process of the workspace listens on."""

    port: int = Field(ge=1, le=65535)
    process: UntrustedLine = Field(max_length=200)
    pid: int = Field(ge=1)


class AgentProcesses(Model):
    """What a workspace's first process says of all the others, where the server can't look itself."""

    model_config = ConfigDict(extra="ignore")

    busy_command: UntrustedLine | None = Field(None, max_length=200)
    cpu: float = Field(0.0, ge=0, le=4096, description="Cores in use.")
    memory: int = Field(0, ge=0, description="Bytes.")
    storage: int | None = Field(None, ge=0, description="Bytes on its volumes, if measured this time.")
    ports: list[AgentPort] = Field(default_factory=list, max_length=200)
    editor_version: str | None = Field(None, max_length=40)


class AgentProcessesAnswer(Model):
    """When to report again."""

    report_again_in_seconds: int
