"""What is remembered of a data folder's cluster, and where its files are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from vibecode.cluster.errors import ClusterUnavailable
from vibecode.runtimes.local.files import make_private_folder, unusable, write_atomic

DEFAULT_CLUSTER: Final = "vibecode-cluster"
NAMESPACE: Final = "vibecode-platform"
"""Where the platform is installed in it."""

RuntimeName = Literal["local", "kubernetes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A cluster of this data folder."""

    cluster: str
    """Its name, as kind knows it."""
    stage: Literal["creating", "created"]
    """Whether making it was finished, and deleting it not begun. What is not whole is made anew."""
    node: str = ""
    """Id of its first node's container: another cluster of the same name has another."""
    release: str = ""
    """Hash of everything that was installed by Helm."""

    @property
    def is_unfinished(self) -> bool:
        """Whether making or deleting it was interrupted, so that what is left of it holds nothing of worth."""
        return self.stage == "creating"


class ClusterFolder:
    """The folder of a cluster's files.

    Parameters
    ----------
    data_dir
        The data folder that it is in.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.root = data_dir / "kubernetes"

    @property
    def kubeconfig(self) -> Path:
        """Address and credentials of the cluster's API server. The user's own file is never touched."""
        return self.root / "kubeconfig"

    @property
    def mark(self) -> Path:
        """An empty folder that the nodes of this data folder's cluster see: by it they are known."""
        return self.root / "mark"

    @property
    def values(self) -> Path:
        """Values of the chart, as they were given to Helm."""
        return self.root / "values.json"

    @property
    def ca_certificate(self) -> Path:
        """Certificate of the authority that signs the cluster's certificates."""
        return self.root / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """Its key."""
        return self.root / "ca.key"

    @property
    def certificate(self) -> Path:
        """Certificate of the edge."""
        return self.root / "tls.crt"

    @property
    def key(self) -> Path:
        """Its key."""
        return self.root / "tls.key"

    @property
    def access(self) -> Path:
        """Where the API is, for the command line."""
        return self.root / "access.json"

    @property
    def token(self) -> Path:
        """The command line's token."""
        return self.root / "cli.token"

    def prepare(self) -> None:
        """Make the folder, so that only we may enter it.

        Raises
        ------
        DataFolderUnusable
            It can't be made.
        """
        try:
            make_private_folder(self.root)
            make_private_folder(self.mark)
        except OSError as error:
            raise unusable(error, self.root) from error

    def read(self) -> State | None:
        """Return what is remembered; None if this data folder never had a cluster, or the file is damaged."""
        try:
            return State(**json.loads(self._state_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, state: State) -> State:
        """Remember a state, and return it.

        Raises
        ------
        DataFolderUnusable
            It can't be written.
        """
        self._write(self._state_file, json.dumps(asdict(state), indent=2) + "\n")
        return state

    def change(self, state: State, *, release: str) -> State:
        """Remember a state with another release."""
        return self.write(replace(state, release=release))

    def forget(self) -> None:
        """Remove everything but the certificate authority, which browsers may have been told to trust."""
        kept = {self.ca_certificate, self.ca_key, self._lock_file}
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if path not in kept and not path.is_dir():
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.mark.rmdir()
        self._runtime_file.unlink(missing_ok=True)

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only we may read.

        Raises
        ------
        DataFolderUnusable
            It can't be written.
        """
        self._write(path, text)

    @property
    def runtime(self) -> RuntimeName | None:
        """The runtime that `up` used last in this data folder; None if it was never used, or that isn't known."""
        try:
            text = self._runtime_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        return "local" if text == "local" else "kubernetes" if text == "kubernetes" else None

    def remember_runtime(self, runtime: RuntimeName) -> None:
        """Remember the runtime that `up` used."""
        if self.runtime != runtime:
            self._write(self._runtime_file, f"{runtime}\n")

    @contextlib.contextmanager
    def lock(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Let one command at a time change the cluster.

        Parameters
        ----------
        on_wait
            Is called if another command does, before it is waited for.
        """
        try:
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise unusable(error, self.root) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def require(self, asked: str | None) -> str:
        """Return the name of the cluster that is meant.

        Parameters
        ----------
        asked
            What the user named; None for the one of this data folder, or the default.

        Raises
        ------
        ClusterUnavailable
            This data folder has another one.
        """
        state = self.read()
        if state is None:
            return asked or DEFAULT_CLUSTER
        if asked not in (None, state.cluster):
            raise ClusterUnavailable(
                f"The cluster of {self._data_dir} is {state.cluster}: use another folder by --data-dir for {asked}, or "
                "delete the present one first (`vibecode down --delete-data`)."
            )
        return state.cluster

    @property
    def _state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def _runtime_file(self) -> Path:
        return self._data_dir / "runtime"

    def _write(self, path: Path, text: str) -> None:
        try:
            write_atomic(path, text)
        except OSError as error:
            raise unusable(error, path.parent) from error
