"""What the cluster itself says about a pod that is slow to start: its latest warning Event, or one of its claims'."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError
from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.resources import EVENTS, Object, Selection

SLOW: Final = 12.0
"""Seconds after which a pod that isn't started counts as slow; reading events costs a request or more."""


class Warnings:
    """Reads warning Events.

    Parameters
    ----------
    client, namespace
        Where.
    """

    def __init__(self, client: Client, *, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def latest(self, pod: Object | None, claims: Iterable[Object | None], *, now: datetime) -> str:
        """Return the message of the latest warning; empty if there is none, it can't be read, or it is too early."""
        if pod is None or (now - parse_time(pod["metadata"]["creationTimestamp"])).total_seconds() < SLOW:
            return ""
        objects = [pod, *(claim for claim in claims if claim and claim["status"]["phase"] != "Bound")]
        found = await asyncio.gather(*(self._of(item["metadata"]["uid"]) for item in objects))
        events = [event for part in found for event in part]
        latest = max(events, key=_time, default=None)
        return str(latest.get("message") or "") if latest is not None else ""

    async def _of(self, uid: str) -> list[Object]:
        fields = f"involvedObject.uid={uid},type=Warning"
        try:
            return await self._client.list(Selection(resource=EVENTS, namespace=self._namespace, fields=fields))
        except KubernetesError:
            return []  # They only add detail to what is known.


def _time(event: Object) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")
