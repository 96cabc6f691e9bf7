"""Waiting until what was installed runs, and saying why it doesn't."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vibecode.cluster.commands import reason
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.kubectl import Kubectl
from vibecode.domain.text import printable

LIMIT: Final = 300.0
"""Seconds within which everything has to run."""

_INTERVAL: Final = 1.0
_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
)
_CONFIG_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment or DaemonSet."""

    name: str
    wanted: int
    ready: int
    """Pods of the present version that are ready."""
    settled: bool
    """Whether all are, and none of an earlier version is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a pod isn't ready."""

    sentence: str
    patience: float
    """Seconds after which it is taken for lasting: some go by themselves."""


def workload(item: Mapping[str, Any]) -> Workload:
    """Read a Deployment or DaemonSet as the API server returns it."""
    status, spec = item.get("status", {}), item["spec"]
    current = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
    if item["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        ready = min(status.get("numberAvailable", 0), status.get("updatedNumberScheduled", 0))
        # A DaemonSet without a node to be on has nothing to wait for, and nothing that works either.
        settled = current and wanted > 0 and ready >= wanted
    else:
        wanted = spec.get("replicas", 1)
        updated = status.get("updatedReplicas", 0)
        ready = min(status.get("availableReplicas", 0), updated)
        settled = current and ready >= wanted and status.get("replicas", 0) == updated
    return Workload(name=item["metadata"]["name"], wanted=wanted, ready=ready if current else 0, settled=settled)


def workloads(kubectl: Kubectl, namespace: str) -> list[Workload]:
    """Return the Deployments and DaemonSets of a namespace.

    Raises
    ------
    ClusterUnavailable
        The API server doesn't answer.
    """
    return [workload(item) for item in kubectl.list("deployments.apps,daemonsets.apps", namespace=namespace)]


def pod_problem(pod: Mapping[str, Any]) -> Problem | None:
    """Return why a pod isn't ready; None if it is, or nothing is wrong yet."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        return None
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            said = _sentence(condition.get("message", "no node fits"))
            return Problem(sentence=f"No node can take the pod {name}: {said}", patience=45)
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting", {})
        why, message = waiting.get("reason", ""), waiting.get("message", "")
        if why in _IMAGE_REASONS:
            return Problem(
                sentence=f"The pod {name} can't get its image {container['image']} ({why}): "
                "`vibecode up` builds and loads it again.",
                patience=20,
            )
        if why in _CONFIG_REASONS:
            return Problem(sentence=f"The pod {name} can't be started: {_sentence(message or why)}", patience=20)
        ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated")
        if ended and container.get("restartCount", 0) >= 1 and not container.get("ready"):
            return Problem(sentence=_ended(name, container["name"], ended), patience=60)
    return None


def _ended(pod: str, container: str, state: Mapping[str, Any]) -> str:
    if state.get("reason") == "OOMKilled":
        return f"{container} in the pod {pod} ran out of memory and was ended."
    return f"{container} in the pod {pod} ends again and again (exit code {state.get('exitCode', '?')})."


def wait(kubectl: Kubectl, namespace: str, on_state: Callable[[str], None], *, limit: float = LIMIT) -> list[Workload]:
    """Wait until everything in a namespace runs; return what does.

    Parameters
    ----------
    on_state
        Is called with what is waited for.
    limit
        Seconds to wait at most.

    Raises
    ------
    ClusterUnavailable
        Something doesn't come to run; the sentence says what and why.
    """
    started = time.monotonic()
    since: dict[str, float] = {}
    while True:
        found = workloads(kubectl, namespace)
        missing = [each for each in found if not each.settled]
        if found and not missing:
            return found
        on_state(words(missing))
        pods = kubectl.list("pods", namespace=namespace)
        now = time.monotonic()
        present = {problem.sentence: problem for pod in pods if (problem := pod_problem(pod))}
        since = {sentence: since.get(sentence, now) for sentence in present}
        lasting = [each for each in present.values() if now - since[each.sentence] >= each.patience]
        if lasting or now - started > limit:
            problem = next(iter(lasting or present.values()), None)
            raise ClusterUnavailable(_why(kubectl, namespace, pods, problem, missing, now - started))
        time.sleep(_INTERVAL)


def words(missing: Sequence[Workload]) -> str:
    """Return what is waited for, such as ``waiting for control-plane, operator (1 of 2 ready)``."""
    parts = [
        each.name if each.wanted <= 1 else f"{each.name} ({each.ready} of {each.wanted} ready)" for each in missing
    ]
    return f"waiting for {', '.join(parts) or 'the first pods'}"


def _why(
    kubectl: Kubectl,
    namespace: str,
    pods: Sequence[Mapping[str, Any]],
    problem: Problem | None,
    missing: Sequence[Workload],
    waited: float,
) -> str:
    """Return the sentence of a failure, with the last line of a log that may explain it."""
    names = ", ".join(each.name for each in missing) or "anything"
    sentence = problem.sentence if problem else f"After {waited:.0f} s there still is no working {names}."
    for pod in pods:
        name = pod["metadata"]["name"]
        if problem and name not in problem.sentence:
            continue
        for container in pod.get("status", {}).get("containerStatuses", ()):
            restarted = container.get("restartCount", 0) >= 1 or (problem is None and container["state"].get("running"))
            if not container.get("ready") and restarted:
                log = kubectl.last_log(namespace, name, container["name"])
                if log.strip():
                    return f"{sentence} Its log ends with: {reason(log)}"
    return sentence


def _sentence(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if line.endswith(".") else f"{line}."
