"""The KIND cluster: making it, starting it again, and deleting it."""

from __future__ import annotations

import enum
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from vibecode.cluster import docker
from vibecode.cluster.assets import asset
from vibecode.cluster.commands import failure, run
from vibecode.cluster.errors import ClusterUnavailable, CommandFailed
from vibecode.cluster.ports import HostPorts
from vibecode.cluster.state import ClusterFolder, State
from vibecode.cluster.tools import Tools

CONFIG: Final = "deploy/kind/cluster.yaml"
NODE_IMAGE_VARIABLE: Final = "VIBECODE_KIND_NODE_IMAGE"
_CREATE_LIMIT: Final = 900.0
"""Seconds; the first time, kind downloads the node image."""

_MARK: Final = "/etc/vibecode/made-for"

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


class PortTaken(CommandFailed):
    """A port of this machine was taken between being looked at and being used."""


class Condition(enum.Enum):
    """What there is of a cluster."""

    ABSENT = "absent"
    FOREIGN = "foreign"
    """One of that name, which this data folder did not make."""
    HALF_MADE = "half made"
    """What an interrupted run left while it made one, or deleted it."""
    STOPPED = "stopped"
    """At least one node does not run."""
    RUNNING = "running"


def check_name(name: str) -> str:
    """Return a cluster's name if nodes can be named after it.

    Raises
    ------
    ClusterUnavailable
        They can't.
    """
    if not _NAME.fullmatch(name):
        raise ClusterUnavailable(
            "--name takes lower-case letters, digits and hyphens, at most 40, such as vibecode-cluster."
        )
    return name


def condition(nodes: Sequence[docker.Node], state: State | None, *, mark: Path) -> Condition:
    """Judge a cluster by its containers and by what is remembered.

    Parameters
    ----------
    nodes
        Containers of the cluster of that name.
    state
        What is remembered of this data folder's cluster.
    mark
        The folder that all nodes see which were made for this data folder.
    """
    if not nodes:
        return Condition.ABSENT
    if state is None:
        return Condition.FOREIGN
    if state.is_unfinished:
        # Somebody else may have made one of that name since making ours failed.
        ours = all(str(mark) in node.mounts for node in nodes)
        return Condition.HALF_MADE if ours else Condition.FOREIGN
    if nodes[0].id != state.node:
        return Condition.FOREIGN
    return Condition.RUNNING if all(node.running for node in nodes) else Condition.STOPPED


def describe(source: str, *, name: str, ports: HostPorts, mark: Path) -> str:
    """Fill name, address and ports of this machine into a description of the cluster; return JSON, which is YAML too.

    Parameters
    ----------
    source
        Text of deploy/kind/cluster.yaml.
    name
        The cluster's.
    ports
        Where its edge is to be reached.
    mark
        A folder that its nodes see, so that it is known again whose they are.
    """
    config: dict[str, Any] = yaml.safe_load(source)
    config["name"] = name
    by_container = {80: ports.http, 443: ports.https}
    for node in config["nodes"]:
        node["extraMounts"] = [{"hostPath": str(mark), "containerPath": _MARK, "readOnly": True}]
        for mapping in node.get("extraPortMappings", ()):
            if mapping["containerPort"] in by_container:
                mapping["hostPort"] = by_container[mapping["containerPort"]]
                mapping["listenAddress"] = ports.address
    return json.dumps(config)


def create(tools: Tools, folder: ClusterFolder, name: str, ports: HostPorts, on_step: Callable[[str], None]) -> None:
    """Make a cluster.

    Parameters
    ----------
    on_step
        Is called with what kind does now.

    Raises
    ------
    PortTaken
        One of the ports was taken meanwhile; nothing of the cluster is left.
    CommandFailed
        It failed for another reason.
    """
    description = describe(asset(CONFIG).read_text(encoding="utf-8"), name=name, ports=ports, mark=folder.mark)
    image = os.environ.get(NODE_IMAGE_VARIABLE, "")
    command = [tools.kind, "create", "cluster", "--name", name, "--config", "-", "--wait", "0s"]
    command += ["--kubeconfig", str(folder.kubeconfig), *(["--image", image] if image else [])]
    result = run(command, text=description, limit=_CREATE_LIMIT, check=False, on_line=lambda line: _tell(line, on_step))
    if result.code == 0:
        folder.kubeconfig.chmod(0o600)
        return
    if docker.is_port_conflict(result.output):
        raise PortTaken("A port of this machine was taken while the cluster was made.", output=result.output)
    if re.search(r"failed to (pull|get) image|pull access denied|manifest unknown|no such host", result.output):
        raise ClusterUnavailable(
            f"The node image {image or 'of kind'} can't be had: check the network, or name one that Docker has in "
            f"{NODE_IMAGE_VARIABLE}."
        )
    raise failure(command, result)


def _tell(line: str, on_step: Callable[[str], None]) -> None:
    """Pass on what kind says it does, such as ``Starting control-plane``, without its pictures; leave out the rest."""
    mark, _, words = line.strip().partition(" ")
    if mark == "•":
        on_step("".join(char for char in words if char.isascii()).strip().removesuffix("...").strip())


def delete(tools: Tools, folder: ClusterFolder, name: str) -> None:
    """Delete a cluster with everything in it. Does nothing if there is none."""
    run([tools.kind, "delete", "cluster", "--name", name, "--kubeconfig", str(folder.kubeconfig)], limit=180)


def write_kubeconfig(tools: Tools, folder: ClusterFolder, name: str) -> None:
    """Write the file that leads to the cluster's API server, for one that was there already."""
    text = run([tools.kind, "get", "kubeconfig", "--name", name]).stdout
    folder.write_private(folder.kubeconfig, text)


def ports_of(nodes: Sequence[docker.Node]) -> HostPorts:
    """Return where the edge of a cluster is reached, as its control plane's container tells.

    Raises
    ------
    ClusterUnavailable
        Its ports 80 and 443 lead nowhere: it was made otherwise.
    """
    ports = nodes[0].ports if nodes else {}
    if 80 not in ports or 443 not in ports:
        raise ClusterUnavailable(
            "The cluster's ports 80 and 443 are no ports of this machine, which can't be changed any more: delete it "
            "(`vibecode down --delete-data`), and run `vibecode up` again."
        )
    return HostPorts(address=ports[80][0], http=ports[80][1], https=ports[443][1])
