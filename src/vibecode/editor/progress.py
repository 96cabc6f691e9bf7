"""Telling how an installation goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from vibecode.editor import prune
from vibecode.editor.locks import Pin

Progress = Callable[[str], None]
"""Is told in plain words how it goes on."""

_NOTHING: Final = 1_000_000
"""Bytes of growth below which npm takes everything from its cache."""


@asynccontextmanager
async def reporting(pin: Pin, cache: Path, cached: int, started: float, progress: Progress) -> AsyncIterator[None]:
    """Tell about once a second how much was downloaded, from the growth of npm's cache.

    npm itself shows nothing that a program could read.

    Parameters
    ----------
    pin
        What is installed.
    cache
        npm's cache.
    cached
        Its size in bytes before.
    started
        When it began (monotonic clock).
    progress
        Is told.
    """
    total = megabytes(pin.download_bytes)
    progress(f"Installing the editor, code-server {pin.version} (about {total} to download) …")
    task = asyncio.create_task(_report(pin, cache, cached, started, progress))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def size_of(folder: Path) -> int:
    """Return the bytes below ``folder``, which npm may be changing; 0 if it isn't there."""
    try:
        return prune.measure(folder).bytes
    except OSError:
        return 0


def megabytes(count: int) -> str:
    """Return a size such as ``195 MB``."""
    return f"{count / 1e6:.0f} MB"


async def _report(pin: Pin, cache: Path, cached: int, started: float, progress: Progress) -> None:
    most = 0
    while True:
        await asyncio.sleep(1)
        grown = await asyncio.to_thread(size_of, cache) - cached
        # While npm moves a file into its cache, parts of it are there twice.
        most = max(most, min(grown, pin.download_bytes))
        seconds = round(time.monotonic() - started)
        if most < _NOTHING:
            progress(f"Unpacking the editor: {seconds} s")
        else:
            progress(f"Downloading the editor: {megabytes(most)} of about {megabytes(pin.download_bytes)}, {seconds} s")
