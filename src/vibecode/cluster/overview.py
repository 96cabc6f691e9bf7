"""What there is of a data folder's cluster, for ``vibecode status``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vibecode.cluster import access, docker, nodes, rollout, teardown, tools
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.kubectl import Kubectl
from vibecode.cluster.nodes import NodeState
from vibecode.cluster.rollout import Workload
from vibecode.cluster.state import NAMESPACE, ClusterFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A cluster as it is now."""

    cluster: str
    url: str
    """Of the dashboard; empty while nothing is installed."""
    running: bool
    """Whether its nodes' containers do."""
    unfinished: bool
    """Whether making or deleting it was interrupted."""
    containers: tuple[docker.Node, ...]
    nodes: tuple[NodeState, ...]
    components: tuple[Workload, ...]
    problem: str
    """Why more isn't known, as a sentence; else empty."""

    @property
    def healthy(self) -> bool:
        """Whether all nodes and components are ready."""
        return (
            self.running
            and not self.problem
            and bool(self.nodes and self.components)
            and all(node.ready for node in self.nodes)
            and all(each.settled for each in self.components)
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "cluster": self.cluster,
            "url": self.url,
            "nodes": [{"name": node.name, "ready": node.ready, "message": node.message} for node in self.nodes],
            "components": [{"name": each.name, "ready": each.ready, "wanted": each.wanted} for each in self.components],
            **({"problem": self.problem} if self.problem else {}),
        }


def look(folder: ClusterFolder) -> Overview:
    """Look at a data folder's cluster.

    Raises
    ------
    ClusterUnavailable
        Docker doesn't answer, or the cluster of that name isn't this data folder's.
    """
    name, containers = teardown.ours(folder)
    reached = access.read(folder)
    state = folder.read()
    unfinished = state is not None and state.is_unfinished
    running = bool(containers) and all(node.running for node in containers)
    seen: tuple[NodeState, ...] = ()
    components: tuple[Workload, ...] = ()
    problem = ""
    if unfinished and containers:
        problem = f"An interrupted command left the cluster unfinished. {teardown.GOES_ON}"
    elif running:
        try:
            kubectl = Kubectl(tools.find(tools.KUBECTL).path, folder.kubeconfig)
            seen = tuple(nodes.look(kubectl))
            components = tuple(rollout.workloads(kubectl, NAMESPACE))
        except ClusterUnavailable as error:
            problem = error.detail
    elif any(node.running for node in containers):
        stopped = ", ".join(node.name for node in containers if not node.running)
        problem = f"Not all of its nodes run ({stopped} does not): `vibecode up` starts them."
    return Overview(
        cluster=name,
        url=reached.url if reached else "",
        running=running,
        unfinished=unfinished,
        containers=tuple(containers),
        nodes=seen,
        components=components,
        problem=problem,
    )
