"""Small things done to files safely: atomic writes, thorough removal, the size of a folder."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vibecode.domain.errors import DataFolderUnusable
from vibecode.runtimes.local import du

_OUT_OF_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_WRITABLE: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_DU_LIMIT: Final = 300.0


def write_atomic(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file in one step, so that a reader sees the old or the new text and never a part.

    Raises
    ------
    OSError
        The folder can't be written; the old file is still there.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def make_private_folder(path: Path) -> None:
    """Create a folder (and its parents) that only we may enter, or make it so."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)


def make_real_folder(path: Path) -> None:
    """Create a folder that only we may enter, or make it so; refuse what leads elsewhere.

    Raises
    ------
    NotADirectoryError
        There is a link or a file: a workspace may have put it there, and what is written must not go where it leads.
    OSError
        It can't be made.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    refuse_link(path)
    if stat.S_IMODE(path.lstat().st_mode) != 0o700:
        path.chmod(0o700)


def refuse_link(folder: Path) -> None:
    """Make sure that a folder is one, and no link to one.

    Raises
    ------
    NotADirectoryError
        It isn't.
    """
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder, or a link to one: put a real folder there")


def open_inside(folder: Path, name: str, flags: int) -> int:
    """Open a regular file in a folder, and follow no link to either.

    Parameters
    ----------
    folder, name
        Where it is.
    flags
        As of :func:`os.open`. A file that is created is private.

    Raises
    ------
    OSError
        One of them is a link or something else, or isn't there.
    """
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Not blocking: of a named pipe, this would wait for its other end.
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{folder / name} is no file")
    os.set_blocking(descriptor, True)
    return descriptor


def remove_tree(path: Path) -> None:
    """Remove a folder with everything in it, read-only files and folders too. Does nothing if it isn't there.

    Raises
    ------
    OSError
        Something in it can't be removed even so.
    """

    def unlock(
        function: Callable[..., object], name: str, error: tuple[type[BaseException], BaseException, object]
    ) -> None:
        if isinstance(error[1], FileNotFoundError):
            return
        if not isinstance(error[1], PermissionError):
            raise error[1]
        # Removing needs write permission on the folder, not on the file; Go's module cache and others take it away.
        for folder in (Path(name).parent, Path(name)):
            with contextlib.suppress(OSError):
                if not folder.is_symlink() and folder.is_dir():
                    folder.chmod(0o700)
        if function is os.unlink:
            Path(name).unlink(missing_ok=True)
        elif function is os.rmdir:
            Path(name).rmdir()
        else:
            shutil.rmtree(name, onerror=unlock)

    if path.is_symlink():
        path.unlink()
        return
    shutil.rmtree(path, onerror=unlock)


async def disk_usage(*folders: Path) -> int | None:
    """Return the bytes that folders take on disk; None if it could not be measured."""
    present = [folder for folder in folders if folder.is_dir()]
    if not present:
        return 0
    try:
        process = await asyncio.create_subprocess_exec(
            *du.command(present),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_DU_LIMIT):
            output, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return du.total(output, present)


def unusable(error: OSError, path: Path) -> DataFolderUnusable:
    """Put a failure to use the data folder into a sentence that says what to do."""
    if error.errno in _OUT_OF_SPACE:
        return DataFolderUnusable(f"The disk of {path} is full: free some space, or use another folder by --data-dir.")
    if error.errno in _NOT_WRITABLE:
        return DataFolderUnusable(
            f"The data folder {path} can't be written: make it writable for this user, or use another by --data-dir."
        )
    return DataFolderUnusable(
        f"The data folder {path} can't be used ({error.strerror or error}): use another by --data-dir."
    )


def is_out_of_space(error: OSError) -> bool:
    """Tell whether a failure came from a full disk or an exhausted quota."""
    return error.errno in _OUT_OF_SPACE
