"""The log of a workspace: what we did to start it, and what its editor says, as one stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import stat
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vibecode.domain.giturl import mask
from vibecode.domain.text import printable
from vibecode.runtimes.base import LogLine
from vibecode.runtimes.local.files import open_inside, write_atomic
from vibecode.runtimes.local.watcher import FolderWatcher

ROTATE_ABOVE: Final = 5 * 1024 * 1024
"""Bytes of editor log above which a start begins a new one; the one before is kept."""

_CHUNK: Final = 256 * 1024
_MAX_LINE: Final = 4000
_LOOK_AGAIN: Final = 0.5
"""Seconds between looks where the system can't wake us."""
_STAMP: Final = re.compile(r"^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?)\]? ?")


class WorkspaceLog:
    """Start log and editor log of one workspace.

    Parameters
    ----------
    folder
        Where they are.
    watcher
        Wakes followers when the editor writes.
    """

    def __init__(self, folder: Path, watcher: FolderWatcher) -> None:
        self._folder = folder
        self._watcher = watcher
        self._generation = 0
        self._closed = False
        self._grown = asyncio.Event()

    @property
    def editor_path(self) -> Path:
        """File that the editor's output goes to."""
        return self._folder / "editor.log"

    @property
    def _start_path(self) -> Path:
        return self._folder / "start.log"

    def begin(self) -> None:
        """Begin the log of a new start.

        Raises
        ------
        OSError
            It can't be written.
        """
        size = 0
        with contextlib.suppress(FileNotFoundError):
            found = self.editor_path.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                # The workspace can put anything here. What is written must not go where a link of it leads.
                self.editor_path.unlink()
            elif found.st_size > ROTATE_ABOVE:
                self.editor_path.replace(self._folder / "editor.log.1")
            else:
                size = found.st_size
        write_atomic(self._start_path, json.dumps({"editorLogFrom": size}) + "\n")
        self._generation += 1
        self._wake()

    def write(self, text: str) -> None:
        """Add a line to the start log, secrets in URLs masked. A full disk loses the line, never the start."""
        line = f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {_clean(mask(text))}\n"
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with os.fdopen(open_inside(self._folder, self._start_path.name, flags), "w", encoding="utf-8") as file:
                file.write(line)
        self._wake()

    def last_words(self, *, lines: int = 3) -> str:
        """Return the last lines of the editor's output since its start, shortened; empty if it said nothing."""
        tail = _Tail(self.editor_path, self._editor_from())
        with contextlib.suppress(OSError):
            tail.position = max(tail.position, self.editor_path.lstat().st_size - 8192)
        # Twice: a last line without an end is given only when nothing follows it.
        read = [*tail.read(final=True), *tail.read(final=True)]
        said = [line.text.strip() for line in read if line.text.strip()]
        return " / ".join(text[:160] for text in said[-lines:])

    def end(self) -> None:
        """Let followers finish: the workspace has gone."""
        self._closed = True
        self._wake()

    async def read(self, *, follow: bool) -> AsyncGenerator[LogLine, None]:
        """Yield the lines of the latest start, merged by time; with ``follow`` go on, into later starts too."""
        generation = -1
        tails: tuple[_Tail, ...] = ()
        stop_watching = self._watcher.add(self._folder, self._wake) if follow and self._folder.is_dir() else None
        try:
            while True:
                if generation != self._generation:
                    generation = self._generation
                    tails = (_Tail(self._start_path, 0, header=True), _Tail(self.editor_path, self._editor_from()))
                grown = self._grown
                final = not follow or self._closed
                lines = [line for tail in tails for line in tail.read(final=final)]
                for line in sorted(lines, key=lambda line: line.at):
                    yield line
                if lines:
                    continue
                if final:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if stop_watching is not None else _LOOK_AGAIN):
                        await grown.wait()
        finally:
            if stop_watching is not None:
                stop_watching()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    def _editor_from(self) -> int:
        try:
            with os.fdopen(open_inside(self._folder, self._start_path.name, os.O_RDONLY), encoding="utf-8") as file:
                return int(json.loads(file.readline())["editorLogFrom"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0


@dataclass(slots=True)
class _Tail:
    """Reads what was added to a file."""

    path: Path
    position: int
    header: bool = False
    rest: bytes = b""
    at: datetime | None = None

    def read(self, *, final: bool) -> list[LogLine]:
        try:
            with os.fdopen(open_inside(self.path.parent, self.path.name, os.O_RDONLY), "rb") as file:
                if os.fstat(file.fileno()).st_size < self.position:
                    self.position, self.rest = 0, b""
                file.seek(self.position)
                data = file.read(_CHUNK)
        except OSError:
            return []
        self.position += len(data)
        pieces = (self.rest + data).split(b"\n")
        self.rest = pieces.pop()
        if (final and not data and self.rest) or len(self.rest) > _CHUNK:
            pieces.append(self.rest)
            self.rest = b""
        if self.header and pieces:
            self.header = False
            del pieces[0]
        return [self._line(piece.decode(errors="replace")) for piece in pieces]

    def _line(self, text: str) -> LogLine:
        stamp = _STAMP.match(text)
        if stamp is not None:
            with contextlib.suppress(ValueError):
                parsed = datetime.fromisoformat(stamp[1].replace("Z", "+00:00"))
                self.at = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
                text = text[stamp.end() :]
        if self.at is None:
            self.at = datetime.now(UTC)
        return LogLine(at=self.at, text=_clean(text))


def _clean(text: str) -> str:
    """Return one printable line: no colours, no control characters that would steer a reader's terminal."""
    return printable(text, keep="\t")[:_MAX_LINE]
