"""``vibecode doctor``: is everything there, and what to do if not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from vibecode.cli.options import DataDir, Json
from vibecode.cli.output import say

_MAX_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_MIN_WATCHES = 65536
"""Folders: one project with its packages may have as many. VS Code watches each."""

_MIN_FILES = 4096
"""Files that a server holds with some hundred open tabs."""

_MIN_FREE = 2 * 1024**3
"""Bytes: an editor takes about half a GiB, and a workspace is useless without room to work."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what came out."""

    name: str
    ok: bool
    detail: str
    needed: bool = True
    """Whether the runtime that is used needs it. What isn't needed may be missing."""


def doctor(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Check this machine for both runtimes. Exit code 1 if something is missing that the one in use needs."""
    from dataclasses import asdict

    from vibecode.cli.output import print_json
    from vibecode.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    checks = list(run_checks(settings.data_dir, host=settings.host, port=settings.port, domain=settings.domain))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = "ok     " if check.ok else "PROBLEM" if check.needed else "missing"
            say(f"{mark}  {check.name}: {check.detail}")
    if not all(check.ok or not check.needed for check in checks):
        raise typer.Exit(1)


def run_checks(data_dir: Path, *, host: str, port: int, domain: str) -> Iterator[Check]:
    """Yield the checks: what both runtimes need, what the local one does, what kubernetes does."""
    from vibecode.cluster.state import ClusterFolder

    on_cluster = ClusterFolder(data_dir).runtime == "kubernetes"
    yield _python()
    yield from _watches(_MAX_WATCHES)
    yield from _guarded("data folder", lambda: _data_folder(data_dir))
    yield _names(domain)
    for check in _local(data_dir, host, port):
        yield replace(check, needed=not on_cluster)
    yield from _cluster(needed=on_cluster)


def _local(data_dir: Path, host: str, port: int) -> Iterator[Check]:
    """Yield what only the local runtime needs."""
    yield _git()
    yield from _open_files()
    yield from _guarded("editor", lambda: _editor(data_dir))
    yield from _guarded("server", lambda: _server(data_dir, host, port))


def _cluster(*, needed: bool) -> Iterator[Check]:
    """Yield what only the kubernetes runtime needs."""
    from vibecode.cluster.fitness import findings

    for finding in findings():
        detail = finding.detail
        if not finding.ok and not needed:
            detail = f"{detail.removesuffix('.')}. Only `--runtime kubernetes` needs it."
        yield Check(finding.name, ok=finding.ok, detail=detail, needed=needed)


def _guarded(name: str, check: Callable[[], Check]) -> Iterator[Check]:
    """Turn a foreseeable failure into a check that failed, so that the others are still made."""
    from vibecode.domain.errors import VibeCodeError

    try:
        yield check()
    except VibeCodeError as error:
        yield Check(name, ok=False, detail=error.detail)
    except OSError as error:
        yield Check(name, ok=False, detail=f"{error}.")


def _python() -> Check:
    import platform

    return Check("python", ok=True, detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _git() -> Check:
    import shutil
    import subprocess

    path = shutil.which("git")
    if path is None:
        return Check("git", ok=False, detail="not found: install git, which workspaces clone and work with.")
    version = subprocess.run(
        [path, "--version"], capture_output=True, text=True, check=False, timeout=10
    ).stdout.strip()
    return Check("git", ok=True, detail=version)


def _open_files() -> Iterator[Check]:
    """Look how many files a server may open: it raises its soft limit to the hard one."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        yield Check("open files", ok=True, detail="no limit")
    elif hard < _MIN_FILES:
        yield Check(
            "open files",
            ok=False,
            detail=f"at most {hard}, and each open tab takes several: raise the hard limit to {_MIN_FILES} or more "
            "(nofile in /etc/security/limits.conf, or LimitNOFILE= of the unit).",
        )
    else:
        yield Check("open files", ok=True, detail=f"at most {hard}")


def _watches(path: Path) -> Iterator[Check]:
    """Look how many folders editors may watch for changes. Other systems than Linux have no such limit."""
    try:
        limit = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if limit >= _MIN_WATCHES:
        yield Check("file watches", ok=True, detail=f"at most {limit}")
        return
    yield Check(
        "file watches",
        ok=False,
        detail=f"at most {limit}, so editors miss changes in larger projects: as root, put "
        "fs.inotify.max_user_watches=524288 into /etc/sysctl.d/60-watches.conf, and run `sysctl --system`.",
    )


def _data_folder(data_dir: Path) -> Check:
    import shutil

    from vibecode.cli.output import bytes_text
    from vibecode.runtimes.local.layout import DataFolder

    DataFolder(data_dir).prepare()
    free = shutil.disk_usage(data_dir).free
    if free < _MIN_FREE:
        return Check("data folder", ok=False, detail=f"{data_dir} has only {bytes_text(free)} free: make room.")
    return Check("data folder", ok=True, detail=f"{data_dir}, {bytes_text(free)} free")


def _editor(data_dir: Path) -> Check:
    from vibecode.editor.store import EditorStore

    store = EditorStore(data_dir / "editors")
    current = store.current()
    if current is None:
        return Check("editor", ok=False, detail="none is installed: run `vibecode editor install`.")
    problems = store.verify(current.version)
    if problems:
        again = f"`vibecode editor install {current.version} --again`"
        return Check("editor", ok=False, detail=f"{problems[0]} {len(problems)} problem(s): run {again}.")
    return Check("editor", ok=True, detail=f"code-server {current.version}, complete")


def _server(data_dir: Path, host: str, port: int) -> Check:
    from vibecode.cli.client import running_server
    from vibecode.proxy.listen import open_sockets

    server = running_server(data_dir)
    if server is not None:
        return Check("server", ok=True, detail=f"runs at {server.url} (pid {server.pid})")
    for listener in open_sockets(host, port):
        listener.close()
    return Check("server", ok=True, detail=f"not running; port {port} on {host} is free")


def _names(domain: str) -> Check:
    """Tell whether this machine's resolver knows names below the domain; browsers know *.localhost by themselves."""
    import socket

    try:
        socket.getaddrinfo(f"doctor.{domain}", None)
    except OSError:
        if domain.endswith("localhost"):
            detail = f"Chrome, Edge, Firefox and curl open *.{domain}; Safari needs entries in /etc/hosts."
            return Check("names", ok=True, detail=detail)
        return Check("names", ok=False, detail=f"*.{domain} has no address: add a wildcard record to your DNS.")
    return Check("names", ok=True, detail=f"*.{domain} is resolved")
