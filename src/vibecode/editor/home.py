"""A workspace's home before the editor starts in it."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vibecode.editor.launch import extensions_folder, user_data

_SKELETON: Final = Path("/etc/skel")
_OF_A_NEW_VOLUME: Final = frozenset({"lost+found"})
"""What file systems put into the root of a new volume."""


def seed_home(
    home: Path,
    *,
    settings: Mapping[str, object] | None = None,
    skeleton: Path = _SKELETON,
    links_may_leave: bool = False,
) -> None:
    """Prepare ``home``; repeatable, and cheap when there is nothing to do.

    VibeCode's own defaults are not written here: they are part of the editor's page (see
    :mod:`vibecode.editor.page`), below every setting of the user.

    Parameters
    ----------
    home
        The workspace's home; it is made if it isn't there, readable by its owner only.
    settings
        A template's settings. They become the user's settings if there are none yet; a file that exists, even an
        empty one, is the user's and is not touched.
    skeleton
        Files that a new, empty home gets, as ``useradd`` does it (the shell's start-up files).
    links_may_leave
        Whether the editor's folders may be links out of the home. In a container of its own that does no harm, and a
        user whose home is small moves extensions to another volume.

    Raises
    ------
    OSError
        A folder can't be made, or is a link that leads out of the home.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_empty(home):
        _copy_skeleton(skeleton, home)
    for folder in (user_data(home) / "User", extensions_folder(home)):
        if not links_may_leave:
            _stay_inside(home, folder)
        folder.resolve().mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings:
        write_if_absent(user_data(home) / "User/settings.json", settings)


def write_if_absent(path: Path, settings: Mapping[str, object]) -> bool:
    """Write ``settings`` to the file ``path`` if there is none, as a whole or not at all.

    Returns
    -------
    bool
        Whether it was written.
    """
    if os.path.lexists(path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        try:
            # A link, unlike a rename, fails if somebody made the file meanwhile.
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _stay_inside(home: Path, folder: Path) -> None:
    """Refuse links on the way to a folder, but for those within the home, which managers of dotfiles make."""
    real = home.resolve()
    step = home
    for part in folder.relative_to(home).parts:
        step /= part
        if step.is_symlink() and not step.resolve().is_relative_to(real):
            raise NotADirectoryError(errno.ENOTDIR, f"{step} is a link out of its home: put a real folder there")


def is_empty(folder: Path) -> bool:
    """Tell whether nobody has put anything into a folder, which may be the root of a new volume.

    Raises
    ------
    OSError
        It isn't there or can't be read.
    """
    return all(path.name in _OF_A_NEW_VOLUME for path in folder.iterdir())


def _copy_skeleton(skeleton: Path, home: Path) -> None:
    try:
        # One by one: copying the folder as a whole would set its mode, and a volume's root is not ours.
        for path in skeleton.iterdir() if skeleton.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, home / path.name, symlinks=True)
            else:
                shutil.copy2(path, home / path.name, follow_symlinks=False)
    except (OSError, shutil.Error) as error:
        import structlog

        structlog.get_logger(__name__).warning("the home's start-up files were not copied", error=str(error))
