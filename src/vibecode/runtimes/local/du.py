"""Measuring what folders take on disk: the command, and what it says."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path


def command(folders: Sequence[Path]) -> list[str]:
    """Return the command that measures some folders, at low priority.

    Notes
    -----
    ``du`` counts hard links once and doesn't follow symbolic links. Walking a big ``node_modules`` in Python holds the
    interpreter for a second.
    """
    nice = ["nice", "-n", "19"] if shutil.which("nice") else []
    return [*nice, "du", "-s", "-k", "-x", "--", *(str(folder) for folder in folders)]


def total(output: bytes, folders: Sequence[Path]) -> int | None:
    """Return the bytes that the command told; None if it could not tell them all.

    A file that vanished meanwhile makes du fail after it has printed the total, which is still right.
    """
    kilobytes = [int(line.split(None, 1)[0]) for line in output.splitlines() if line[:1].isdigit()]
    return sum(kilobytes) * 1024 if len(kilobytes) == len(folders) else None
