"""Being woken when a file grows, instead of looking again and again."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

_IN_MODIFY: Final = 0x2
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100
_HEADER: Final = struct.Struct("iIII")


class FolderWatcher:
    """Calls back when something in a folder changes (inotify(7)). One for a process: users may open only 128."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._callbacks: dict[int, list[Callable[[], None]]] = {}
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def add(self, folder: Path, callback: Callable[[], None]) -> Callable[[], None] | None:
        """Watch a folder; return what ends it, or None where that can't be done and the caller has to look itself."""
        if self._libc is None or not self._open():
            return None
        watch = self._libc.inotify_add_watch(
            self._descriptor, os.fsencode(folder), _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE
        )
        if watch < 0:
            return None
        self._callbacks.setdefault(watch, []).append(callback)

        def remove() -> None:
            callbacks = self._callbacks.get(watch, [])
            if callback in callbacks:
                callbacks.remove(callback)
            if not callbacks and self._callbacks.pop(watch, None) is not None and self._descriptor is not None:
                assert self._libc is not None  # noqa: S101 - checked above
                self._libc.inotify_rm_watch(self._descriptor, watch)

        return remove

    def close(self) -> None:
        """End all watches."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        self._callbacks.clear()

    def _open(self) -> bool:
        if self._descriptor is None and self._libc is not None:
            descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if descriptor < 0:
                return False
            self._descriptor = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self._read)
        return self._descriptor is not None

    def _read(self) -> None:
        if self._descriptor is None:
            return
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        woken: dict[Callable[[], None], None] = {}
        at = 0
        while at < len(data):
            watch, _, _, length = _HEADER.unpack_from(data, at)
            at += _HEADER.size + length
            for callback in self._callbacks.get(watch, ()):
                woken[callback] = None
        for callback in woken:
            callback()
