from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.require import require


@pytest.fixture(autouse=True)
def _own_socket_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sockets of data folders with long paths go here, and with it."""
    folder = tempfile.mkdtemp(prefix="vc-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    yield
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        require("mount", "this user can't mount a small tmpfs")
    yield folder
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], capture_output=True)
    subprocess.run(["umount", str(folder)], check=True)
