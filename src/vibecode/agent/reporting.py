"""Telling the control plane what this workspace's processes do, from a thread beside the main one.

Whatever goes wrong here is of no concern to the editor: the control plane may be away for long.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from vibecode.agent.config import Config
from vibecode.runtimes.local import du
from vibecode.runtimes.local.listening import listeners, without_editor
from vibecode.runtimes.local.sampling import Sampler
from vibecode.runtimes.local.sockets import listening_sockets
from vibecode.runtimes.local.table import ProcessTable

EVERY: Final = 10.0
"""Seconds between reports, unless the answer says otherwise."""

_LOOK: Final = 1.0
"""Seconds between looks at which ports are open."""
_SHORTEST: Final = 1.0
_LONGEST: Final = 600.0
_ANSWER_LIMIT: Final = 5.0
_MEASURE_FIRST: Final = 30.0
_MEASURE_EVERY: Final = 600.0
_MEASURE_LIMIT: Final = 300.0
_MOST_PORTS: Final = 100
_WARM_UP_LIMIT: Final = 60.0
_LONGEST_ANSWER: Final = 65536


class _TooSoon(Exception):
    """The control plane wants fewer reports, and says when to come again."""

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


class Reporter:
    """Reports until the process ends. It begins when the editor answers.

    Parameters
    ----------
    config
        This workspace.
    editor
        Pid of its editor.
    version
        The editor's version.
    """

    def __init__(self, config: Config, *, editor: int, version: str) -> None:
        self._config = config
        self._editor = editor
        self._version = version
        self._table = ProcessTable()
        self._sampler = Sampler(self._table)
        self._storage: int | None = None
        self._failing = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._report_for_ever, name="reports", daemon=True).start()
        threading.Thread(target=self._measure_for_ever, name="storage", daemon=True).start()
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def _report_for_ever(self) -> None:
        due, seen = time.monotonic(), open_sockets()
        # The control plane drops what comes before it has learned that this workspace runs.
        time.sleep(_LOOK)
        while True:
            now = time.monotonic()
            sockets = open_sockets()
            if now >= due or sockets != seen:
                seen = sockets
                due = time.monotonic() + self._report()
            time.sleep(_LOOK)

    def _report(self) -> float:
        """Report once; return the seconds until the next time."""
        try:
            answer = self._post(self.content())
            self._failing = False
            return _within_bounds(answer["reportAgainInSeconds"])
        except _TooSoon as error:
            return _within_bounds(error.retry_after)
        except Exception as error:  # the boundary of this thread's work: it has to go on
            if not self._failing:
                self._failing = True
                print(f"The control plane can't be told what runs here ({error}); the editor goes on.", flush=True)
            return EVERY

    def content(self) -> dict[str, Any]:
        """Return what is reported."""
        workspace = self._config.workspace_id
        snapshot = self._table.scan_container(workspace)
        sample = self._sampler.sample(snapshot, [workspace], now=time.monotonic())[workspace]
        found = listeners(without_editor(snapshot.members[workspace], self._editor, self._table))
        return {
            "sampledAt": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "busyCommand": sample.busy_command,
            "cpu": sample.cpu,
            "memory": sample.memory,
            "storage": self._storage,
            "ports": [
                {"port": item.port, "process": self._table.program(item.process), "pid": item.process.pid}
                for item in found[:_MOST_PORTS]
            ],
            "editorVersion": self._version,
        }

    def _post(self, content: dict[str, Any]) -> dict[str, Any]:
        """Send a report; return the answer.

        Raises
        ------
        OSError, ValueError, KeyError, http.client.HTTPException
            It did not arrive, or what came back is no answer.
        _TooSoon
            It comes too often.
        """
        if self._config.agent_file is None:
            raise ValueError("VIBECODE_AGENT_FILE is not set")
        # Read each time: it may be given another address or token.
        agent = json.loads(self._config.agent_file.read_text(encoding="utf-8"))
        url = urlsplit(f"{agent['url'].rstrip('/')}/agent/v1/processes")
        connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = connect(url.hostname or "", url.port, timeout=_ANSWER_LIMIT)
        try:
            headers = {"Authorization": f"Bearer {agent['token']}", "Content-Type": "application/json"}
            connection.request("POST", url.path, body=json.dumps(content).encode(), headers=headers)
            answer = connection.getresponse()
            body = answer.read(_LONGEST_ANSWER)
            if answer.status == 429:
                raise _TooSoon(float(answer.getheader("Retry-After") or EVERY))
            if answer.status != 200:
                raise ValueError(f"it answered {answer.status}")
            found = json.loads(body)
            if not isinstance(found, dict):
                raise ValueError("its answer is no object")
            return found
        finally:
            connection.close()

    def _measure_for_ever(self) -> None:
        time.sleep(_MEASURE_FIRST)
        while True:
            folders = [folder for folder in (self._config.home, self._config.folder) if folder.is_dir()]
            with suppress(OSError, subprocess.SubprocessError):
                # Its exit code may be lost to whoever reaps orphans; what it printed is not.
                result = subprocess.run(
                    du.command(folders), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_MEASURE_LIMIT
                )
                self._storage = du.total(result.stdout, folders)
            time.sleep(_MEASURE_EVERY)

    def _warm_up(self) -> None:
        """Ask for the first page: loading it takes 0.3 s that nobody need wait for."""
        connection = http.client.HTTPConnection("127.0.0.1", self._config.editor_port, timeout=_WARM_UP_LIMIT)
        try:
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/")
                connection.getresponse().read()
        finally:
            connection.close()


def _within_bounds(seconds: float) -> float:
    return min(_LONGEST, max(_SHORTEST, float(seconds)))


def open_sockets() -> frozenset[tuple[str, int]]:
    """Return the addresses and ports that somebody in this container listens on."""
    return frozenset((found.address, found.port) for found in listening_sockets())
