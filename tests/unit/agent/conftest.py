"""An agent as a process of this machine, with a stand-in for the editor."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.ports import free_port

EDITOR = """#!{python}
import http.server, json, os, sys
from pathlib import Path
home = Path(os.environ["HOME"])
(home / "started.json").write_text(json.dumps({{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}))
if "--install-extension" in sys.argv:
    sys.exit(0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
host, _, port = sys.argv[sys.argv.index("--bind-addr") + 1].rpartition(":")
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


def until(condition: Callable[[], Any], *, within: float = 30) -> Any:
    """Wait for something that becomes true, and return it."""
    end = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


class ControlPlane:
    """Takes reports."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        control_plane = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/agent/v1/processes"
                control_plane.reports.append((self.headers["Authorization"], body))
                answer = json.dumps({"reportAgainInSeconds": 10}).encode()
                self.send_response(control_plane.status)
                self.send_header("Content-Length", str(len(answer)))
                if control_plane.status == 429:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(answer)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Agent:
    """An agent and what it works on."""

    def __init__(self, root: Path) -> None:
        self.home, self.folder = root / "home", root / "workspace"
        self.message = root / "termination-log"
        self.log = root / "log"
        self.agent_file = root / "agent.json"
        self.editor_port, self.relay_port, self.ready_port = free_port(), free_port(), free_port()
        editor = root / "editors/4.0.1"
        (editor / "bin").mkdir(parents=True)
        (editor / "bin/node").write_text(EDITOR.format(python=sys.executable))
        (editor / "bin/node").chmod(0o755)
        self.home.mkdir()
        self.folder.mkdir()
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "VIBECODE_WORKSPACE": "alice",
            "VIBECODE_WORKSPACE_ID": "0000-1111",
            "VIBECODE_EDITOR": str(editor),
            "VIBECODE_EDITOR_PORT": str(self.editor_port),
            "VIBECODE_RELAY_PORT": str(self.relay_port),
            "VIBECODE_READY_PORT": str(self.ready_port),
            "VIBECODE_FOLDER": str(self.folder),
            "VIBECODE_TERMINATION_LOG": str(self.message),
            "VIBECODE_AGENT_FILE": str(self.agent_file),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vibecode.agent"],
                env={**self.variables, "PYTHONPATH": "src", **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def started(self) -> dict[str, Any]:
        """Wait for the editor, and return how it was started."""

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.editor_port)) == 0

        until(answers)
        found: dict[str, Any] = json.loads((self.home / "started.json").read_text())
        return found

    def editor_pid(self) -> int:
        """Return the pid of the editor's process."""
        assert self.process is not None
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if int(fields[1]) == self.process.pid and b"--bind-addr" in command:
                    return int(entry.name)
        raise AssertionError("no editor runs")

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    made.close()


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    made = ControlPlane()
    yield made
    made.close()
