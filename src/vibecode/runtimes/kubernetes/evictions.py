"""Pods that their node has ended, such as for filling its disk: why, in words, and how often in a row. Pure.

Such a pod stays as a record, with the phase Failed, while its Deployment makes another at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.naming import TEMPLATE_ANNOTATION
from vibecode.runtimes.kubernetes.pod import request_of
from vibecode.runtimes.kubernetes.pods import QUICK_CRASH, condition, last_end
from vibecode.runtimes.kubernetes.resources import Object, annotations_of

FOLLOWS: Final = 60.0
"""Seconds within which the next pod is made; one that comes later was asked for by somebody."""

# What the kubelet says (k8s.io/kubernetes, pkg/kubelet/eviction/helpers.go).
_VOLUME_FULL: Final = re.compile(r'Usage of EmptyDir volume "(?P<volume>[^"]*)" exceeds the limit "(?P<limit>[^"]*)"')
_DISK_FULL: Final = re.compile(
    r"Pod ephemeral local storage usage exceeds the total limit of containers (?P<total>\S*\w)"
    r'|Container \S+ exceeded its local ephemeral storage limit "(?P<limit>[^"]*)"'
)
_NODE_SHORT: Final = re.compile(r"The node was low on resource: (?P<what>[\w./-]*\w)")
_WORDS: Final = {"ephemeral-storage": "disk space", "inodes": "room for files", "pids": "process ids"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """The end of the pod before the present one."""

    why: str
    """A sentence without its full stop."""
    times: int = 0
    """How often in a row a pod used too much disk soon after its start; 0 if the last one ended for another reason."""


def latest_eviction(failed: Sequence[Object], *, start: str, pod: Object | None, now: datetime) -> Eviction | None:
    """Return why the present pod is another than a moment ago; None if no node ended the one before.

    Parameters
    ----------
    failed
        The workspace's pods that count as failed, trimmed.
    start
        Which start the pod has to be of: what somebody asked for since then is no consequence.
    pod
        The present pod, if there is one yet.
    """
    chain = [
        item for item in failed if request_of(annotations_of(item).get(TEMPLATE_ANNOTATION, "")) == request_of(start)
    ]
    chain.sort(key=lambda item: parse_time(item["metadata"]["creationTimestamp"]), reverse=True)
    latest: Eviction | None = None
    times = 0
    successor = _created(pod) if pod is not None else now
    for item in chain:
        ended = _ended(item)
        if (successor - ended).total_seconds() > FOLLOWS:
            break
        text = str(item["status"].get("message") or item["status"].get("reason") or "")
        why, is_own = _explain(text)
        latest = latest or Eviction(why=why)
        if not is_own or (ended - _created(item)).total_seconds() >= QUICK_CRASH:
            break
        times += 1
        successor = _created(item)
    return None if latest is None else Eviction(why=latest.why, times=times)


def _explain(text: str) -> tuple[str, bool]:
    """Return why a pod was ended, and whether that was by what it did itself."""
    if full := _VOLUME_FULL.search(text):
        limit, volume = full["limit"], full["volume"]
        return f"It was ended because it kept more than {limit} in /{volume}, which is empty again", True
    if full := _DISK_FULL.search(text):
        limit = full["total"] or full["limit"]
        return f"It was ended because it used more than {limit} of its node's disk, outside of its volumes", True
    if short := _NODE_SHORT.search(text):
        return f"Its node ran out of {_WORDS.get(short['what'], short['what'])}, and ended it", False
    return f"Its node ended it: {' '.join(text.split()).rstrip('.') or 'it did not say why'}", False


def _created(pod: Object) -> datetime:
    return parse_time(pod["metadata"]["creationTimestamp"])


def _ended(pod: Object) -> datetime:
    """Return when a pod ended; one that its node never took ended when it was made."""
    end = last_end(pod) or {}
    times = [condition(pod, "Ready").get("lastTransitionTime"), end.get("finishedAt")]
    return max([_created(pod), *(parse_time(time) for time in times if time)])
