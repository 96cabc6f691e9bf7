"""The nodes of a kind cluster: which need an image, and what they have."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vibecode.domain.errors import ImageUnavailable
from vibecode.images import docker

PLACEMENT: Final[Mapping[str, tuple[str, ...]]] = {
    # By wish: nodes kept for workspaces, otherwise all where pods go.
    "workspace": ("tier=code-server", "worker", ""),
    "edge": ("ingress-ready=true", ""),
    "tunnel": ("ingress-ready=true", ""),
    "control-plane": ("",),
}
"""Which nodes need an image: the first that any node meets. ``label=value``, ``worker``, or nothing for all nodes."""

_REGISTRY: Final = "docker.io/"
_SNAPSHOTTER: Final = re.compile(r"^\s*snapshotter = ['\"]([\w-]+)['\"]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node: a container that kind made."""

    name: str
    is_worker: bool
    labels: Mapping[str, str]

    def meets(self, wish: str) -> bool:
        """Tell whether it is one of those that a placement means."""
        if wish == "worker":
            return self.is_worker
        label, found, value = wish.partition("=")
        return not found or self.labels.get(label) == value


def nodes(cluster: str, *, kubeconfig: str | None = None) -> list[Node]:
    """Return the nodes of a kind cluster, with the labels that they have in Kubernetes.

    Parameters
    ----------
    cluster
        Its name, without ``kind-``.
    kubeconfig
        The file that has its context ``kind-<name>``; kubectl's default if not given.

    Raises
    ------
    DockerUnavailable
        Docker isn't there.
    ImageUnavailable
        There is no such cluster, or it doesn't answer.
    """
    form = '{{.Names}}\t{{.Label "io.x-k8s.kind.role"}}'
    lines = docker.output(
        "ps", "--filter", f"label=io.x-k8s.kind.cluster={cluster}", "--format", form, "--no-trunc"
    ).splitlines()
    roles = dict(line.split("\t", 1) for line in lines if "\t" in line)
    # kind's load balancer in front of several control planes runs no pods.
    roles = {name: role for name, role in roles.items() if role in {"control-plane", "worker"}}
    if not roles:
        raise ImageUnavailable(
            f"There is no running kind cluster {cluster}: `kind get clusters` shows those there are."
        )
    labels = _labels(cluster, kubeconfig)
    return [
        Node(name=name, is_worker=role == "worker", labels=labels.get(name, {})) for name, role in sorted(roles.items())
    ]


def choose(image: str, candidates: Sequence[Node], *, wishes: Sequence[str] | None = None) -> list[Node]:
    """Return the nodes that need an image.

    Parameters
    ----------
    image
        Name of the image.
    candidates
        All nodes.
    wishes
        As in :data:`PLACEMENT`, whose entry counts if they aren't given.
    """
    for wish in wishes if wishes is not None else PLACEMENT[image]:
        chosen = [node for node in candidates if node.meets(wish)]
        if chosen:
            return chosen
    return list(candidates)


def has(node: str, reference: str, identity: str) -> bool:
    """Tell whether a node has this very image, complete and unpacked.

    Parameters
    ----------
    node
        Name of the node.
    reference
        Repository and tag.
    identity
        Docker's id of it: the digest of its configuration, or of its manifest.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        The node can't be asked.
    """
    name = f"{_REGISTRY}{reference}"
    if name not in ctr(node, "images", "check", "--quiet", f"name=={name}").split():
        return False
    lines = [line.split() for line in ctr(node, "images", "ls", f"name=={name}").splitlines()]
    digest = next((fields[2] for fields in lines if fields[:1] == [name] and len(fields) > 2), "")
    if not digest:
        return False
    if digest == identity:
        return True
    manifest: dict[str, Any] = json.loads(ctr(node, "content", "get", digest))
    known: str = manifest.get("config", {}).get("digest", "")
    return known == identity


def blobs(node: str) -> frozenset[str]:
    """Return the digests of all that a node's store holds.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        The node can't be asked.
    """
    return frozenset(ctr(node, "content", "ls", "--quiet").split())


def import_command(node: str) -> list[str]:
    """Return the command that imports an archive from its standard input into a node.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        The node can't be asked.
    """
    command = ["docker", "exec", "--privileged", "-i", node, "ctr", "--namespace=k8s.io", "images", "import"]
    # Through the transfer service, the default since containerd 2.0, it takes twice as long.
    if "--local" in ctr(node, "images", "import", "--help"):
        command.append("--local")
    snapshotter = _SNAPSHOTTER.search(docker.output("exec", node, "containerd", "config", "dump"))
    if snapshotter is not None:
        command.append(f"--snapshotter={snapshotter[1]}")
    return [*command, "-"]


def ctr(node: str, *arguments: str) -> str:
    """Ask a node's containerd, and return what it prints.

    Raises
    ------
    DockerUnavailable, ImageUnavailable
        The node can't be asked.
    """
    return docker.output("exec", node, "ctr", "--namespace=k8s.io", *arguments)


def _labels(cluster: str, kubeconfig: str | None) -> dict[str, dict[str, str]]:
    command = ["kubectl", "--context", f"kind-{cluster}", "--request-timeout", "20s", "get", "nodes", "-o", "json"]
    if kubeconfig is not None:
        command += ["--kubeconfig", kubeconfig]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ImageUnavailable("kubectl is not installed: install it, and run the same command again.") from error
    if result.returncode != 0:
        said = result.stderr.strip().splitlines() or ["it gave no reason"]
        raise ImageUnavailable(f"The cluster {cluster} can't be asked for its nodes: {said[-1].rstrip('.')}.")
    items = json.loads(result.stdout)["items"]
    return {item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in items}
