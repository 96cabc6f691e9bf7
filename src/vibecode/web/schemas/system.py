"""The server, and the templates that it offers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from vibecode.web.schemas.base import Model


class TemplateParameter(Model):
    """A question that a template asks."""

    name: str
    title: str
    description: str
    type: Literal["string", "choice", "boolean"]
    default: str | None
    choices: list[str]
    pattern: str | None
    required: bool


class Template(Model):
    """Something to make a workspace from."""

    name: str
    title: str
    description: str
    parameters: list[TemplateParameter]
    extensions: list[str]


class TemplateList(Model):
    """All templates, and those of the operator that can't be read."""

    items: list[Template]
    errors: list[str] = Field(description="One sentence for each template that is damaged.")


class EditorState(Model):
    """The editors on this machine."""

    current: str | None
    installed: list[str]


class WorkspaceCounts(Model):
    """How many there are."""

    running: int
    total: int


class System(Model):
    """The server's state."""

    version: str
    runtime: str
    url: str
    editor: EditorState
    started_at: datetime
    workspaces: WorkspaceCounts
