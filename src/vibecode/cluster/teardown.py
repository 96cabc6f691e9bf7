"""Stopping a cluster with its data kept, and deleting it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vibecode.cluster import docker, kind, tools
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.progress import Progress
from vibecode.cluster.state import ClusterFolder

GOES_ON: Final = "`vibecode up` makes it anew, and `vibecode down --delete-data` removes what is left."
"""What can be done about an unfinished cluster."""


def ours(folder: ClusterFolder) -> tuple[str, list[docker.Node]]:
    """Return the name of a data folder's cluster and its nodes; none if it is gone.

    Raises
    ------
    ClusterUnavailable
        Docker doesn't answer, or a cluster of that name is there that this data folder did not make.
    """
    name = folder.require(None)
    found = docker.nodes(tools.docker_path(), name)
    if kind.condition(found, folder.read(), mark=folder.mark) is kind.Condition.FOREIGN:
        raise ClusterUnavailable(
            f"The cluster {name} that is there now was not made with this data folder, so it is left alone: "
            f"`kind delete cluster --name {name}` deletes it."
        )
    return name, found


def runs(folder: ClusterFolder) -> bool:
    """Tell whether a data folder's cluster runs, at least in part; not, where Docker doesn't answer."""
    if folder.read() is None:
        return False
    try:
        return any(node.running for node in ours(folder)[1])
    except ClusterUnavailable:
        return False


def stop(folder: ClusterFolder, progress: Progress) -> str | None:
    """Stop a data folder's cluster; everything in it is kept.

    Returns
    -------
    str or None
        Its name; None if it didn't run.

    Raises
    ------
    ClusterUnavailable
        Docker doesn't answer, or did not stop it.
    """
    name, found = ours(folder)
    running = [node for node in found if node.running]
    if not running:
        return None
    with progress.step(f"Stopping the cluster {name}") as step:
        docker.stop(tools.docker_path(), running)
        step.done(f"{len(running)} nodes stopped")
    return name


def delete(folder: ClusterFolder, progress: Progress) -> str:
    """Delete a data folder's cluster with everything in it, and what is remembered of it; return its name.

    Raises
    ------
    ClusterUnavailable
        A tool is missing, or did not delete it.
    """
    name, _ = ours(folder)
    found = tools.find_all()
    if (state := folder.read()) is not None:
        # If this is interrupted, what is left is known to be ours, and of no use.
        folder.write(replace(state, stage="creating"))
    with progress.step(f"Deleting the cluster {name}") as step:
        kind.delete(found, folder, name)
        step.done("deleted with its volumes")
    folder.forget()
    return name
