"""The installed versions of the editor: which there are, which one new starts use, and changing that."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from vibecode.domain.errors import Conflict, EditorUnavailable
from vibecode.editor import additions, installer, locks
from vibecode.editor.lock import exclusive
from vibecode.editor.manifest import Manifest
from vibecode.editor.model import MANIFEST_NAME, REQUIRED, Editor

_log = structlog.get_logger(__name__)

_INSTALLING: Final = ".installing-"
_REMOVING: Final = ".removing-"


class EditorStore:
    """The folder ``<data>/editors``.

    Parameters
    ----------
    root
        The folder; it is made at the first installation.
    cache
        npm's cache; ``<data>/cache/npm`` if not given.
    log
        File for npm's last lines when an installation fails; ``<data>/logs/editor-install.log`` if not given.
    pins
        Folder of lockfiles; those that VibeCode brings if not given.
    """

    def __init__(
        self, root: Path, *, cache: Path | None = None, log: Path | None = None, pins: Path = locks.LOCKS
    ) -> None:
        self.root = root
        self._cache = cache or root.parent / "cache/npm"
        self._log_file = log or root.parent / "logs/editor-install.log"
        self._pins = pins

    def installed(self) -> list[Editor]:
        """Return the finished installations, newest first. A damaged one is among them; :meth:`get` tells."""
        try:
            names = [path.parent.name for path in self.root.glob(f"[!.]*/{MANIFEST_NAME}")]
        except OSError:
            return []
        return [Editor.at(self.root / name, name) for name in sorted(names, key=locks.version_key, reverse=True)]

    def current(self) -> Editor | None:
        """Return the version that new starts use, or None if none is installed."""
        try:
            version = (self.root / "current").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            version = ""
        installed = self.installed()
        named = next((editor for editor in installed if editor.version == version), None)
        # `current` may name what somebody removed by hand; the newest is then the best answer.
        return named or next(iter(installed), None)

    def get(self, version: str) -> Editor:
        """Return an installed version after a quick look at it (a few stat calls).

        Raises
        ------
        EditorUnavailable
            It isn't installed, or parts of it are missing.
        """
        editor = Editor.at(self.root / version, version)
        if not _is_plain(version) or not editor.root.is_dir():
            known = ", ".join(item.version for item in self.installed()) or "none"
            raise EditorUnavailable(
                f"Editor {version} is not installed (installed: {known}): run `vibecode editor install {version}`."
            )
        missing = [name for name in (Path(MANIFEST_NAME), *REQUIRED) if not (editor.root / name).is_file()]
        if missing:
            raise EditorUnavailable(
                f"Editor {version} is damaged ({missing[0].as_posix()} is missing): run `vibecode editor install "
                f"{version} --again`."
            )
        return editor

    def manifest(self, version: str) -> Manifest:
        """Return what was recorded when ``version`` was installed.

        Raises
        ------
        EditorUnavailable
            It isn't installed, is damaged, or its manifest can't be read.
        """
        path = self.get(version).root / MANIFEST_NAME
        try:
            return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise EditorUnavailable(
                f"Editor {version} is damaged (its manifest can't be read): run `vibecode editor install {version} "
                "--again`."
            ) from error

    def verify(self, version: str) -> list[str]:
        """Look at an installation closely: about a second.

        Returns
        -------
        list
            Sentences about what is wrong; empty if nothing is.
        """
        try:
            manifest = self.manifest(version)
        except EditorUnavailable as error:
            return [error.detail]
        root = self.root / version
        present = installer.hashes(root)
        problems = [
            f"Editor {version}: {name} is {'changed' if name in present else 'missing'}."
            for name, expected in manifest.hashes.items()
            if present.get(name) != expected
        ]
        problems += additions.problems(Editor.at(root, version))
        count = installer.files_in(root).files
        if count < manifest.files:
            problems.append(f"Editor {version}: {manifest.files - count} of its {manifest.files} files are missing.")
        return problems

    async def install(
        self, *, progress: Callable[[str], None], version: str | None = None, again: bool = False
    ) -> Editor:
        """Install a version; one that is there already is returned at once.

        It becomes the current one only if there was none: :meth:`use` switches. Two at once, also of two processes,
        wait for each other.

        Parameters
        ----------
        progress
            Is told in plain words how it goes on.
        version
            A pinned version; the newest if not given.
        again
            Replace an installation that is there (running workspaces keep what they have loaded).

        Raises
        ------
        EditorUnavailable
            The version isn't known, or npm or the registry failed.
        DataFolderUnusable
            The folder is read-only or the disk is full.
        """
        pin = locks.find(version, self._pins)
        if not again and (ready := self._ready(pin.version)) is not None:
            self._adopt(pin.version)
            return ready
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            async with exclusive(
                self.root / ".lock",
                lambda: progress("Another installation of the editor is going on: waiting for it …"),
            ) as lock:
                if again or (editor := self._ready(pin.version)) is None:
                    self._remove_leftovers()
                    editor = await self._install(pin, lock, progress)
                self._adopt(pin.version)
                return editor
        except OSError as error:
            raise installer.disk_error(error, self.root) from error

    def use(self, version: str) -> Editor:
        """Make ``version`` the one that new starts use; running workspaces keep theirs.

        Raises
        ------
        EditorUnavailable
            It isn't installed or is damaged.
        DataFolderUnusable
            The folder can't be written to.
        """
        editor = self.get(version)
        temporary = self.root / f".current-{secrets.token_hex(4)}"
        try:
            temporary.write_text(f"{version}\n", encoding="utf-8")
            temporary.replace(self.root / "current")
        except OSError as error:
            raise installer.disk_error(error, self.root) from error
        return editor

    def remove(self, version: str, *, in_use: Collection[str] = ()) -> None:
        """Remove an installation.

        Parameters
        ----------
        version
            The version.
        in_use
            Versions that running workspaces use.

        Raises
        ------
        EditorUnavailable
            It isn't installed.
        Conflict
            It is the current one, or running workspaces use it.
        DataFolderUnusable
            The folder can't be written to.
        """
        folder = self.root / version
        if not _is_plain(version) or not folder.is_dir():
            known = ", ".join(item.version for item in self.installed()) or "none"
            raise EditorUnavailable(f"Editor {version} is not installed (installed: {known}).")
        current = self.current()
        if current is not None and current.version == version:
            raise Conflict(
                f"Editor {version} is the one that new starts use: switch to another with `vibecode editor use`, "
                "then remove it."
            )
        if version in in_use:
            raise Conflict(
                f"Running workspaces use editor {version}: restart or stop them (`vibecode workspace restart`), then "
                "remove it."
            )
        doomed = self.root / f"{_REMOVING}{secrets.token_hex(4)}"
        try:
            folder.rename(doomed)
            shutil.rmtree(doomed)
        except OSError as error:
            raise installer.disk_error(error, self.root) from error

    def _ready(self, version: str) -> Editor | None:
        try:
            return self.get(version)
        except EditorUnavailable:
            return None

    def _adopt(self, version: str) -> None:
        if not (self.root / "current").exists():
            self.use(version)

    async def _install(self, pin: locks.Pin, lock: int, progress: Callable[[str], None]) -> Editor:
        folder = self.root / f"{_INSTALLING}{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            manifest = await installer.build(
                pin, folder, cache=self._cache, log=self._log_file, keep_open=[lock], progress=progress
            )
            target = self.root / pin.version
            if target.exists():
                target.rename(self.root / f"{_REMOVING}{secrets.token_hex(4)}")
            folder.rename(target)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        editor = Editor.at(self.root / pin.version, pin.version)
        self._remove_leftovers()
        _log.info("editor installed", version=pin.version, seconds=manifest.seconds, bytes=manifest.size_bytes)
        progress(
            f"The editor is installed: {manifest.downloaded_bytes / 1e6:.0f} MB downloaded, "
            f"{manifest.size_bytes / 1e6:.0f} MB on disk, {manifest.seconds:.0f} s."
        )
        return editor

    def _remove_leftovers(self) -> None:
        """Remove what killed installations and removals left. Only under the lock: nobody is working on them."""
        for prefix in (_INSTALLING, _REMOVING):
            for folder in self.root.glob(f"{prefix}*"):
                shutil.rmtree(folder, ignore_errors=True)
        for file in self.root.glob(".current-*"):
            file.unlink(missing_ok=True)


def _is_plain(version: str) -> bool:
    return bool(version) and version not in {".", ".."} and "/" not in version and not version.startswith(".")
