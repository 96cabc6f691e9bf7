"""Editor and templates as the local runtime wants them; the two sides know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vibecode.domain.errors import EditorUnavailable, InvalidInput, TemplateNotFound
from vibecode.domain.workspace import TemplateSource
from vibecode.editor import launch
from vibecode.editor.additions import ensure
from vibecode.editor.gallery import install_extensions
from vibecode.editor.home import seed_home
from vibecode.editor.store import EditorStore
from vibecode.runtimes.local.ports import Launch, TemplateExtras
from vibecode.templates.library import TemplateLibrary


class StoreEditors:
    """Implements the runtime's EditorProvider, and the API's EditorVersions, over an :class:`EditorStore`."""

    def __init__(self, store: EditorStore, *, extensions: Sequence[str]) -> None:
        self._store = store
        self._extensions = tuple(extensions)

    @property
    def extensions(self) -> Sequence[str]:
        """Extensions that the operator gives every workspace."""
        return self._extensions

    def versions(self) -> tuple[str | None, list[str]]:
        """Return the version in use for new starts, and all that are installed."""
        return self.current_version(), [editor.version for editor in self._store.installed()]

    def current_version(self) -> str | None:
        """Return the version in use for new starts; None if none is installed."""
        current = self._store.current()
        return None if current is None else current.version

    def launch(self, *, socket: Path, home: Path, folder: Path) -> Launch:
        """Return how to start the version in use."""
        version = self.current_version()
        if version is None:
            raise EditorUnavailable("No editor is installed: run `vibecode editor install`.")
        editor = self._store.get(version)
        ensure(editor)  # an upgrade of VibeCode brings its extension and defaults at the next start
        return Launch(
            version=version,
            argv=launch.command(editor, socket=socket, home=home, folder=folder),
            environment=launch.environment(editor, home=home),
        )

    def seed_home(self, home: Path, *, settings: Mapping[str, object]) -> None:
        """Put defaults into a workspace's home, never over what its user changed."""
        seed_home(home, settings=settings)

    async def install_extensions(
        self, *, home: Path, extensions: Sequence[str], on_line: Callable[[str], None]
    ) -> Sequence[str]:
        """Install extensions into a workspace's home; return a sentence for each that failed."""
        current = self._store.current()
        if current is None:
            return ["No editor is installed, so no extension can be."]
        return await install_extensions(current, home=home, extensions=extensions, on_line=on_line)


class LibraryProvisioner:
    """Implements the runtime's Provisioner over a :class:`TemplateLibrary`."""

    def __init__(self, library: TemplateLibrary) -> None:
        self._library = library

    def check(self, source: TemplateSource) -> None:
        """Refuse a template that isn't there, or parameters that it doesn't take."""
        self._library.get(source.name).check(source.parameters)

    def render(self, source: TemplateSource, into: Path) -> None:
        """Write the template's files into an empty folder."""
        self._library.get(source.name).render(source.parameters, into)

    def extras(self, source: TemplateSource) -> TemplateExtras:
        """Return extensions and settings that the template brings."""
        try:
            template = self._library.get(source.name)
        except (TemplateNotFound, InvalidInput):
            return TemplateExtras()
        return TemplateExtras(extensions=template.installable_extensions(), settings=template.settings)
