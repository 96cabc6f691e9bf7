"""What the local runtime needs from its neighbours, given to it by the composition root.

Runtimes, editor and templates are siblings: none imports another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vibecode.domain.workspace import TemplateSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a workspace's editor."""

    version: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that it needs beyond those of every workspace."""


class EditorProvider(Protocol):
    """Knows the installed editors."""

    @property
    def extensions(self) -> Sequence[str]:
        """Extensions that every workspace gets."""

    def current_version(self) -> str | None:
        """Return the version in use for new starts; None if none is installed. Called often, from the event loop."""

    def launch(self, *, socket: Path, home: Path, folder: Path) -> Launch:
        """Return how to start the version in use, listening on ``socket`` and showing ``folder``.

        Raises
        ------
        EditorUnavailable
            None is installed, or it is damaged.
        """

    def seed_home(self, home: Path, *, settings: Mapping[str, object]) -> None:
        """Put defaults into a workspace's home, never over what its user changed. Called in a thread at each start."""

    async def install_extensions(
        self, *, home: Path, extensions: Sequence[str], on_line: Callable[[str], None]
    ) -> Sequence[str]:
        """Install extensions into a workspace's home; return a sentence for each that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateExtras:
    """What a template brings beside its files."""

    extensions: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


class Provisioner(Protocol):
    """Makes a workspace's files from a template."""

    def check(self, source: TemplateSource) -> None:
        """Check a source before anything is made.

        Raises
        ------
        TemplateNotFound, InvalidInput
            The template or its parameters.
        """

    def render(self, source: TemplateSource, into: Path) -> None:
        """Write the template's files into an empty folder. Called in a thread.

        Raises
        ------
        VibeCodeError
            The template is gone or damaged.
        """

    def extras(self, source: TemplateSource) -> TemplateExtras:
        """Return what else the template brings; nothing if the template is gone. Called at each start, in a thread."""
