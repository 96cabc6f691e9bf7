"""Filling the workspace's folder from its source: all of it, or nothing that would pass for all of it.

The folder is the root of a volume and can't be replaced as a whole. So the files are made in a folder inside it, get
the name ``ready`` in one step when they are complete, and are then moved up. Whatever ends this in between, doing it
again goes on from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vibecode.editor.home import is_empty

PART: Final = ".vibecode-new"
"""Where files are made; only there while that goes on."""
_READY: Final = "ready"


def is_wanting(folder: Path) -> bool:
    """Tell whether the folder has nobody's files yet, or not all of those that were being made.

    Raises
    ------
    OSError
        It can't be read.
    """
    return (folder / PART).is_dir() or is_empty(folder)


def begin(folder: Path) -> Path | None:
    """Return the folder, not yet there, to make files in; None if complete ones only have to be moved.

    Raises
    ------
    OSError
        The folder can't be written.
    """
    from vibecode.runtimes.local.files import remove_tree

    part = folder / PART
    if (part / _READY).is_dir():
        return None
    if part.is_dir():
        remove_tree(part)
    part.mkdir(mode=0o700)
    return part / "files"


def finish(folder: Path) -> None:
    """Move complete files to where they belong.

    Raises
    ------
    OSError
        The folder can't be written.
    """
    part = folder / PART
    ready = part / _READY
    if not ready.is_dir():
        (part / "files").rename(ready)
    for path in sorted(ready.iterdir()):
        target = folder / path.name
        # Somebody else's file of that name, which came meanwhile, stays.
        if not target.exists() and not target.is_symlink():
            path.rename(target)
    from vibecode.runtimes.local.files import remove_tree

    remove_tree(part)


def abandon(folder: Path) -> None:
    """Remove what was made so far.

    Raises
    ------
    OSError
        It can't be removed.
    """
    from vibecode.runtimes.local.files import remove_tree

    remove_tree(folder / PART)
