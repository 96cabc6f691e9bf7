"""Cloning a repository into a new workspace, with its progress and its failures in words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from vibecode.domain.errors import SourceUnavailable
from vibecode.domain.giturl import mask
from vibecode.domain.workspace import GitSource

NO_PROGRESS_LIMIT: Final = 120.0
"""Seconds without a word from Git after which a clone is given up."""

_PROGRESS: Final = re.compile(r"^(?:remote: )?(?P<step>[A-Z][A-Za-z ]+): +(?P<percent>\d+)%")
_PROGRESS_EVERY: Final = 0.25
_AGAIN: Final = "then start the workspace again"

_NEEDS_KEY: Final = (
    r"could not read (username|password)|authentication failed|terminal prompts disabled|permission denied \(|"
    r"returned error: 40[13]|invalid (username|credentials)|access denied|support for password authentication"
)
_UNREACHABLE: Final = (
    r"could not resolve|name or service not known|connection (refused|timed out|reset)|failed to connect|"
    r"couldn't connect|network is unreachable|no route to host|timed out|unable to connect|early eof|"
    r"ssl certificate|certificate verify|gnutls|returned error: 5\d\d|unable to look up"
)
_NO_REPOSITORY: Final = (
    r"not found|does not appear to be a git repository|does not exist|not valid: is this a git repository|"
    r"no such file|returned error: 4\d\d|not a git repository"
)
_REASONS: Final[tuple[tuple[str, str], ...]] = (
    (_NEEDS_KEY, "asks for a password or key: make a new workspace from a public address, or one with an access token"),
    (
        r"remote branch .* not found|couldn't find remote ref",
        "has no branch or tag {branch}: make a new workspace with a branch that it has, or with none for the default",
    ),
    (
        r"host key verification failed",
        f"is on a host whose key this machine doesn't know: connect to it once by ssh as the server's user, {_AGAIN}",
    ),
    (_UNREACHABLE, f"can't be reached from this machine: check the address and the network, {_AGAIN}"),
    (
        _NO_REPOSITORY,
        "is not a Git repository, or is private: check the address, and make a new workspace with the right one",
    ),
    (r"no space left on device|disk quota exceeded", f"does not fit: the disk is full; free some space, {_AGAIN}"),
)


async def clone(
    source: GitSource,
    into: Path,
    *,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    allow_local: bool = False,
    no_progress_limit: float = NO_PROGRESS_LIMIT,
) -> None:
    """Clone a repository.

    Parameters
    ----------
    source
        A validated source.
    into
        A folder that doesn't exist yet, or is empty.
    environment
        Of the workspace's processes.
    on_line
        Called with each line of progress, secrets masked.
    allow_local
        Whether ``file`` is among Git's allowed protocols.
    no_progress_limit
        Seconds without output after which it is given up.

    Raises
    ------
    SourceUnavailable
        With one sentence that says why and what to do.
    """
    name = _named(source)
    command = ["git", "clone", "--progress"]
    if source.branch is not None:
        command += ["--branch", source.branch]
    command += ["--", source.url, str(into)]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=into.parent,
            env={**environment, **_git_environment(allow_local=allow_local)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise SourceUnavailable(f"Git is not installed on this machine: install it, {_AGAIN}.") from error
    try:
        tail = await _follow(process, on_line, no_progress_limit)
        code = await process.wait()
    except TimeoutError:
        raise SourceUnavailable(
            f"{name} sent nothing for {no_progress_limit:.0f} s: check the address and the network, {_AGAIN}."
        ) from None
    finally:
        await _end(process)
    if code != 0:
        raise SourceUnavailable(_explain(source, tail))


def _git_environment(*, allow_local: bool) -> dict[str, str]:
    no = next((path for path in ("/bin/false", "/usr/bin/false") if Path(path).exists()), "false")
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": no,
        "SSH_ASKPASS": no,
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=30",
        # Also for redirects and submodules; ext:: would run a program.
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git" + (":file" if allow_local else ""),
        "LC_ALL": "C",
    }


async def _follow(process: asyncio.subprocess.Process, on_line: Callable[[str], None], limit: float) -> list[str]:
    """Pass on Git's words, progress at a readable rate; return the last lines that were not progress."""
    stream = process.stderr
    assert stream is not None  # noqa: S101 - it was asked for
    loop = asyncio.get_running_loop()
    tail: deque[str] = deque(maxlen=20)
    rest, shown = "", float("-inf")
    while True:
        async with asyncio.timeout(limit):
            chunk = await stream.read(65536)
        pieces = re.split(r"[\r\n]", rest + chunk.decode(errors="replace"))
        rest = pieces.pop() if chunk else ""
        for piece in pieces:
            line = mask(piece.strip())
            if not line:
                continue
            progress = _PROGRESS.match(line)
            if progress is None:
                tail.append(line)
            elif "done" not in line and loop.time() - shown < _PROGRESS_EVERY:
                continue
            else:
                shown = loop.time()
            on_line(line)
        if not chunk:
            return list(tail)


def _named(source: GitSource) -> str:
    """Begin a sentence about a source with a word: an address can't be capitalised."""
    return f"The repository {mask(source.url)}"


def _explain(source: GitSource, tail: list[str]) -> str:
    text = "\n".join(tail).lower()
    name = _named(source)
    for pattern, reason in _REASONS:
        if re.search(pattern, text):
            return f"{name} {reason.format(branch=source.branch)}."
    words = [line for line in tail if line.startswith(("fatal:", "error:"))] or tail
    said = re.sub(r"^(fatal|error): ", "", words[-1]).rstrip(".") if words else "Git did not say why"
    return f"{name} could not be cloned ({said[:200]}): check the address, {_AGAIN}."


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    # Its helpers (git-remote-https, ssh) are in its session, which start_new_session made it the leader of.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())
