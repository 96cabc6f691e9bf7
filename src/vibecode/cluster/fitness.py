"""Whether this machine can have a cluster: the checks of ``vibecode doctor``, and the question of ``vibecode up``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from vibecode.cluster import docker, tools
from vibecode.cluster.errors import ClusterUnavailable

_INSTANCES: Final = Path("/proc/sys/fs/inotify/max_user_instances")
MIN_INSTANCES: Final = 512
"""kind's own advice (kind.sigs.k8s.io, Known issues): each node's programs watch files, and all count for one user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, and what came out."""

    name: str
    ok: bool
    detail: str


def problem() -> str | None:
    """Return what keeps this machine from having a cluster, as a sentence; None if nothing does."""
    try:
        found = tools.find_all()
        return docker.room_problem(docker.facts(found.docker))
    except ClusterUnavailable as error:
        return error.detail


def findings(*, instances: Path = _INSTANCES) -> Iterator[Finding]:
    """Yield what there is of everything that a cluster needs."""
    yield _look("docker", _docker)
    for requirement in tools.REQUIREMENTS:
        yield _look(requirement.name, partial(_tool, requirement))
    yield from watchers(instances)


def watchers(path: Path) -> Iterator[Finding]:
    """Look how many programs may watch files. Other systems than Linux have no such limit."""
    try:
        limit = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if limit >= MIN_INSTANCES:
        yield Finding(name="file watchers", ok=True, detail=f"at most {limit}")
        return
    yield Finding(
        name="file watchers",
        ok=False,
        detail=f"at most {limit}, and a cluster's nodes may fail with `too many open files`: as root, put "
        "fs.inotify.max_user_instances=1024 into /etc/sysctl.d/60-watches.conf, and run `sysctl --system`.",
    )


def _look(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=look())
    except ClusterUnavailable as error:
        return Finding(name=name, ok=False, detail=error.detail)


def _docker() -> str:
    found = docker.facts(tools.docker_path())
    trouble = docker.room_problem(found)
    if trouble:
        raise ClusterUnavailable(trouble)
    parts = [found.version, f"cgroup v{found.cgroup}", f"{found.memory / 1024**3:.1f} GiB of memory"]
    if found.free is not None:
        parts.append(f"{found.free / 1024**3:.0f} GiB of disk free")
    return ", ".join(parts) + (", rootless" if found.rootless else "")


def _tool(requirement: tools.Requirement) -> str:
    tool = tools.find(requirement)
    return f"{tools.version_text(tool.version)} at {tool.path}"
