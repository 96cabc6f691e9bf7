"""The process of a workspace's editor: started, found again, asked whether it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from vibecode.runtimes.local import limits
from vibecode.runtimes.local.files import open_inside, refuse_link, write_atomic
from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.layout import WorkspacePaths
from vibecode.runtimes.local.ports import Launch
from vibecode.runtimes.local.table import MARKER

_PASSED: Final = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM", "USER", "LOGNAME", "SHELL", "TMPDIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("GIT_SSL_CAINFO", "PIP_CERT", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "GOPROXY", "GOSUMDB"),
        *("NPM_CONFIG_REGISTRY", "npm_config_registry"),
    }
)
"""Variables of the server that its workspaces get: what programs need to speak to the world, and no secret of ours."""

_HEALTH: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_FIRST_PAGE: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_ANSWER_LIMIT: Final = 5.0
_REAP_LIMIT: Final = 1.0
_WARM_UP_LIMIT: Final = 30.0
_FIRST_ANSWER: Final = 65536


@dataclass(frozen=True, slots=True)
class EditorProcess:
    """A running editor."""

    id: ProcessId
    version: str
    socket: Path
    ready_at: datetime | None = None
    child: subprocess.Popen[bytes] | None = None
    """Where it is our own child; else it was found again."""

    def exit_words(self) -> str:
        """Say how it ended. Call it after it has gone."""
        code: int | None = None
        if self.child is None:
            code = _reap(self.id.pid)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.child.wait(_REAP_LIMIT)
        if code is None:
            return "it ended while no server watched it" if self.child is None else "it ended"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def release(self) -> None:
        """Let it live on without us."""
        if self.child is not None and self.child.returncode is None:
            # Popen warns of children that are left running, and reaps them later; this one is left on purpose.
            self.child.returncode = 0


def environment(
    paths: WorkspacePaths,
    *,
    workspace_id: str,
    name: str,
    proxy_uri: str,
    inherited: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the environment of a workspace's processes.

    Parameters
    ----------
    paths
        Of the workspace.
    workspace_id, name
        Of the workspace.
    proxy_uri
        Address of a port inside it, with ``{{port}}``; the editor's Ports panel uses it.
    inherited
        The server's own environment, of which little is passed on.
    """
    passed = {key: value for key, value in inherited.items() if key in _PASSED or key.startswith("LC_")}
    if sys.prefix != sys.base_prefix and "PATH" in passed:
        # A terminal's python shall be the machine's, not the environment that this server happens to live in.
        own = str(Path(sys.prefix) / "bin")
        passed["PATH"] = os.pathsep.join(part for part in passed["PATH"].split(os.pathsep) if part != own)
    home = paths.home
    return {
        **passed,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "VIBECODE_WORKSPACE": name,
        MARKER: workspace_id,
        "VIBECODE_AGENT_FILE": str(paths.agent_file),
        "VSCODE_PROXY_URI": proxy_uri,
    }


def spawn(launch: Launch, paths: WorkspacePaths, variables: Mapping[str, str], log: Path) -> EditorProcess:
    """Start an editor in a session of its own, and write down which process it is.

    Raises
    ------
    OSError
        The program or a folder isn't there, or nothing can be written.

    Notes
    -----
    It is one step on the event loop (about 2 ms) and not in a thread, so that a cancellation can't lose a process that
    was started and not written down. Output goes to a file and not to us: it has to outlive this server.
    """
    with contextlib.suppress(FileNotFoundError):
        paths.socket.unlink()
    descriptor = open_inside(log.parent, log.name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        child = subprocess.Popen(
            list(launch.argv),
            cwd=paths.files,
            env={**variables, **launch.environment, MARKER: variables[MARKER]},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(descriptor)
    identity = ProcessId.of_child(child.pid)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # No core dumps of an editor that crashes, unless its user asks (the hard limit stays).
            hard = resource.prlimit(child.pid, resource.RLIMIT_CORE)[1]
            resource.prlimit(child.pid, resource.RLIMIT_CORE, (0, hard))
    limits.restore_for(child.pid)
    process = EditorProcess(identity, launch.version, paths.socket, child=child)
    try:
        write_down(process, paths)
    except OSError:
        identity.send(signal.SIGKILL)
        child.wait()
        raise
    return process


def write_down(process: EditorProcess, paths: WorkspacePaths) -> None:
    """Record which process a workspace's editor is, for a later server.

    Raises
    ------
    OSError
        It can't be written.
    """
    state = {
        "pid": process.id.pid,
        "start_time": process.id.start,
        "editor_version": process.version,
        "socket": str(process.socket),
        "ready_at": None if process.ready_at is None else process.ready_at.isoformat(),
    }
    refuse_link(paths.run)
    write_atomic(paths.process_file, json.dumps(state) + "\n")


def mark_ready(process: EditorProcess, paths: WorkspacePaths) -> EditorProcess:
    """Record that an editor is ready, since now if it wasn't before."""
    ready = replace(process, ready_at=process.ready_at or datetime.now(UTC))
    with contextlib.suppress(OSError):
        write_down(ready, paths)
    return ready


def read_back(paths: WorkspacePaths) -> EditorProcess | None:
    """Return the editor that was written down, if that very process still runs.

    Notes
    -----
    Its workspace could have written it. So the socket is never taken from it (one that differs was made by a server
    with other folders for sockets, and nothing reaches it), and the caller checks whose process it is.
    """
    try:
        state: dict[str, Any] = json.loads(paths.process_file.read_text(encoding="utf-8"))
        ready = state["ready_at"]
        process = EditorProcess(
            ProcessId(int(state["pid"]), str(state["start_time"])),
            str(state["editor_version"]),
            paths.socket,
            ready_at=None if ready is None else datetime.fromisoformat(ready),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if process.id.is_alive() and state["socket"] == str(process.socket) else None


async def is_ready(socket: Path, *, limit: float = _ANSWER_LIMIT) -> bool:
    """Ask an editor whether it serves; False if it doesn't answer 200 within ``limit`` seconds."""
    writer = None
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_unix_connection(socket)
            writer.write(_HEALTH)
            status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.close()
    return status.split(b" ")[1:2] == [b"200"]


async def warm_up(socket: Path) -> None:
    """Ask an editor for its first page, so that it loads what it loads only then."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_WARM_UP_LIMIT):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(_FIRST_PAGE)
                await reader.read(_FIRST_ANSWER)
            finally:
                writer.close()


async def wait_until_ready(process: EditorProcess, *, limit: float) -> bool:
    """Wait until an editor serves; False if it doesn't within ``limit`` seconds. The caller watches for its exit."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < limit:
        if await is_ready(process.socket):
            return True
        # A try costs 0.1 ms until the socket exists. 10 ms apart it adds 5 ms to a start on average.
        await asyncio.sleep(0.01 if loop.time() - began < 10 else 0.1)
    return False


def _reap(pid: int) -> int | None:
    """Return the exit code of a process that may be a child of ours from an earlier runtime in this process."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if reaped == pid else None
