"""Removing a workspace's folder, so that being ended in the middle leaves nothing half there."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from vibecode.runtimes.local.context import Context
from vibecode.runtimes.local.files import remove_tree
from vibecode.runtimes.local.layout import DataFolder, WorkspacePaths

TRASH: Final = ".trash-"
"""What the name of a folder begins with that is being removed; the workspace's id follows."""


async def purge(context: Context, workspace_id: str, paths: WorkspacePaths) -> None:
    """Remove a workspace's folder and record. Nothing of it may run.

    The folder gets another name first: from then on the workspace is gone, whatever happens.

    Raises
    ------
    OSError
        The folder can't be moved.
    """
    trash = paths.root.with_name(TRASH + workspace_id)
    with contextlib.suppress(FileNotFoundError):
        paths.root.rename(trash)
    if paths.socket.parent != paths.run:
        await asyncio.to_thread(empty_trash, paths.socket.parent)
    await context.store.remove(workspace_id)
    await asyncio.to_thread(empty_trash, trash)


def unfinished(data: DataFolder) -> dict[str, Path]:
    """Return the folders whose removal was begun, by workspace id."""
    return {path.name.removeprefix(TRASH): path for path in data.workspaces.glob(f"{TRASH}*")}


def empty_trash(*folders: Path) -> None:
    """Remove folders; what can't be removed now is tried again by the next server."""
    for folder in folders:
        with contextlib.suppress(OSError):
            remove_tree(folder)
