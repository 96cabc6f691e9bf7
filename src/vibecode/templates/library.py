"""The templates there are: those that VibeCode brings, and the operator's own.

A template is a folder: its name is the template's, ``template.toml`` describes it, ``files/`` holds what a workspace
gets. An own template of a built-in one's name takes its place. Folders are read at each call, so that an operator who
writes one sees it at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vibecode.domain.errors import InvalidInput, InvalidName, TemplateNotFound
from vibecode.domain.names import validate_name
from vibecode.templates.render import check_files, render
from vibecode.templates.spec import Parameter, TemplateSpec, read_spec, resolve

BUILTIN: Final = Path(__file__).parent / "builtin"
"""The templates that VibeCode brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template."""

    name: str
    root: Path
    """Its folder."""
    spec: TemplateSpec

    @property
    def title(self) -> str:
        """Its title, for people."""
        return self.spec.title

    @property
    def description(self) -> str:
        """One or two sentences about it."""
        return self.spec.description

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the user fills in."""
        return self.spec.parameters

    @property
    def extensions(self) -> tuple[str, ...]:
        """Extensions as the template lists them: ids, and .vsix files relative to its folder."""
        return self.spec.extensions

    @property
    def settings(self) -> Mapping[str, object]:
        """Settings of VS Code for a user who has none yet."""
        return self.spec.settings

    def installable_extensions(self) -> list[str]:
        """Return the extensions as they can be installed from anywhere: ids, and absolute paths of .vsix files."""
        return [str(self.root / name) if name.endswith(".vsix") else name for name in self.extensions]

    def check(self, parameters: Mapping[str, str]) -> dict[str, str | bool]:
        """Return the value of each parameter.

        Raises
        ------
        InvalidInput
            A value breaks a rule, or there is no such parameter; ``field`` names it.
        """
        return resolve(self.parameters, parameters)

    def render(self, parameters: Mapping[str, str], into: Path) -> None:
        """Fill the empty folder ``into``; all of it or nothing.

        Raises
        ------
        InvalidInput
            A parameter or a file of the template is at fault.
        Conflict
            ``into`` is not empty.
        OSError
            It can't be written.
        """
        values = self.check(parameters)
        render(self.root / "files", into, values=values, patterns=self.spec.render, template=self.name)


class TemplateLibrary:
    """All templates.

    Parameters
    ----------
    builtin
        Folder of those that VibeCode brings (:data:`BUILTIN`).
    own
        Folder of the operator's; it may be missing.
    """

    def __init__(self, builtin: Path, own: Path) -> None:
        self._builtin = builtin
        self._own = own

    def list(self) -> Sequence[Template]:
        """Return the valid templates by name; :meth:`errors` tells about the others."""
        return [found for found in self._read() if isinstance(found, Template)]

    def errors(self) -> Sequence[str]:
        """Return a sentence for each template that can't be used."""
        return [found.detail for found in self._read() if not isinstance(found, Template)]

    def get(self, name: str) -> Template:
        """Return a template.

        Raises
        ------
        TemplateNotFound
            There is none of that name.
        InvalidInput
            It is damaged.
        """
        folder = self._folders().get(name)
        if folder is None:
            known = ", ".join(sorted(self._folders())) or "none"
            raise TemplateNotFound(f"There is no template {name} (there are: {known}).", field="source.name")
        return _load(folder)

    def _read(self) -> Iterator[Template | InvalidInput]:
        for _, folder in sorted(self._folders().items()):
            try:
                yield _load(folder)
            except InvalidInput as error:
                yield error

    def _folders(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for root in (self._builtin, self._own):
            try:
                entries = list(root.iterdir())
            except OSError:
                continue
            found.update(
                {path.name: path for path in entries if path.is_dir() and not path.name.startswith((".", "_"))}
            )
        return found


def _load(folder: Path) -> Template:
    try:
        validate_name(folder.name, kind="template")
    except InvalidName as error:
        raise InvalidInput(f"The template folder {folder} has a name that can't be used. {error.detail}") from None
    spec = read_spec(folder)
    for name in spec.extensions:
        if name.endswith(".vsix"):
            path = (folder / name).resolve()
            if not path.is_file() or not path.is_relative_to(folder.resolve()):
                raise InvalidInput(
                    f"The template {folder.name} names the extension {name}, which is not in its folder."
                )
    try:
        check_files(folder / "files", folder.name)
    except OSError as error:
        raise InvalidInput(f"The template {folder.name} can't be read: {error}.") from None
    return Template(name=folder.name, root=folder, spec=spec)
