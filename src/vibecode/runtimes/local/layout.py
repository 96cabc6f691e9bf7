"""The data folder: what lies where, who may use it, and that only one server does.

Everything a server keeps is below one folder. It belongs to one user, carries the number of its layout, and is locked
while a server uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vibecode import __version__
from vibecode.domain.errors import DataFolderUnusable
from vibecode.runtimes.local.files import make_private_folder, make_real_folder, unusable, write_atomic

LAYOUT: Final = 1
"""Version of the layout that this code writes and reads."""

MAX_SOCKET_PATH: Final = 103 if sys.platform == "darwin" else 107
"""Most bytes in the path of a Unix socket: ``sun_path`` less the final NUL (unix(7))."""

MAX_SOCKET_NAME: Final = 20
"""Bytes kept for the name of a socket in its folder."""

_OURS: Final = frozenset({"editors", "templates", "cache", "logs", "run", "workspaces", "server.lock", "lost+found"})
_PROBE_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class WorkspacePaths:
    """Where the parts of one workspace are."""

    root: Path
    name: str
    """Of the workspace."""
    socket: Path
    """Where its editor listens; outside ``root`` when that path would be too long."""

    @property
    def home(self) -> Path:
        """HOME of its processes: settings, extensions, dotfiles."""
        return self.root / "home"

    @property
    def files(self) -> Path:
        """The folder that the editor shows, by whose name people know it. It is there once it is provisioned."""
        return self.root / "files" / self.name

    @property
    def files_part(self) -> Path:
        """Where :attr:`files` is made before it gets its name."""
        return self.root / "files.part"

    @property
    def run(self) -> Path:
        """State of the present process."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """Start log and editor log."""
        return self.root / "logs"

    @property
    def agent_file(self) -> Path:
        """Address and token of the control plane, for the extension inside."""
        return self.run / "agent.json"

    @property
    def process_file(self) -> Path:
        """Which process is its editor."""
        return self.run / "process.json"

    def make(self) -> None:
        """Create the folders that every workspace has (not :attr:`files`, which provisioning makes)."""
        for folder in (self.root, self.home, self.files.parent, self.run, self.logs):
            make_real_folder(folder)


class DataFolder:
    """A server's folder.

    Parameters
    ----------
    root
        The folder; created by :meth:`prepare` if it isn't there.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - Path.absolute() keeps "..", resolve() follows links
        self._lock: int | None = None

    @property
    def workspaces(self) -> Path:
        """Folder of the workspaces' folders."""
        return self.root / "workspaces"

    def prepare(self) -> None:
        """Create the folder if need be, and check that it can be used. May be called again.

        Raises
        ------
        DataFolderUnusable
            It is read-only, full, another user's, of a newer version, or holds something else.
        """
        try:
            self._refuse_foreign()
            make_private_folder(self.root)
            self._check_version()
            self._probe()
            for name in ("workspaces", "run", "logs", "editors", "templates", "cache"):
                make_private_folder(self.root / name)
        except OSError as error:
            raise unusable(error, self.root) from error

    def lock(self, *, url: str) -> None:
        """Take the folder for this process until :meth:`release` or its end.

        Parameters
        ----------
        url
            Where this server answers, for the message to one that comes second.

        Raises
        ------
        DataFolderUnusable
            Another process has it.
        """
        path = self.root / "server.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise unusable(error, self.root) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Written in place: a replaced file would be another inode, and the lock is the inode's.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise DataFolderUnusable(
                f"The data folder {self.root} is in use by another server{holder}: stop that one first "
                "(vibecode down), or use another folder by --data-dir."
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise unusable(error, self.root) from error
        self._lock = descriptor

    def in_use(self) -> bool:
        """Whether another process has the folder."""
        try:
            descriptor = os.open(self.root / "server.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def release(self) -> None:
        """Give the folder free for another server. Does nothing if it isn't locked by us."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def workspace(self, workspace_id: str, name: str) -> WorkspacePaths:
        """Return the paths of a workspace.

        Parameters
        ----------
        workspace_id, name
            The id names its folder, the name the one in it that the editor shows.

        Raises
        ------
        DataFolderUnusable
            No place for its sockets can be found whose path is short enough and that is safely ours.
        """
        root = self.workspaces / workspace_id
        return WorkspacePaths(
            root=root, name=name, socket=self.socket_folder(root / "run", workspace_id) / "editor.sock"
        )

    def socket_folder(self, wanted: Path, short_name: str) -> Path:
        """Return ``wanted`` if sockets in it have paths short enough, else a folder elsewhere that is as private.

        Parameters
        ----------
        wanted
            A folder of ours, not necessarily made yet.
        short_name
            Of the other folder; unique in this data folder.

        Raises
        ------
        DataFolderUnusable
            The other folder can't be made, isn't ours, or is too long as well.
        """
        if len(os.fsencode(wanted)) + MAX_SOCKET_NAME < MAX_SOCKET_PATH:
            return wanted
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        parent = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        common = parent / f"vibecode-{os.geteuid()}-{digest}"
        if len(os.fsencode(common / short_name)) + MAX_SOCKET_NAME >= MAX_SOCKET_PATH:
            raise DataFolderUnusable(
                f"The paths of {self.root} and {parent} are too long for Unix sockets: use a shorter --data-dir."
            )
        _make_own_folder(common)
        _make_own_folder(common / short_name)
        return common / short_name

    def _refuse_foreign(self) -> None:
        try:
            found = self.root.stat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode):
            raise DataFolderUnusable(f"{self.root} is not a folder: use another by --data-dir.")
        if found.st_uid != os.geteuid():
            raise DataFolderUnusable(
                f"The data folder {self.root} belongs to another user: run as that user, or use another by --data-dir."
            )
        if (self.root / "layout.json").exists():
            return
        # A mistyped --data-dir must not turn somebody's home folder into ours, with its mode changed.
        strange = sorted(
            entry.name
            for entry in self.root.iterdir()
            if entry.name not in _OURS and not entry.name.startswith((".", "vibecode."))
        )
        if strange:
            raise DataFolderUnusable(
                f"{self.root} holds other things ({strange[0]}) and no VibeCode data: use another folder by --data-dir."
            )

    def _check_version(self) -> None:
        path = self.root / "layout.json"
        try:
            layout = json.loads(path.read_text(encoding="utf-8"))
            number, version = int(layout["layout"]), str(layout.get("version", "unknown"))
        except FileNotFoundError:
            write_atomic(path, json.dumps({"layout": LAYOUT, "version": __version__}) + "\n")
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataFolderUnusable(
                f"{path} is damaged: restore it from a backup, or use another folder by --data-dir."
            ) from error
        if number > LAYOUT:
            raise DataFolderUnusable(
                f"The data folder {self.root} was written by a newer VibeCode ({version}, layout {number}) than this "
                f"({__version__}, layout {LAYOUT}): upgrade, or use another folder by --data-dir."
            )
        if version != __version__:
            write_atomic(path, json.dumps({"layout": LAYOUT, "version": __version__}) + "\n")

    def _probe(self) -> None:
        """Find out now, rather than in the middle of something, that nothing can be written."""
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=".probe.") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())


def _make_own_folder(folder: Path) -> None:
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise unusable(error, folder) from error
    # The parent may be /tmp, where anybody can put a link or folder of that name first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise DataFolderUnusable(
            f"{folder} is needed for sockets, but it isn't a private folder of this user: remove it, or use a "
            "shorter --data-dir."
        )


def _read_holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f", pid {int(holder['pid'])} at {holder['url']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
