"""Waiting for a cluster's nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.kubectl import Kubectl

LIMIT: Final = 240.0
"""Seconds within which all nodes have to be ready."""

_INTERVAL: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """A node as the API server knows it."""

    name: str
    labels: Mapping[str, str]
    ready: bool
    message: str
    """Why it isn't ready."""


def node_states(
    items: Sequence[Mapping[str, Any]], leases: Sequence[Mapping[str, Any]], since: datetime | None
) -> list[NodeState]:
    """Read nodes as the API server returns them.

    Parameters
    ----------
    items, leases
        The nodes, and the leases by which they say that they live.
    since
        A node that said so last before this moment is not ready, whatever its last words were: after a restart of the
        cluster they are those of before.
    """
    renewed = {lease["metadata"]["name"]: lease.get("spec", {}).get("renewTime") for lease in leases}
    states = []
    for item in items:
        name = item["metadata"]["name"]
        conditions: Sequence[Mapping[str, str]] = item.get("status", {}).get("conditions", ())
        condition = next((each for each in conditions if each["type"] == "Ready"), {})
        ready, message = condition.get("status") == "True", condition.get("message", "it has said nothing yet")
        if since is not None and ready and not _is_later(renewed.get(name), since):
            ready, message = False, "it has said nothing since it was started"
        states.append(NodeState(name=name, labels=item["metadata"].get("labels", {}), ready=ready, message=message))
    return states


def _is_later(moment: str | None, since: datetime) -> bool:
    return moment is not None and datetime.fromisoformat(moment) >= since


def look(kubectl: Kubectl, *, since: datetime | None = None) -> list[NodeState]:
    """Return the nodes.

    Raises
    ------
    ClusterUnavailable
        The API server doesn't answer.
    """
    leases = kubectl.list("leases.coordination.k8s.io", namespace="kube-node-lease", limit=10) if since else []
    return node_states(kubectl.list("nodes", limit=10), leases, since)


def wait(
    kubectl: Kubectl,
    count: int,
    on_state: Callable[[str], None],
    *,
    since: datetime | None = None,
    limit: float = LIMIT,
) -> list[NodeState]:
    """Wait until all nodes are ready, and return them.

    Parameters
    ----------
    count
        How many there have to be.
    on_state
        Is called with what is waited for.
    since
        As of :func:`node_states`.
    limit
        Seconds to wait at most.

    Raises
    ------
    ClusterUnavailable
        They don't become ready; the sentence names one, and its reason.
    """
    deadline = time.monotonic() + limit
    problem = "the API server doesn't answer"
    while True:
        try:
            found = look(kubectl, since=since)
        except ClusterUnavailable:
            on_state("waiting for the API server")
        else:
            waiting = [node for node in found if not node.ready]
            if len(found) >= count and not waiting:
                return found
            ready = len(found) - len(waiting)
            on_state(f"waiting for nodes ({ready} of {count} ready)")
            problem = f"{waiting[0].name}: {waiting[0].message}" if waiting else "a node has not joined"
        if time.monotonic() > deadline:
            raise ClusterUnavailable(
                f"The cluster's nodes are not ready after {limit:.0f} s ({problem.rstrip('.')}): `docker logs` of the "
                "node may say more; `vibecode up` tries again, and `vibecode down --delete-data` starts over."
            )
        time.sleep(_INTERVAL)
