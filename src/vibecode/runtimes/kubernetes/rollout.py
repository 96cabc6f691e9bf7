"""When the pod template of a workspace may change: never under a person's hands. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vibecode.runtimes.kubernetes.applied import split_mark
from vibecode.runtimes.kubernetes.pod import digest, request_of
from vibecode.runtimes.kubernetes.resources import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What the Deployment is to be."""

    wanted: str
    """Stands for it in the record: ``<replicas>.<start>.<digest of the rest>``."""
    start: str
    """Which start its pod is of."""
    waits: bool
    """Whether what runs is left as it is, though its next start will be of another template."""


def decide(recorded: str | None, manifest: Object, *, start: str, up: bool) -> Rollout:
    """Return what the Deployment is to be now.

    Parameters
    ----------
    recorded
        What is recorded of the Deployment, with the mark of what came of it; None if it was never written.
    manifest
        What it is to be if nothing runs.
    start
        The start that the manifest makes (:func:`~.pod.start_digest`).
    up
        Whether a pod of the recorded start runs, so that a new template would end it.
    """
    wanted = _record(manifest, start)
    before, _ = split_mark(recorded)
    replicas, _, rest = before.partition(".")
    running_start = rest.partition(".")[0]
    if (
        up
        and before != wanted
        and replicas == "1"
        and manifest["spec"]["replicas"] == 1
        and request_of(running_start) == request_of(start)
    ):
        return Rollout(wanted=before, start=running_start, waits=True)
    return Rollout(wanted=wanted, start=start, waits=False)


def recorded_start(recorded: str | None) -> str:
    """Return the start that a record of a Deployment is of; empty if there is none."""
    before, _ = split_mark(recorded)
    return before.partition(".")[2].partition(".")[0]


def _record(manifest: Object, start: str) -> str:
    spec = manifest["spec"]
    rest = {key: value for key, value in spec.items() if key not in ("replicas", "template")}
    return f"{spec['replicas']}.{start}.{digest([manifest['metadata'], rest])}"
