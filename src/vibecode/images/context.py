"""What Docker is given to build an image: a tar archive that is the same, byte for byte, for the same files."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

RELEASED: Final = 1767225600
"""Seconds since 1970: the date of all files, and of images unless SOURCE_DATE_EPOCH sets another."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a context."""

    content: bytes
    executable: bool = False

    @classmethod
    def of(cls, text: str) -> Entry:
        """Return a file with some text."""
        return cls(text.encode())

    @classmethod
    def read(cls, path: Path) -> Entry:
        """Return a file as it is on disk."""
        return cls(path.read_bytes(), executable=bool(path.stat().st_mode & 0o100))


class Context:
    """The files of a context, by their paths."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def add(self, path: str, entry: Entry) -> None:
        """Add a file, or replace the one of this path."""
        self.entries[path] = entry

    def add_folder(self, folder: Path) -> None:
        """Add the files of a folder, without the folder's name and without hidden files."""
        for current, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            for name in sorted(names):
                if not name.startswith(".") and not name.endswith(".pyc"):
                    path = Path(current, name)
                    self.add(path.relative_to(folder).as_posix(), Entry.read(path))

    def digest(self, *more: Mapping[str, str]) -> str:
        """Return the SHA-256 of the files, and of further values that a build depends on, as hex digits."""
        result = hashlib.sha256()
        for path, entry in sorted(self.entries.items()):
            content = hashlib.sha256(entry.content).hexdigest()
            result.update(f"{path}\0{int(entry.executable)}\0{content}\n".encode())
        for values in more:
            for name, value in sorted(values.items()):
                result.update(f"{name}\0{value}\n".encode())
            result.update(b"\n")
        return result.hexdigest()

    def write(self, file: IO[bytes]) -> None:
        """Write the archive.

        Raises
        ------
        OSError
            The reader went away.
        """
        with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in _with_folders(self.entries):
                entry = self.entries.get(path)
                info = tarfile.TarInfo(path)
                info.mtime = RELEASED
                if entry is None:
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(info)
                else:
                    info.size, info.mode = len(entry.content), 0o755 if entry.executable else 0o644
                    archive.addfile(info, io.BytesIO(entry.content))


def build_date(environment: Mapping[str, str] = os.environ) -> str:
    """Return the date that images and their files get (https://reproducible-builds.org/specs/source-date-epoch/)."""
    wanted = environment.get("SOURCE_DATE_EPOCH", "")
    return wanted if wanted.isdecimal() else str(RELEASED)


def _with_folders(paths: Mapping[str, Entry]) -> list[str]:
    folders = {parent.as_posix() for path in paths for parent in Path(path).parents}
    return sorted((folders | set(paths)) - {"."})
