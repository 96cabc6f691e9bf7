"""Docker: whether it answers and has room, and the containers that are a cluster's nodes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vibecode.cluster.commands import Result, failure, run
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.ports import is_port_free, reachable

MIN_MEMORY: Final = 3 * 1024**3
"""Bytes. Three nodes with the platform and one running workspace take about 2.5 GiB."""

MIN_DISK: Final = 6 * 1024**3
"""Bytes: the node image, our images while they are built and loaded, and what the nodes write."""

_CLUSTER_LABEL: Final = "io.x-k8s.kind.cluster"
_ROLE_LABEL: Final = "io.x-k8s.kind.role"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What Docker says of itself."""

    version: str
    memory: int
    """Bytes that containers may have in all."""
    cgroup: str
    """``1`` or ``2``."""
    rootless: bool
    free: int | None
    """Bytes that are free where it keeps its data; None where that can't be seen from here."""
    remote: str
    """Where it runs, if that isn't this machine; else empty."""


def facts(docker: str) -> Facts:
    """Ask Docker about itself.

    Raises
    ------
    ClusterUnavailable
        Its daemon doesn't answer, may not be asked, or is another program's.
    """
    command = [docker, "info", "--format", "{{json .}}"]
    result = run(command, limit=30, check=False)
    if result.code != 0:
        raise failure(command, result)
    try:
        info: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        raise ClusterUnavailable(f"{docker} does not speak as Docker does: is it another program's?") from None
    if "host" in info and "MemTotal" not in info:
        raise ClusterUnavailable(f"{docker} is Podman: a cluster of VibeCode needs Docker Engine or Docker Desktop.")
    if not info.get("ServerVersion"):
        # Older clients end with success and put the daemon's silence here.
        errors = "\n".join(info.get("ServerErrors") or ["it did not say why"])
        raise failure(command, Result(code=1, stdout="", stderr=errors))
    return Facts(
        version=str(info["ServerVersion"]),
        memory=int(info.get("MemTotal", 0)),
        cgroup=str(info.get("CgroupVersion") or "1"),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or []),
        free=_free(info.get("DockerRootDir", "")),
        remote=remote_host(os.environ),
    )


def remote_host(environment: Mapping[str, str]) -> str:
    """Return the machine that DOCKER_HOST names, if it is another one; else an empty string."""
    host = environment.get("DOCKER_HOST", "")
    return "" if not host or host.startswith(("unix:", "npipe:", "fd:")) else host


def room_problem(found: Facts) -> str | None:
    """Return what to say when a new cluster would not fit; None if it does."""
    if found.remote:
        return (
            f"Docker runs elsewhere (DOCKER_HOST={found.remote}), where its ports can't be reached: unset DOCKER_HOST "
            "to use this machine's, or run VibeCode there."
        )
    if found.memory and found.memory < MIN_MEMORY:
        return (
            f"Docker has only {_gib(found.memory)} of memory, and a cluster needs {_gib(MIN_MEMORY)}: give it more "
            "(Docker Desktop: Settings, Resources), or use `--runtime local`."
        )
    if found.free is not None and found.free < MIN_DISK:
        return (
            f"Only {_gib(found.free)} are free where Docker keeps its data, and a cluster needs {_gib(MIN_DISK)}: make "
            "room (`docker system df` shows what takes it), or use `--runtime local`."
        )
    return None


def _gib(value: int) -> str:
    return f"{value / 1024**3:.1f} GiB"


def _free(root: str) -> int | None:
    """Return the free bytes of Docker's data folder; its path is of another machine where Docker runs in one."""
    try:
        return shutil.disk_usage(root).free if root and Path(root).is_dir() else None
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A container that is a node of a kind cluster."""

    name: str
    id: str
    role: str
    running: bool
    ports: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    """By port of the container: the address (empty for all) and port of this machine that lead to it."""
    mounts: frozenset[str] = frozenset()
    """Folders of this machine that it sees."""

    @property
    def is_control_plane(self) -> bool:
        """Whether the API server runs on it."""
        return self.role == "control-plane"


def nodes(docker: str, cluster: str) -> list[Node]:
    """Return a cluster's nodes, running or not, the control plane first; none if there is no such cluster."""
    ids = run([docker, "ps", "-a", "-q", "--no-trunc", "--filter", f"label={_CLUSTER_LABEL}={cluster}"]).stdout.split()
    if not ids:
        return []
    # A container that goes meanwhile makes it fail after it has told of the others.
    result = run([docker, "inspect", "--type", "container", *ids], check=False)
    found = [_node(each) for each in json.loads(result.stdout or "[]")]
    return sorted(found, key=lambda node: (not node.is_control_plane, node.name))


def _node(container: Mapping[str, Any]) -> Node:
    bindings = container["HostConfig"].get("PortBindings") or {}
    return Node(
        name=container["Name"].lstrip("/"),
        id=container["Id"],
        role=container["Config"]["Labels"].get(_ROLE_LABEL, ""),
        running=bool(container["State"]["Running"]),
        ports={
            int(port.split("/")[0]): (bound[0].get("HostIp", ""), int(bound[0]["HostPort"]))
            for port, bound in bindings.items()
            if bound and bound[0].get("HostPort", "").isdigit()
        },
        mounts=frozenset(each["Source"] for each in container.get("Mounts") or () if each.get("Type") == "bind"),
    )


def start(docker: str, stopped: Sequence[Node]) -> None:
    """Start nodes one after the other, in the order in which they get the addresses that they had.

    Raises
    ------
    ClusterUnavailable
        One can't be started, for example because its port was taken meanwhile.
    """
    for node in stopped:
        command = [docker, "start", node.name]
        result = run(command, check=False)
        if result.code == 0:
            continue
        if is_port_conflict(result.output):
            ours = [(reachable(address), port) for inside, (address, port) in node.ports.items() if inside != 6443]
            taken = " or ".join(str(port) for _, port in [each for each in ours if not is_port_free(*each)] or ours)
            raise ClusterUnavailable(
                f"Another program took port {taken} of this machine, which the cluster has had from the start: end "
                "that program, and run `vibecode up` again."
            )
        raise failure(command, result)


def stop(docker: str, running: Sequence[Node]) -> None:
    """Stop nodes; their containers and volumes stay."""
    workers = [node.name for node in running if not node.is_control_plane]
    others = [node.name for node in running if node.is_control_plane]
    for names in (workers, others):
        if names:
            run([docker, "stop", "-t", "15", *names], limit=120)


def is_port_conflict(output: str) -> bool:
    """Tell whether Docker failed because a port of this machine is taken."""
    words = output.lower()
    return "port is already allocated" in words or "address already in use" in words
