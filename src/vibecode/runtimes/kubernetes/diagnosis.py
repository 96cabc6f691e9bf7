"""Why a workspace is where it is, in words: from what is observed of its objects. Pure, so that it can be tested so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from vibecode.domain.giturl import mask
from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.evictions import Eviction
from vibecode.runtimes.kubernetes.model import is_wanted, parse_time
from vibecode.runtimes.kubernetes.pods import condition, is_on_lost_node, is_ready, last_end, pick_pod
from vibecode.runtimes.kubernetes.resources import Object
from vibecode.runtimes.kubernetes.volumes import is_on_one_node

MOST_CRASHES: Final = 3
"""Quick ends in a row after which a start counts as failed."""

PERMANENT_EXIT: Final = 65
"""Exit code by which the workspace's first process says that another try can't help (EX_DATAERR of sysexits.h)."""

PULL_PATIENCE: Final = 180
"""Seconds that an image may fail to be pulled before the workspace counts as failed; it is tried on all the same."""

_GRACE: Final = 70
"""Seconds after which a pod that should have ended tells of a node that is gone."""

_PULL_REASONS: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"})
_HOPELESS_PULLS: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_INSUFFICIENT: Final = re.compile(r"Insufficient ([a-z0-9./-]*[a-z0-9])")
_VOLUME_ELSEWHERE: Final = (
    "PersistentVolume's node affinity",
    "volume node affinity",  # the same, of older schedulers
    "had no available volume zone",
)
USUAL: Final = frozenset({"Creating", "Scheduling", "Preparing", "EditorStarting", "PreviousPodEnds"})
"""Reasons of a start that goes its usual way."""

_LOG_LINES: Final = 5
_LOG_LENGTH: Final = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is observed of one workspace."""

    workspace: Object
    now: datetime
    start: str
    """Which start its pod has to be of (:func:`~.pod.start_digest`)."""
    pods: Sequence[Object] = ()
    """Trimmed."""
    claims: Mapping[str, Object | None] = field(default_factory=dict)
    """By volume, trimmed; None if not there yet."""
    refusal: str = ""
    """Why the Deployment can't make its pod, in the API server's words."""
    crashes: int = 0
    """Quick ends in a row of the pod's container."""
    eviction: Eviction | None = None
    """Why the present pod, or the one to come, is another than a moment ago."""
    warning: str = ""
    """The latest warning about a pod that is slow to start, or about its claims."""
    resources: Object = field(default_factory=dict)
    """Its container's requests and limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where a workspace is, and why."""

    phase: Phase
    reason: str
    """One CamelCase word, for programs."""
    message: str
    """One or a few sentences, for people."""
    pod: Object | None = None
    give_up: bool = False
    """Whether another try can't be expected to help."""
    look_again: float | None = None
    """Seconds after which time alone may change the verdict."""
    slow: bool = False
    """Whether events may tell more about why it takes so long."""


def diagnose(seen: Seen) -> Verdict:
    """Return where a workspace is. Problems of the reconciliation itself and past failures come before this."""
    verdict = _diagnose(seen)
    if seen.eviction is None or not is_wanted(seen.workspace["spec"]) or verdict.phase is Phase.RUNNING:
        return verdict
    return _evicted(seen.eviction, verdict)


def _diagnose(seen: Seen) -> Verdict:
    spec = seen.workspace["spec"]
    if not is_wanted(spec):
        if not seen.pods:
            return Verdict(phase=Phase.STOPPED, reason="Stopped", message=spec.get("stopReason") or "Stopped.")
        return Verdict(
            phase=Phase.STOPPING,
            reason="Stopping",
            message=_lost_node(seen) or spec.get("stopReason") or "Stopping.",
            look_again=_GRACE,
        )
    pod = pick_pod(seen.pods, start=seen.start)
    if pod is not None:
        return _of_pod(seen, pod)
    if any(item["metadata"].get("deletionTimestamp") for item in seen.pods):
        message = _lost_node(seen) or "Waiting for the previous pod to end."
        return Verdict(phase=Phase.STARTING, reason="PreviousPodEnds", message=message, look_again=_GRACE)
    if seen.refusal:
        return _refused(seen.refusal)
    return Verdict(phase=Phase.PENDING, reason="Creating", message="Creating its pod.")


