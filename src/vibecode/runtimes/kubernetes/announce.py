"""Kubernetes Events about Workspaces: what ``kubectl describe`` and the dashboard show of the past."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

import structlog

from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.diagnosis import USUAL, Verdict
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectNotFound
from vibecode.runtimes.kubernetes.resources import EVENTS, OPERATOR, WORKSPACES, Object

_logger = structlog.get_logger(__name__)

MOST_WAITING: Final = 2000
"""Events that wait to be written, at most: they are news, not truth, and never hold up a workspace."""

_MESSAGE_LENGTH: Final = 1000
"""Bytes of an Event's message, at most 1024 for the API."""

_WARNINGS: Final = frozenset({"Crashed", "Failed", "Waiting", "Reverted", "ResizeRefused"})


class Announcer:
    """Writes Events, one after the other, in the background.

    Parameters
    ----------
    client
        Of the API server.
    namespace
        Of the workspaces.
    identity
        Name of this replica of the operator.
    """

    def __init__(self, client: Client, *, namespace: str, identity: str) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._waiting: asyncio.Queue[Object] = asyncio.Queue(MOST_WAITING)

    def tell(self, workspace: Object, reason: str, message: str) -> None:
        """Have an Event written; it is dropped if too many wait.

        Parameters
        ----------
        workspace
            The Workspace object it is about.
        reason
            ``Created``, ``Starting``, ``Running``, ``Stopping``, ``Stopped``, ``Crashed``, ``Failed``, ``Waiting``,
            ``Recreated``, ``Reverted``, ``Growing``, ``ResizeRefused``.
        message
            What happened, in words.
        """
        metadata = workspace["metadata"]
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        event: Object = {
            "metadata": {"generateName": f"{metadata['name']}."},
            "involvedObject": {
                "apiVersion": WORKSPACES.api_version,
                "kind": WORKSPACES.kind,
                "namespace": self._namespace,
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": "Warning" if reason in _WARNINGS else "Normal",
            "reason": reason,
            "message": message.encode()[:_MESSAGE_LENGTH].decode(errors="ignore"),
            # The old form, which kubectl describe reads; eventTime has the microseconds, which keep the order.
            "firstTimestamp": now[:19] + "Z",
            "lastTimestamp": now[:19] + "Z",
            "eventTime": now,
            "action": reason,
            "count": 1,
            "source": {"component": OPERATOR},
            "reportingComponent": f"vibecode.dev/{OPERATOR}",
            "reportingInstance": self._identity,
        }
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            _logger.warning("an event was dropped, as too many wait", workspace=metadata["name"], reason=reason)

    async def run(self) -> None:
        """Write what comes until cancelled."""
        while True:
            event = await self._waiting.get()
            try:
                await self._client.create(EVENTS, event, namespace=self._namespace)
            except ObjectNotFound:
                continue  # The namespace is going.
            except KubernetesError as error:
                _logger.warning(
                    "an event could not be written", workspace=event["involvedObject"]["name"], error=error.message
                )


def news(previous: Object, verdict: Verdict) -> tuple[str, str] | None:
    """Return the reason and message of the Event for a step from a status to a verdict; None if it is no news."""
    before = (previous.get("phase") or "").lower()
    conditions = previous.get("conditions") or []
    # One that is stopped has no such condition, and nothing happens to it then.
    reason_before = next((item["reason"] for item in conditions if item["type"] == "Ready"), verdict.reason)
    if before == verdict.phase.value and reason_before == verdict.reason:
        return None
    if not before:
        return "Created", f"Created. {verdict.message}"
    if verdict.phase is Phase.FAILED:
        return "Failed", verdict.message
    if verdict.reason in ("Crashed", "Evicted", "NodeLost"):
        return "Crashed", verdict.message
    if before != verdict.phase.value:
        if verdict.phase in (Phase.STARTING, Phase.PENDING):
            # From one to the other is one start.
            moving = before in (Phase.STARTING.value, Phase.PENDING.value)
            return None if moving and not _is_trouble(verdict) else _starting(verdict)
        return verdict.phase.value.capitalize(), verdict.message
    return _starting(verdict) if _is_trouble(verdict) else None


def _starting(verdict: Verdict) -> tuple[str, str]:
    return ("Waiting" if _is_trouble(verdict) else "Starting"), verdict.message


def _is_trouble(verdict: Verdict) -> bool:
    """Tell whether it waits for something that isn't usual for a start."""
    return verdict.reason not in USUAL
