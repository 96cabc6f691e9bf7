"""Making a workspace's files from a template's.

Parameters are filled in by Jinja, in its sandbox and with an error for a name that isn't there: in the contents of
files that end in ``.jinja`` (the ending goes) or that the template lists, and in the names of all files and folders.
A file or folder whose name becomes empty is left out. Everything else is copied as it is.

Nothing may be read from outside the template's folder or written outside the new one: names are checked after they are
filled in, links may only lead to files of the template, and other special files are refused.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from vibecode.domain.errors import Conflict, InvalidInput

SUFFIX: Final = ".jinja"

_MARKS: Final = ("{{", "{%", "{#")


def render(
    files: Path, into: Path, *, values: Mapping[str, str | bool], patterns: tuple[str, ...], template: str
) -> None:
    """Fill the folder ``into`` from the folder ``files``; all of it or nothing.

    Parameters
    ----------
    files
        The template's ``files`` folder; it may be missing.
    into
        An empty folder, or one that isn't there yet.
    values
        Of the parameters.
    patterns
        Files whose contents are filled in although they don't end in ``.jinja``.
    template
        Name of the template, for messages.

    Raises
    ------
    InvalidInput
        A file of the template is at fault.
    Conflict
        ``into`` is not empty.
    """
    mode = 0o700
    if into.exists():
        if any(into.iterdir()):
            raise Conflict(f"The folder {into} is not empty: a template needs an empty one.")
        mode = stat.S_IMODE(into.stat().st_mode)
    into.parent.mkdir(parents=True, exist_ok=True)
    part = into.with_name(f".{into.name}.{secrets.token_hex(4)}")
    part.mkdir(mode=0o700)
    try:
        _fill(files, part, values=values, patterns=patterns, template=template)
        part.chmod(mode)
        # Takes the place of an empty folder in one step (POSIX rename).
        part.rename(into)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def check_files(files: Path, template: str) -> None:
    """Look through a template's files for what :func:`render` would refuse whatever the parameters are.

    Raises
    ------
    InvalidInput
        A link that leads out of the template, or a special file.
    """
    for path in _walk(files):
        _check_kind(path, files, template)


def _fill(
    files: Path, into: Path, *, values: Mapping[str, str | bool], patterns: tuple[str, ...], template: str
) -> None:
    # No escaping: what is made is source code, not a page.
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    written: set[PurePosixPath] = set()
    for path in _walk(files):
        _check_kind(path, files, template)
        source = PurePosixPath(path.relative_to(files).as_posix())
        target = _target(environment, source, values, template)
        if target is None:
            continue
        if path.is_dir() and not path.is_symlink():
            (into / target).mkdir(parents=True, exist_ok=True)
            continue
        fills_in = not path.is_symlink() and _fills_in(source, patterns)
        if fills_in:
            target = target.with_name(target.name.removesuffix(SUFFIX))
        if target in written or (into / target).is_dir():
            raise InvalidInput(f"The template {template} makes {target} twice.")
        written.add(target)
        destination = into / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            destination.symlink_to(path.readlink())
            continue
        if fills_in:
            text = _rendered(environment, _text(path, source, template), values, source, template)
            destination.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(path, destination)
        shutil.copymode(path, destination)


def _walk(files: Path) -> Iterator[Path]:
    """Yield what is below ``files``, folders before what is in them, in a fixed order."""
    if not files.is_dir():
        return
    for folder, folders, names in os.walk(files, followlinks=False):
        folders.sort()
        for name in sorted([*folders, *names]):
            yield Path(folder) / name


def _check_kind(path: Path, files: Path, template: str) -> None:
    mode = path.lstat().st_mode
    shown = path.relative_to(files)
    if stat.S_ISLNK(mode):
        target = path.readlink()
        if target.is_absolute() or not (path.parent / target).resolve().is_relative_to(files.resolve()):
            raise InvalidInput(f"The template {template} has a link that leads out of it: {shown}.")
    elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InvalidInput(f"The template {template} has something that is neither a file nor a folder: {shown}.")


def _target(
    environment: SandboxedEnvironment, source: PurePosixPath, values: Mapping[str, str | bool], template: str
) -> PurePosixPath | None:
    """Return where a file goes, relative to the new folder; None if it is left out."""
    parts: list[str] = []
    for part in source.parts:
        name = _rendered(environment, part, values, source, template) if _has_marks(part) else part
        if not name or name == SUFFIX:
            return None
        if name.removesuffix(SUFFIX) in {".", ".."} or "/" in name or "\\" in name or "\0" in name:
            raise InvalidInput(
                f"The template {template} can't be used with these parameters: the name of {source} would become "
                f"{name!r}."
            )
        parts.append(name)
    return PurePosixPath(*parts)


def _fills_in(source: PurePosixPath, patterns: tuple[str, ...]) -> bool:
    return source.name.endswith(SUFFIX) or any(fnmatchcase(str(source), pattern) for pattern in patterns)


def _has_marks(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _text(path: Path, source: PurePosixPath, template: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"The template {template} fills in {source}, and that is not UTF-8 text.") from None


def _rendered(
    environment: SandboxedEnvironment,
    text: str,
    values: Mapping[str, str | bool],
    source: PurePosixPath,
    template: str,
) -> str:
    try:
        return environment.from_string(text).render(values)
    except jinja2.TemplateSyntaxError as error:
        raise InvalidInput(f"The template {template} has an error in {source}, line {error.lineno}: {error}.") from None
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"The template {template} has an error in {source}: {error}.") from None