def _lost_node(seen: Seen) -> str:
    for pod in seen.pods:
        deadline = pod["metadata"].get("deletionTimestamp")
        if deadline and (seen.now - parse_time(deadline)).total_seconds() > _GRACE:
            node = pod["spec"]["nodeName"] or "unknown"
            return f"The node {node} does not answer, so it can't be known whether its pod has ended there."
    return ""


def _evicted(eviction: Eviction, verdict: Verdict) -> Verdict:
    """Say why it starts again, whatever it waits for."""
    if eviction.times >= MOST_CRASHES:
        message = (
            f"{eviction.why}. That happened {eviction.times} times in a row. Keep large files in /workspace or the "
            "home, then restart it."
        )
        return Verdict(phase=Phase.FAILED, reason="Evicted", message=message, give_up=True)
    if verdict.phase is Phase.FAILED or verdict.reason not in USUAL:
        return replace(verdict, message=f"{eviction.why}. {verdict.message}")
    return replace(verdict, phase=Phase.STARTING, reason="Evicted", message=f"{eviction.why}. It starts again.")


def _refused(text: str) -> Verdict:
    """Explain why the API server lets no pod be made."""
    if "exceeded quota" in text:
        detail = text[text.index("exceeded quota") :].removeprefix("exceeded quota: ")
        message = f"The namespace's quota is used up: {_sentence(detail)} It starts when there is room again."
        return Verdict(phase=Phase.PENDING, reason="QuotaExceeded", message=message)
    if "violates PodSecurity" in text:
        return Verdict(
            phase=Phase.FAILED,
            reason="NotPermitted",
            message=f"The namespace does not permit its pod: {_sentence(text)}",
        )
    return Verdict(phase=Phase.PENDING, reason="PodRefused", message=f"Its pod can't be created: {_sentence(text)}")


def _of_pod(seen: Seen, pod: Object) -> Verdict:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unschedulable(seen, pod, scheduled.get("message") or "")
    if is_ready(pod):
        return Verdict(phase=Phase.RUNNING, reason="Ready", message="Running.", pod=pod)
    if is_on_lost_node(pod):
        return Verdict(phase=Phase.STARTING, reason="NodeLost", message=_silent_node(seen, pod), pod=pod)
    container = pod["status"]["container"]
    if container is None:
        if not pod["spec"]["nodeName"]:
            if not _are_bound(seen):
                return _preparing(seen, pod)
            return Verdict(phase=Phase.PENDING, reason="Scheduling", message="Looking for a node.", pod=pod)
        return _preparing(seen, pod)
    if container.get("running"):
        if seen.crashes:
            return Verdict(phase=Phase.STARTING, reason="Crashed", message=_crash(seen, pod, again=True), pod=pod)
        message = "Waiting for the editor to answer."
        return Verdict(phase=Phase.STARTING, reason="EditorStarting", message=message, pod=pod)
    reason = (container.get("waiting") or {}).get("reason") or ""
    if reason in _PULL_REASONS | _HOPELESS_PULLS:
        return _unpulled(seen, pod, reason, container["waiting"].get("message") or "")
    if last_end(pod) is not None:
        return _crashed(seen, pod)
    if reason in ("", "ContainerCreating", "PodInitializing"):
        return _preparing(seen, pod)
    text = _sentence(container["waiting"].get("message") or reason)
    return Verdict(
        phase=Phase.STARTING, reason=reason, message=f"Its container can't be started: {text}", pod=pod, slow=True
    )


def _silent_node(seen: Seen, pod: Object) -> str:
    what = f"The node {pod['spec']['nodeName']} does not answer"
    if any(claim and is_on_one_node(claim) for claim in seen.claims.values()):
        return f"{what}, and its volumes are on it: it goes on when the node is back."
    return f"{what}. If it stays so, it is moved, unless its volumes are tied to that node."


def _preparing(seen: Seen, pod: Object) -> Verdict:
    phase = Phase.STARTING if pod["spec"]["nodeName"] else Phase.PENDING
    if seen.warning:
        message = f"It can't start yet: {_sentence(seen.warning)}"
        return Verdict(phase=phase, reason="StartSlow", message=message, pod=pod, slow=True, look_again=15)
    message = "Preparing its volumes and image." if _are_bound(seen) else "Making its volumes."
    return Verdict(phase=phase, reason="Preparing", message=message, pod=pod, slow=True, look_again=15)


