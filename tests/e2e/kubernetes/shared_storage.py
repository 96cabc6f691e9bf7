"""Volumes that can be mounted on any node, as those of network storage can."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.kubernetes.nodes import Node
from tests.support.cluster import PATIENCE, WORKSPACES, ClusterProduct

CLASS: Final = "test-shared"
_FOLDER: Final = "/var/test-shared"
_CODER: Final = ("-o", "1000", "-g", "1000")
_VOLUMES: Final = ("workspace", "home")


@dataclass(frozen=True)
class SharedStorage:
    """Folders that some nodes have under the same path. That all see what one writes is done by :meth:`spread`."""

    nodes: Sequence[Node]

    def spread(self, source: Node) -> None:
        """Have the other nodes see what one has written."""
        packed = subprocess.run(
            ["docker", "exec", source.name, "tar", "-C", _FOLDER, "-c", "."],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        for node in self.nodes:
            if node.name != source.name:
                subprocess.run(
                    ["docker", "exec", "-i", node.name, "tar", "-C", _FOLDER, "-x"],
                    input=packed.stdout,
                    timeout=PATIENCE,
                    check=True,
                )


@contextlib.contextmanager
def shared_storage(cluster: ClusterProduct, nodes: Sequence[Node], workspace: str) -> Iterator[SharedStorage]:
    """Have volumes for a workspace of the storage class :data:`CLASS`, on several nodes."""
    for node in nodes:
        for volume in _VOLUMES:
            node.run("install", "-d", *_CODER, f"{_FOLDER}/{volume}")
    objects = [_volume(workspace, volume) for volume in _VOLUMES]
    names = [each["metadata"]["name"] for each in objects]
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    try:
        yield SharedStorage(nodes)
    finally:
        cluster.kubectl("delete", "persistentvolumes", *names)
        for node in nodes:
            node.run("rm", "-r", _FOLDER)


def _volume(workspace: str, volume: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"test-shared-{volume}"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": CLASS,
            "claimRef": {"namespace": WORKSPACES, "name": f"{volume}-{workspace}"},
            "hostPath": {"path": f"{_FOLDER}/{volume}", "type": "Directory"},
        },
    }
