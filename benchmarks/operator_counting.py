"""Names, what is kept of objects that are only counted, and doing something with many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import psutil

from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.resources import Object

AT_ONCE = 4
"""Workspaces that are created, changed or removed at the same time: as many as the operator's workers."""


def name_of(number: int) -> str:
    return f"w{number:05d}"


def phase_only(obj: Object) -> Object:
    status, metadata = obj.get("status") or {}, obj["metadata"]
    seen = status.get("observedGeneration") == metadata["generation"]
    kept = {key: metadata[key] for key in ("name", "uid", "resourceVersion")}
    return {"metadata": kept, "phase": status.get("phase", "") if seen else ""}


def readiness_only(obj: Object) -> Object:
    conditions = (obj.get("status") or {}).get("conditions") or []
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    kept = {key: obj["metadata"][key] for key in ("name", "uid", "resourceVersion")}
    return {"metadata": kept, "phase": "Running" if ready else ""}


def busy() -> float:
    """Return the CPU seconds that this machine has been busy for so far, with anything."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)


def count_in(known: Reflector, phase: str) -> int:
    return sum(item["phase"] == phase for item in known.store.values())


async def each(names: Iterable[str], act: Callable[[str], Awaitable[None]]) -> None:
    """Do something with each, some at a time."""
    left = iter(names)

    async def work() -> None:
        for name in left:
            await act(name)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())