def _are_bound(seen: Seen) -> bool:
    return all(claim and claim["status"]["phase"] == "Bound" for claim in seen.claims.values())


def _unschedulable(seen: Seen, pod: Object, text: str) -> Verdict:
    short = list(dict.fromkeys(_INSUFFICIENT.findall(text)))
    requests = {**(seen.resources.get("limits") or {}), **(seen.resources.get("requests") or {})}
    if short:
        asked = ", ".join(f"{requests[name]} of {name}" for name in short if name in requests)
        what = f"No node has enough {' and '.join(short)} left" + (f" (it asks for {asked})." if asked else ".")
        reason = "Insufficient" + "".join(part.capitalize() for part in re.split("[^a-z0-9]", short[0]))
    elif any(words in text for words in _VOLUME_ELSEWHERE):
        what, reason = "The node that holds its volumes is gone or can't take it.", "VolumeNode"
    elif "unbound immediate PersistentVolumeClaims" in text or "persistentvolumeclaim" in text:
        what, reason = f"Its volumes are not there yet. {_sentence(seen.warning)}".strip(), "VolumesPending"
    elif "node affinity" in text or "node selector" in text or "untolerated taint" in text:
        what, reason = "No node fits its node selector, affinity or tolerations.", "NoFittingNode"
    else:
        what, reason = "No node can take it.", "Unschedulable"
    message = f"{what} It starts as soon as one can. The scheduler says: {_sentence(text)}"
    return Verdict(
        phase=Phase.PENDING, reason=reason, message=message, pod=pod, slow=reason == "VolumesPending", look_again=30
    )


def _unpulled(seen: Seen, pod: Object, reason: str, text: str) -> Verdict:
    image = pod["spec"]["image"]
    age = (seen.now - parse_time(pod["metadata"]["creationTimestamp"])).total_seconds()
    if reason == "InvalidImageName":
        what = f"The image name {image} is not valid."
    elif reason == "ErrImageNeverPull":
        what = f"The image {image} is not on the node, and may not be pulled."
    else:
        what = f"The image {image} can't be pulled; it is tried again and again."
    failed = reason in _HOPELESS_PULLS or age > PULL_PATIENCE
    # The back-off's own message only repeats the image's name.
    detail = f" {_sentence(text)}" if text and not text.startswith("Back-off") else ""
    return Verdict(
        phase=Phase.FAILED if failed else Phase.STARTING,
        reason="ImagePull",
        message=what + detail,
        pod=pod,
        look_again=None if failed else max(1.0, PULL_PATIENCE - age + 1),
    )


def _crashed(seen: Seen, pod: Object) -> Verdict:
    end = last_end(pod) or {}
    give_up = seen.crashes >= MOST_CRASHES or end.get("exitCode") == PERMANENT_EXIT
    return Verdict(
        phase=Phase.FAILED if give_up else Phase.STARTING,
        reason="SourceUnavailable" if end.get("exitCode") == PERMANENT_EXIT else "Crashed",
        message=_crash(seen, pod, again=not give_up),
        pod=pod,
        give_up=give_up,
    )


def _crash(seen: Seen, pod: Object, *, again: bool) -> str:
    """Say how the container ended, with its own last words."""
    end = last_end(pod) or {}
    lines = [line.strip() for line in mask(end.get("message") or "").splitlines() if line.strip()]
    words = "\n".join(lines[-_LOG_LINES:])[-_LOG_LENGTH:]
    if end.get("exitCode") == PERMANENT_EXIT and words:
        return _sentence(words)
    if end.get("reason") == "OOMKilled":
        limit = (seen.resources.get("limits") or {}).get("memory")
        what = "It used more memory than it may" + (f" ({limit})." if limit else ".")
    elif "exitCode" in end:
        what = f"It ended with exit code {end['exitCode']}."
    else:
        what = "It ended."
    often = f" That happened {seen.crashes} times in a row." if seen.crashes > 1 else ""
    more = " Trying again." if again else ""
    return f"{what}{often}{more}" + (f" Its last words: {words}" if words else "")


def _sentence(text: str) -> str:
    """Return a text of the cluster's as a sentence, on one line and not too long."""
    line = " ".join(mask(text).split())
    if len(line) > _LOG_LENGTH:
        line = line[: _LOG_LENGTH - 1] + "…"
    return line if not line or line[-1] in ".!?…" else f"{line}."
