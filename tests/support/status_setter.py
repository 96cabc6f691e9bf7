"""A stand-in for the operator that makes nothing: it only sets the status of Workspace objects, as if it had."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import ObjectNotFound, WriteConflict
from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object, Selection

POD_ADDRESS = "10.244.9.9"
"""Of the first workspace that runs; each has its own."""


class StatusSetter:
    """Answers each request at once, unless it is told to be away or that something fails."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._present = asyncio.Event()
        self._present.set()
        self.failing: dict[str, str] = {}
        """Sentences by name of a workspace that shall fail."""
        self.extra: dict[str, Object] = {}
        """What else is in the status, by name."""
        self._addresses: dict[str, str] = {}
        self._reflector = Reflector(
            client,
            Selection(resource=WORKSPACES, namespace=namespace),
            on_change=lambda name, *_: self._due.put_nowait(name),
        )

    def be_away(self) -> None:
        """Stop answering."""
        self._present.clear()

    def come_back(self) -> None:
        """Answer again, what came meanwhile too."""
        self._present.set()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Have it not answer meanwhile."""
        self.be_away()
        try:
            yield
        finally:
            self.come_back()

    async def run(self) -> None:
        """Answer until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reflector.run())
            tasks.create_task(self._answer())

    async def set(self, obj: Object, phase: str, message: str, **more: Any) -> None:
        """Set the status of a workspace, as of its present spec."""
        status = {
            "observedGeneration": obj["metadata"]["generation"],
            "phase": phase,
            "message": message,
            **({"restartedAt": obj["spec"]["restartedAt"]} if "restartedAt" in obj["spec"] else {}),
            **more,
            **self.extra.get(obj["metadata"]["name"], {}),
        }
        with contextlib.suppress(ObjectNotFound, WriteConflict):
            answer = await self._client.apply_status(
                WORKSPACES, {"metadata": obj["metadata"], "status": status}, namespace=self._namespace
            )
            self._reflector.note(answer)

    async def _answer(self) -> None:
        while True:
            name = await self._due.get()
            await self._present.wait()
            obj = self._reflector.store.get(name)
            if obj is not None and (obj.get("status") or {}).get("observedGeneration") != obj["metadata"]["generation"]:
                await self._answer_one(obj)

    async def _answer_one(self, obj: Object) -> None:
        spec, status, name = obj["spec"], obj.get("status") or {}, obj["metadata"]["name"]
        asked_again = spec.get("restartedAt") != status.get("restartedAt")
        if not spec["running"]:
            if status.get("phase") not in (None, "Stopped"):
                await self.set(obj, "Stopping", "Stopping.")
            await self.set(obj, "Stopped", spec.get("stopReason") or "Stopped.")
        elif name in self.failing:
            await self.set(obj, "Failed", self.failing[name])
        elif status.get("phase") == "Running" and not asked_again:
            await self.set(obj, "Running", status["message"], **_run(status))
        else:
            now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            pod = f"code-server-{name}-{obj['metadata']['generation']}"
            await self.set(obj, "Starting", "Starting: its container is being made.", podName=pod)
            address = self._addresses.setdefault(
                name, f"10.244.8.{len(self._addresses)}" if self._addresses else POD_ADDRESS
            )
            await self.set(obj, "Running", "Running.", podName=pod, podIP=address, startedAt=now)


def _run(status: Object) -> Object:
    return {key: status[key] for key in ("podName", "podIP", "startedAt")}


@asynccontextmanager
async def setting_status(client: Client, namespace: str) -> AsyncIterator[StatusSetter]:
    """Have the stand-in at work."""
    setter = StatusSetter(client, namespace)
    task = asyncio.create_task(setter.run())
    try:
        yield setter
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
