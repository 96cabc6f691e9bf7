"""Starting a server in the background, and ending it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vibecode.domain.errors import Unavailable, VibeCodeError

START_LIMIT: Final = 60.0
"""Seconds within which a server has to answer."""

STOP_LIMIT: Final = 30.0
"""Seconds within which a server has to end."""

_LOG_LIMIT: Final = 10 * 1024 * 1024


class ServerFailed(VibeCodeError):
    """The server did not start; the sentence is its own."""

    code = "server_failed"
    title = "The server did not start"


def start(data_dir: Path, overrides: Mapping[str, str]) -> tuple[int, str]:
    """Start a server that lives on after this process.

    Parameters
    ----------
    data_dir
        Its data folder; its log goes there.
    overrides
        ``VIBECODE_*`` variables that win over the environment's.

    Returns
    -------
    tuple of int and str
        Its pid, and the dashboard's address.

    Raises
    ------
    ServerFailed
        With the server's own sentence, or the place of its log.
    """
    log = log_file(data_dir)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        output = log.open("ab")
    except OSError as error:
        raise ServerFailed(
            f"The data folder {data_dir} can't be written ({error.strerror}): name another with --data-dir."
        ) from None
    reader, writer = os.pipe()
    with output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vibecode.server"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[writer],
            env={**os.environ, **overrides, "VIBECODE_READY_FD": str(writer)},
            cwd="/",
        )
    os.close(writer)
    message = _read_message(reader, process)
    if "url" in message:
        return process.pid, message["url"]
    process.wait()
    raise ServerFailed(message.get("error") or f"The server did not start: {log} says why.")


def stop(pid: int) -> None:
    """End a server and wait until it has.

    Raises
    ------
    Unavailable
        It did not end in time.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(STOP_LIMIT)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        raise Unavailable(f"The server (pid {pid}) is taking long to end: look again with `vibecode status`.") from None


def log_file(data_dir: Path) -> Path:
    """Return where a server of a data folder logs."""
    return data_dir / "logs" / "server.log"


def _read_message(reader: int, process: subprocess.Popen[bytes]) -> dict[str, str]:
    """Return the server's one line, or nothing if it ended without one or takes too long."""
    import select

    deadline = time.monotonic() + START_LIMIT
    content = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while not content.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                process.terminate()
                return {"error": f"The server did not answer within {START_LIMIT:.0f} s and was ended."}
            chunk = pipe.read(65536)
            if not chunk:
                return {}
            content += chunk
    message: dict[str, str] = json.loads(content)
    return message
