"""Running the tools: docker, kind, kubectl and helm."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Final

from vibecode.cluster.errors import ClusterUnavailable, CommandFailed
from vibecode.domain.text import printable

_GRACE: Final = 10.0
"""Seconds that a tool gets to end after it was told to."""

_KEPT_OUTPUT: Final = 4000
"""Characters of a tool's output that are kept for its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a tool ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return f"{self.stdout}\n{self.stderr}"


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    text: str | None = None,
    limit: float = 60.0,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """Run a tool to its end. An exception, Ctrl-C too, ends it before it is passed on.

    Parameters
    ----------
    command
        The program and its arguments.
    environment
        Variables added to this process's own.
    text
        What it reads from its standard input; nothing if None.
    limit
        Seconds within which it has to end.
    check
        Whether another exit code than 0 raises.
    on_line
        Is called from other threads with each line as it is printed.

    Raises
    ------
    ClusterUnavailable
        It can't be started, or took too long.
    CommandFailed
        It ended with a failure; the sentence says what is known about it.
    """
    started: list[subprocess.Popen[str]] = []
    try:
        # Started in another thread, where no Ctrl-C arrives: in the midst of it, nobody would know of the process yet.
        with ThreadPoolExecutor(1) as starter:
            starter.submit(lambda: started.append(_start(command, environment, text))).result()
        [process] = started
        stdout, stderr = _communicate(process, text, limit, on_line)
    except subprocess.TimeoutExpired:
        _end(started)
        raise ClusterUnavailable(
            f"`{_shown(command)}` did not end within {limit:.0f} s and was ended: the machine may be overloaded; "
            "the same command tries again."
        ) from None
    except BaseException:
        _end(started)
        raise
    result = Result(code=process.returncode, stdout=stdout, stderr=stderr)
    if check and result.code != 0:
        raise failure(command, result)
    return result


def failure(command: Sequence[str], result: Result) -> CommandFailed:
    """Return the error of a tool that failed: its cause if that is a known one, else its own last words."""
    sentence = known_cause(result.output) or f"`{_shown(command)}` failed: {reason(result.stderr or result.stdout)}"
    return CommandFailed(sentence, output=result.output[-_KEPT_OUTPUT:])


_CAUSES: Final = (
    (
        r"permission denied while trying to connect to the docker",
        (
            "This account may not use Docker: add it to the group docker (as root, `usermod -aG docker NAME`), sign in "
            "again, and repeat the command."
        ),
    ),
    (
        r"cannot connect to the docker daemon|is the docker daemon running|error during connect",
        (
            "Docker's daemon doesn't answer: start Docker (on Linux, `systemctl start docker` as root), and repeat the "
            "command."
        ),
    ),
    (
        r"no space left on device|disk quota exceeded",
        (
            "The disk is full: make room where Docker keeps its data (`docker system df` shows what takes it, "
            "`docker system prune` frees what is unused), and repeat the command."
        ),
    ),
    (
        r"cannot allocate memory|out of memory|signal: killed|oomkilled",
        ("The machine ran out of memory: end other programs or give Docker more, and repeat the command."),
    ),
    (
        r"too many open files",
        (
            "The machine's limit of watched files is used up: as root, put fs.inotify.max_user_instances=1024 and "
            "fs.inotify.max_user_watches=524288 into /etc/sysctl.d/60-watches.conf, run `sysctl --system`, and repeat "
            "the command."
        ),
    ),
    (
        r"connection to the server .* was refused|unable to connect to the server|cluster unreachable",
        ("The cluster's API server doesn't answer: `vibecode up` starts it again."),
    ),
)


def known_cause(output: str) -> str | None:
    """Return the sentence for a failure that any tool may run into; None if the output tells of no such one."""
    for pattern, sentence in _CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return sentence
    return None


def reason(output: str) -> str:
    """Return the part of a tool's output that says most about its failure, as one sentence."""
    lines = [printable(line).strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(error|fatal)\b", line, re.IGNORECASE)]
    line = next(reversed(telling or lines), "it did not say why")
    line = re.sub(r"^(error|fatal)( response from daemon)?:\s*", "", line, flags=re.IGNORECASE)
    return line if line.endswith(".") else f"{line}."


def _shown(command: Sequence[str]) -> str:
    """Return the first words of a command line: the rest is long, and of no use to a reader."""
    words = [
        word
        for before, word in itertools.pairwise(command)
        if not word.startswith("-") and (before is command[0] or not before.startswith("-"))
    ]
    return " ".join([command[0].rpartition("/")[2], *words[:2]])


def _start(command: Sequence[str], environment: Mapping[str, str] | None, text: str | None) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise ClusterUnavailable(
            f"{command[0]} can't be started ({error.strerror}): `vibecode doctor` says more."
        ) from None


def _communicate(
    process: subprocess.Popen[str], text: str | None, limit: float, on_line: Callable[[str], None] | None
) -> tuple[str, str]:
    if on_line is None:
        return process.communicate(text, timeout=limit)
    parts: dict[str, list[str]] = {"stdout": [], "stderr": []}
    readers = [
        threading.Thread(target=_read, args=(stream, parts[name], on_line), daemon=True)
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr))
    ]
    for reader in readers:
        reader.start()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(text or "")
    process.wait(limit)
    for reader in readers:
        reader.join(_GRACE)
    return "".join(parts["stdout"]), "".join(parts["stderr"])


def _read(stream: IO[str] | None, kept: list[str], on_line: Callable[[str], None]) -> None:
    with stream or io.StringIO() as lines:
        for line in lines:
            kept.append(line)
            on_line(line)


def _end(processes: Iterable[subprocess.Popen[str]]) -> None:
    """End a tool: helm marks its release as failed when it is told so, and isn't stuck then."""
    for process in processes:
        with process, contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
