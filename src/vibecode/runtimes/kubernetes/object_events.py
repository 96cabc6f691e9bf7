"""What happened to a workspace, from the Events that the cluster keeps about its object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from vibecode.domain.giturl import mask
from vibecode.domain.text import printable
from vibecode.domain.workspace import Event
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.resources import EVENTS, Object, Selection

_MAX_MESSAGE = 1000
_LONG_AGO = datetime.fromtimestamp(0, UTC)


async def read_events(client: Client, *, namespace: str, uid: str, limit: int) -> Sequence[Event]:
    """Return the latest events about an object, newest first. The cluster forgets them, usually after an hour.

    Raises
    ------
    KubernetesError
    """
    found = await client.list(Selection(resource=EVENTS, namespace=namespace, fields=f"involvedObject.uid={uid}"))
    return sorted(map(event_from_object, found), key=lambda event: event.at, reverse=True)[:limit]


def event_from_object(obj: Object) -> Event:
    """Return an Event of the core or the events group as ours."""
    series = obj.get("series") or {}
    times = (series.get("lastObservedTime"), obj.get("lastTimestamp"), obj.get("eventTime"), obj.get("firstTimestamp"))
    # The latest: of one moment the old form has whole seconds, and the new one the microseconds that keep the order.
    at = max((parse_time(time) for time in times if time), default=None)
    if at is None:
        created = obj["metadata"].get("creationTimestamp")
        at = parse_time(created) if created else _LONG_AGO
    count = int(series.get("count") or obj.get("count") or 1)
    message = printable(mask(str(obj.get("message") or obj.get("note") or ""))).strip()[:_MAX_MESSAGE]
    return Event(
        at=at,
        kind=re.sub(r"[^a-z0-9]+", "", str(obj.get("reason") or "").lower()) or "event",
        message=f"{message} ({count} times)" if count > 1 else message,
    )
