"""The real editor, started as the local runtime starts it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.editors import copy_tree_cheaply, installed_editor
from tests.support.ports import free_port
from tests.support.product_api import wait_until
from vibecode.editor.additions import ensure
from vibecode.editor.home import seed_home
from vibecode.editor.launch import command, environment
from vibecode.editor.model import Editor
from vibecode.editor.store import EditorStore
from vibecode.runtimes.local.identity import ProcessId


@pytest.fixture(scope="session")
def installed() -> Editor:
    return installed_editor()


@pytest.fixture
def store(installed: Editor, tmp_path: Path) -> EditorStore:
    """A store of its own with the real editor, which a test may change."""
    copy = EditorStore(tmp_path / "data/editors")
    copy.root.mkdir(parents=True)
    copy_tree_cheaply(installed.root, copy.root / installed.version)
    copy.use(installed.version)
    return copy


@pytest.fixture
def editor(store: EditorStore) -> Editor:
    current = store.current()
    assert current is not None
    return current


class Workspace:
    """A workspace's folders and its running editor."""

    def __init__(self, root: Path) -> None:
        self.home, self.files, self.run = root / "home", root / "files", root / "run"
        self.log = root / "editor.log"
        for folder in (self.files, self.run):
            folder.mkdir(parents=True)
        seed_home(self.home)

    @contextlib.contextmanager
    def started(self, editor: Editor) -> Iterator[str]:
        """Start the editor; yields its address. A TCP port stands in for the socket, which a browser can't open."""
        ensure(editor)
        port = free_port()
        argv = command(editor, socket=self.run / "editor.sock", home=self.home, folder=self.files)
        at = argv.index("--socket")
        argv[at : at + 4] = ["--bind-addr", f"127.0.0.1:{port}"]
        with self.running(argv, editor) as process:
            wait_for_answer(process, lambda: socket.create_connection(("127.0.0.1", port), 5))
            yield f"http://127.0.0.1:{port}"

    @contextlib.contextmanager
    def running(self, argv: list[str], editor: Editor, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command line in a process group of its own, and end that."""
        own = environment(editor, home=self.home, extra=variables)
        with self.log.open("wb") as log:
            process = subprocess.Popen(argv, env=own, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            family = _descendants(process)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            # One that was killed is there until it has had the processor once more.
            wait_until(lambda: not any(each.is_alive() for each in family), "the editor's processes are gone")


def _descendants(process: subprocess.Popen[bytes]) -> list[ProcessId]:
    with contextlib.suppress(psutil.NoSuchProcess):
        found = [ProcessId.of(child.pid) for child in psutil.Process(process.pid).children(recursive=True)]
        return [each for each in found if each is not None]
    return []


def wait_for_answer(process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> None:
    """Wait until the editor answers its health check."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the editor ended"
        connection = http.client.HTTPConnection("editor")
        try:
            connection.sock = connect()
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        finally:
            connection.close()
    raise AssertionError("the editor did not answer")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")
