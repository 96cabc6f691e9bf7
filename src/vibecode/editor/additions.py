"""What VibeCode adds to an installed editor, and keeps up to date.

An upgrade of VibeCode must bring its new extension and its new defaults to workspaces at their next start, without
another download of the editor. So these parts are not looked at as a part of the installation: :func:`ensure` compares
and replaces them, before each start, in about a millisecond when nothing is to be done.

The extension is put among the editor's built-in ones. Installed into each home it would cost a start of Node each time
(1 to 2 s for ``--install-extension``), could be removed by accident, and would have to be mended in each home.
"""

from __future__ import annotations

import json
import secrets
import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

import structlog

from vibecode.editor.model import VSCODE, WORKBENCH_PAGE, Editor
from vibecode.editor.page import default_settings, with_additions

_log = structlog.get_logger(__name__)

EXTENSION: Final = Path(__file__).parent / "extensions/vibecode.vsix"
"""Our extension, built by ``make``."""
EXTENSION_FOLDER: Final = VSCODE / "extensions/vibecode"

_SHIMS: Final = Path(__file__).parent / "shims"
_STAND_INS: Final = {
    "@vscode/spdlog/index.js": "spdlog.js",
    "@vscode/sqlite3/lib/sqlite3.js": "sqlite3.js",
    "@vscode/native-watchdog/index.js": "watchdog.js",
}
"""Files of native modules, which npm can't build without a compiler, and what stands in for them."""
_STAMP: Final = ".vibecode-source"


def ensure(editor: Editor, *, extension: Path = EXTENSION) -> None:
    """Bring what VibeCode adds to ``editor`` up to date. Repeatable, also while workspaces run.

    A folder that can't be written to (an image that holds the editor) is left as it is, with a line in the log.

    Raises
    ------
    EditorUnavailable
        The editor's page has an unexpected shape.
    """
    try:
        _ensure_page(editor.root / WORKBENCH_PAGE)
        _ensure_stand_ins(editor.vscode / "node_modules")
        _ensure_extension(editor.root / EXTENSION_FOLDER, extension)
    except OSError as error:
        _log.warning("the editor's additions are not up to date", version=editor.version, error=str(error))


def problems(editor: Editor) -> list[str]:
    """Return sentences about what is not as :func:`ensure` makes it; for ``vibecode doctor``."""
    page = editor.root / WORKBENCH_PAGE
    if not page.is_file():
        return [f"Editor {editor.version}: its start page is missing."]
    text = page.read_text(encoding="utf-8")
    if with_additions(text, default_settings()) != text:
        return [
            f"Editor {editor.version}: VibeCode's part of the start page is not up to date; the next start mends it."
        ]
    return []


def extension_version(editor: Editor) -> str | None:
    """Return the version of our extension that ``editor`` has, or None."""
    try:
        described = json.loads((editor.root / EXTENSION_FOLDER / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    version = described.get("version")
    return version if isinstance(version, str) else None


def _ensure_page(page: Path) -> None:
    present = page.read_text(encoding="utf-8")
    wanted = with_additions(present, default_settings())
    if wanted != present:
        _replace(page, wanted.encode("utf-8"))


def _ensure_stand_ins(modules: Path) -> None:
    for name, source in _STAND_INS.items():
        target = modules / name
        if not target.is_file() or _is_built(modules / PurePosixPath(name).parts[0] / PurePosixPath(name).parts[1]):
            continue
        wanted = (_SHIMS / source).read_bytes()
        if target.read_bytes() != wanted:
            _replace(target, wanted)


def _is_built(package: Path) -> bool:
    return any(package.glob("build/Release/*.node"))


def _ensure_extension(folder: Path, source: Path) -> None:
    try:
        state = source.stat()
    except FileNotFoundError:
        _log.warning("the VibeCode extension is not built; workspaces work without it", path=str(source))
        return
    stamp = f"{state.st_size} {state.st_mtime_ns}\n"
    try:
        if (folder / _STAMP).read_text(encoding="utf-8") == stamp:
            return
    except OSError:
        pass
    # VS Code reads every folder here whose name does not begin with a dot.
    fresh = folder.with_name(f".vibecode-{secrets.token_hex(4)}")
    old = folder.with_name(f".vibecode-{secrets.token_hex(4)}")
    try:
        unpack(source, fresh)
        (fresh / _STAMP).write_text(stamp, encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except (zipfile.BadZipFile, KeyError) as error:
        _log.warning(
            "the VibeCode extension is damaged; workspaces work without it", path=str(source), error=str(error)
        )
    finally:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)


def unpack(vsix: Path, into: Path) -> None:
    """Unpack the extension in ``vsix`` (its folder ``extension/``) into the new folder ``into``.

    Raises
    ------
    zipfile.BadZipFile, KeyError
        It is no .vsix, or one with a path that leads out of ``into``.
    """
    with zipfile.ZipFile(vsix) as archive:
        archive.getinfo("extension/package.json")
        into.mkdir(parents=True)
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename).parts
            if ".." in parts or "\\" in entry.filename:
                raise zipfile.BadZipFile(f"{entry.filename} leads out of the extension's folder")
            if entry.is_dir() or parts[:1] != ("extension",):
                continue
            target = into.joinpath(*parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as content, target.open("wb") as file:
                shutil.copyfileobj(content, file)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
