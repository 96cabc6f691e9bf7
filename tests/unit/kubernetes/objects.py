"""Objects as the API server shows them, for tests of pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vibecode.runtimes.kubernetes.config import OperatorConfig, parse_config
from vibecode.runtimes.kubernetes.naming import TEMPLATE_ANNOTATION, USER_ANNOTATION, labels
from vibecode.runtimes.kubernetes.resources import Object

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WORKSPACE_ID = "0b7a4b0e-1111-4222-8333-444455556666"
START = "aaaaaaaa-bbbbbbbb"


def stamp(seconds: float = 0) -> str:
    """Return the time so many seconds after NOW."""
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def config(**changes: Any) -> OperatorConfig:
    return parse_config(
        {
            "addresses": {"scheme": "https", "domain": "example.org", "workspaceDomain": "ws.example.org"},
            "workspace": {"image": "vibecode/workspace:1", **changes.pop("workspace", {})},
            **changes,
        }
    )


def workspace(name: str = "alice", *, status: Object | None = None, **spec: Any) -> Object:
    metadata = {
        "name": name,
        "uid": WORKSPACE_ID,
        "generation": 1,
        "resourceVersion": "7",
        "creationTimestamp": stamp(-60),
    }
    return {"metadata": metadata, "spec": {"owner": "alice", **spec}, "status": status or {}}


def claim(
    name: str, *, workspace: str = "alice", owner: str = "alice", phase: str = "Bound", size: str = "1Gi"
) -> Object:
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "3",
            "labels": labels(workspace, owner),
            "annotations": {USER_ANNOTATION: WORKSPACE_ID},
            "ownerReferences": [],
        },
        "spec": {"resources": {"requests": {"storage": size}}, "storageClassName": "standard"},
        "status": {"phase": phase, "conditions": []},
    }


def pod(
    *,
    node: str = "node-1",
    ready: bool = False,
    conditions: list[Object] | None = None,
    container: Object | None = None,
    deleted: float | None = None,
    start: str = START,
    age: float = 5,
) -> Object:
    """Return a whole pod."""
    metadata: Object = {
        "name": "code-server-alice-abc",
        "uid": "pod-1",
        "resourceVersion": "9",
        "creationTimestamp": stamp(-age),
        "labels": {**labels("alice", "alice"), "pod-template-hash": "abc"},
        "annotations": {TEMPLATE_ANNOTATION: start},
        "managedFields": [{"manager": "kubelet"}],
    }
    if deleted is not None:
        metadata["deletionTimestamp"] = stamp(deleted)
    found = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(-4)}] if node else []
    if ready:
        found.append({"type": "Ready", "status": "True", "lastTransitionTime": stamp(-1)})
        container = container or {"state": {"running": {"startedAt": stamp(-3)}}, "imageID": "sha256:1"}
    statuses = [{"name": "code-server", "restartCount": 0, **container}] if container else []
    return {
        "metadata": metadata,
        "spec": {"nodeName": node, "containers": [{"name": "code-server", "image": "vibecode/workspace:1"}]},
        "status": {
            "phase": "Running" if container else "Pending",
            "podIP": "10.1.2.3",
            "conditions": found if conditions is None else conditions,
            "containerStatuses": statuses,
        },
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(code: int, message: str = "", *, restarts: int = 0, lasted: float = 1, reason: str = "Error") -> Object:
    """Return the status of a container that ended and waits for another try."""
    end = {
        "exitCode": code,
        "reason": reason,
        "message": message,
        "startedAt": stamp(-lasted - 1),
        "finishedAt": stamp(-1),
    }
    return {
        "restartCount": restarts,
        "imageID": "sha256:1",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": end},
    }
