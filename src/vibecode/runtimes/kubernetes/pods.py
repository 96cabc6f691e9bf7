"""What is known of a workspace's pods: trimmed, and read as facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.naming import CONTAINER, TEMPLATE_ANNOTATION
from vibecode.runtimes.kubernetes.resources import WORKSPACE_LABEL, Object, annotations_of, labels_of

QUICK_CRASH: Final = 600
"""Seconds: a container that ran for longer counts as having worked, as for the kubelet's own back-off."""

_METADATA: Final = ("name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_TERMINATED: Final = ("exitCode", "reason", "message", "startedAt", "finishedAt")
_CONDITIONS: Final = frozenset({"ContainersReady", "PodScheduled", "Ready"})


def trim_pod(obj: Object) -> Object:
    """Return what is kept in memory of a pod."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    kept: Object = {key: metadata[key] for key in _METADATA if key in metadata}
    kept["labels"] = {key: value for key, value in labels_of(obj).items() if key == WORKSPACE_LABEL}
    kept["annotations"] = {key: value for key, value in annotations_of(obj).items() if key == TEMPLATE_ANNOTATION}
    container = next((item for item in status.get("containerStatuses") or [] if item["name"] == CONTAINER), None)
    image = next((item["image"] for item in spec["containers"] if item["name"] == CONTAINER), "")
    return {
        "metadata": kept,
        "spec": {"nodeName": spec.get("nodeName") or "", "image": image},
        "status": {
            **{key: status[key] for key in ("phase", "reason", "message", "podIP") if key in status},
            "conditions": [
                {key: item[key] for key in ("type", "status", "reason", "message", "lastTransitionTime") if key in item}
                for item in status.get("conditions") or []
                if item["type"] in _CONDITIONS
            ],
            "container": _trim_container(container) if container else None,
        },
    }


def _trim_container(status: Object) -> Object:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    kept: Object = {"restartCount": status.get("restartCount", 0), "pulled": bool(status.get("imageID"))}
    if waiting := state.get("waiting"):
        kept["waiting"] = {key: waiting[key] for key in ("reason", "message") if key in waiting}
    if state.get("running"):
        kept["running"] = True
    for key, ended in (("terminated", state.get("terminated")), ("last", last.get("terminated"))):
        if ended:
            kept[key] = {field: ended[field] for field in _TERMINATED if field in ended}
    return kept


def pick_pod(pods: Iterable[Object], *, start: str) -> Object | None:
    """Return the pod of the present start: made from its template, and not on its way out. The newest of several."""
    fitting = [
        pod
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        and pod["status"].get("phase") != "Failed"
        and annotations_of(pod).get(TEMPLATE_ANNOTATION) == start
    ]
    return max(fitting, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]), default=None)


def condition(pod: Object, kind: str) -> Object:
    """Return a condition of a pod; an empty dictionary if it hasn't got it."""
    found: Object = next((item for item in pod["status"]["conditions"] if item["type"] == kind), {})
    return found


def is_ready(pod: Object) -> bool:
    """Tell whether a pod answers."""
    return condition(pod, "Ready").get("status") == "True"


def is_on_lost_node(pod: Object) -> bool:
    """Tell whether the cluster hears no more of a pod's node.

    It sets Ready to False itself then, and leaves all that the kubelet said last: only a kubelet says both at once. A
    pod without readiness gates, such as ours, is otherwise Ready when its containers are.
    """
    ready, containers = condition(pod, "Ready").get("status"), condition(pod, "ContainersReady").get("status")
    return ready == "Unknown" or (ready == "False" and containers == "True")


def is_up(pod: Object) -> bool:
    """Tell whether something of a person's may run in a pod: its container was started and has not ended."""
    container = pod["status"]["container"]
    return bool(container and container.get("running"))


def has_ended(pod: Object) -> bool:
    """Tell whether a pod has ended for good and is kept for the record alone."""
    return not pod["metadata"].get("deletionTimestamp") and pod["status"].get("phase") in ("Failed", "Succeeded")


def last_end(pod: Object) -> Object | None:
    """Return how its container ended last, if it ever did."""
    container: dict[str, Any] = pod["status"]["container"] or {}
    return container.get("terminated") or container.get("last")


class CrashCounter:
    """Counts, for each pod, how often in a row its container ended soon after its start.

    What happened before this process began is told by the pod's restart count, if the pod is young enough that all its
    ends must have been quick.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str, int]] = {}

    def count(self, workspace: str, pod: Object) -> int:
        """Return the number as of now of a workspace's present pod; call it for each change."""
        uid, end = pod["metadata"]["uid"], last_end(pod)
        if end is None:
            return 0
        finished: str = end.get("finishedAt") or ""
        known_uid, known_finished, number = self._seen.get(workspace, ("", "", 0))
        if (known_uid, known_finished) == (uid, finished):
            return number
        if not _is_quick(end):
            number = 0
        elif known_uid == uid:
            number += 1
        else:
            number = _ends_so_far(pod) if _is_young(pod, finished) else 1
        self._seen[workspace] = (uid, finished, number)
        return number

    def forget(self, workspace: str) -> None:
        """Drop what is known of a workspace that is gone."""
        self._seen.pop(workspace, None)


def _ends_so_far(pod: Object) -> int:
    container = pod["status"]["container"]
    return int(container["restartCount"]) + (0 if container.get("running") else 1)


def _is_quick(end: Object) -> bool:
    started, finished = _time(end.get("startedAt")), _time(end.get("finishedAt"))
    return started is None or finished is None or (finished - started).total_seconds() < QUICK_CRASH


def _is_young(pod: Object, finished: str) -> bool:
    created, end = parse_time(pod["metadata"]["creationTimestamp"]), _time(finished)
    return end is None or (end - created).total_seconds() < QUICK_CRASH * max(1, _ends_so_far(pod))


def _time(value: str | None) -> datetime | None:
    return parse_time(value) if value else None
