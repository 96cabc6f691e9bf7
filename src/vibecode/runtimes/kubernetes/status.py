"""The status of a Workspace object, made from a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.diagnosis import Seen, Verdict
from vibecode.runtimes.kubernetes.model import is_wanted
from vibecode.runtimes.kubernetes.pods import condition, is_ready
from vibecode.runtimes.kubernetes.resources import Object

CONTROL_PLANE_FIELDS: Final = frozenset({"lastActivity", "stopsAt", "activity", "editorVersion"})
"""Parts of the status that the control plane writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What goes into a status besides the verdict."""

    url: str
    volumes: Mapping[str, str]
    """Names of claims by volume; empty if they can't be told."""
    applied: Mapping[str, str] = field(default_factory=dict)
    failure: Object | None = None
    update_waits: bool = False
    resize_refusal: str = ""
    """Why a volume does not grow."""


def build_status(seen: Seen, verdict: Verdict, parts: Parts) -> Object:
    """Return the operator's part of the status."""
    metadata, spec = seen.workspace["metadata"], seen.workspace["spec"]
    previous = seen.workspace.get("status") or {}
    pod = verdict.pod
    status: Object = {
        "observedGeneration": metadata.get("generation", 1),
        "phase": verdict.phase.value.capitalize(),
        "message": verdict.message,
        "url": parts.url,
        "updateWaits": parts.update_waits,
        "conditions": _conditions(seen, verdict, parts, previous.get("conditions") or []),
    }
    optional = {
        "volumes": dict(parts.volumes),
        "applied": dict(sorted(parts.applied.items())),
        "restartedAt": spec.get("restartedAt"),
        "failure": parts.failure,
    }
    # An empty map would become null in server-side apply, and that is refused.
    status |= {key: value for key, value in optional.items() if value}
    if pod is not None:
        status["podName"] = pod["metadata"]["name"]
        status["image"] = pod["spec"]["image"]
        if is_ready(pod):
            status["startedAt"] = condition(pod, "Ready")["lastTransitionTime"]
            # While it isn't ready nothing may be sent there: the address may soon be another pod's.
            if pod["status"].get("podIP"):
                status["podIP"] = pod["status"]["podIP"]
    return status


def operators_part(status: Object) -> Object:
    """Return a status without what the control plane writes."""
    return {key: value for key, value in status.items() if key not in CONTROL_PLANE_FIELDS}


def _conditions(seen: Seen, verdict: Verdict, parts: Parts, previous: list[Object]) -> list[Object]:
    generation = seen.workspace["metadata"].get("generation", 1)
    known = {item["type"]: item for item in previous}
    found = {
        "Ready": _ready(verdict),
        "Scheduled": _scheduled(verdict),
        "VolumesReady": _volumes(seen, parts),
        "ImagePulled": _pulled(verdict),
    }
    # What waits for an object by its conditions (kstatus, so `helm --wait`) takes one without Ready for done, waits
    # while that is False, and gives up at Stalled.
    if verdict.phase is Phase.STOPPED and not is_wanted(seen.workspace["spec"]):
        del found["Ready"]
    if verdict.phase is Phase.FAILED:
        found["Stalled"] = ("True", verdict.reason, verdict.message)
    conditions = []
    for kind, (state, reason, message) in found.items():
        before = known.get(kind)
        same = before is not None and before["status"] == state
        since = before["lastTransitionTime"] if before is not None and same else _seconds(seen.now)
        conditions.append(
            {
                "type": kind,
                "status": state,
                "reason": reason,
                "message": message,
                "lastTransitionTime": since,
                "observedGeneration": generation,
            }
        )
    return conditions


def _ready(verdict: Verdict) -> tuple[str, str, str]:
    running = verdict.phase is Phase.RUNNING
    return ("True" if running else "False"), verdict.reason, verdict.message


def _scheduled(verdict: Verdict) -> tuple[str, str, str]:
    if verdict.pod is None:
        return "False", "NoPod", "There is no pod."
    if node := verdict.pod["spec"]["nodeName"]:
        return "True", "Scheduled", f"It is on the node {node}."
    return "False", verdict.reason, verdict.message


def _volumes(seen: Seen, parts: Parts) -> tuple[str, str, str]:
    lost = [volume for volume, claim in seen.claims.items() if claim and claim["status"]["phase"] == "Lost"]
    if lost:
        return "False", "Lost", f"The storage of {_listed(parts, lost)} is lost."
    pending = [volume for volume, claim in seen.claims.items() if not claim or claim["status"]["phase"] != "Bound"]
    if pending or not seen.claims:
        return "False", "Pending", f"Not there yet: {_listed(parts, pending) or 'its volumes'}."
    if parts.resize_refusal:
        return "True", "ResizeRefused", parts.resize_refusal
    growing = [
        volume
        for volume, claim in seen.claims.items()
        if claim and any(item["status"] == "True" for item in claim["status"]["conditions"])
    ]
    if growing:
        return "True", "Growing", f"Growing: {_listed(parts, growing)}."
    return "True", "Bound", "Its volumes are there."


def _listed(parts: Parts, volumes: list[str]) -> str:
    return ", ".join(parts.volumes.get(volume, volume) for volume in volumes)


def _pulled(verdict: Verdict) -> tuple[str, str, str]:
    container = verdict.pod["status"]["container"] if verdict.pod is not None else None
    if container is None:
        return "Unknown", "NotStarted", "No container was started yet."
    if container["pulled"] or container.get("running"):
        return "True", "Pulled", "The image is on the node."
    if verdict.reason == "ImagePull":
        return "False", (container.get("waiting") or {}).get("reason") or "ImagePull", verdict.message
    return "Unknown", "Waiting", "The image was not needed yet."


def _seconds(now: datetime) -> str:
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")
