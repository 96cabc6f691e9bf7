"""What is done with the operator and its cluster, one step after the other, and what each costs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.operator_cluster import FLOOR, NAMESPACE, Cluster
from benchmarks.operator_counting import busy, count_in, each, name_of, phase_only, readiness_only
from benchmarks.operator_floor import WRITES_A_WORKSPACE, floors_config, write_objects
from benchmarks.operator_process import Operator, Snapshot, operator
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.naming import main_name
from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    PODS,
    SECRETS,
    SERVICES,
    VOLUME_CLAIMS,
    WORKSPACES,
    Object,
    Resource,
    Selection,
)

QUIET = 4.0
"""Seconds without an event, a look at a workspace or a write of anybody's, after which all counts as done."""


class Steps:
    """The steps on one cluster.

    Parameters
    ----------
    cluster, folder
        Where; and where the operator's files may be.
    count
        Workspaces.
    limit
        Seconds that a step may take.
    """

    def __init__(self, cluster: Cluster, folder: Path, *, count: int, limit: float) -> None:
        self._cluster = cluster
        self._folder = folder
        self._names = [name_of(number) for number in range(count)]
        self._limit = limit
        self._floor = 0
        self._client = Client.connect(field_manager="benchmark", kubeconfig=cluster.kubeconfig)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def operator(self) -> contextlib.AbstractContextManager[Operator]:
        """Have an operator run."""
        return operator(self._cluster, self._folder)

    async def floor(self, count: int) -> dict[str, Any]:
        """Write the objects of some workspaces as fast as a client can, and wait until their pods are ready."""
        own = psutil.Process()
        self._floor = count
        config = floors_config()

        async def write(name: str) -> None:
            await write_objects(self._client, name, config)

        async with self._watched(PODS, FLOOR, readiness_only) as pods:
            began, before = time.perf_counter(), own.cpu_times()
            programs, written = self._cluster.cpu(), self._cluster.writes()
            await each([name_of(number) for number in range(count)], write)
            wrote = time.perf_counter() - began
            complete = await self._until_all(pods, "Running", count, "floor: pods ready")
            seconds, after = time.perf_counter() - began, own.cpu_times()
            await self._quiet()
        return {
            "workspaces": count,
            "complete": complete,
            "seconds": seconds,
            "seconds_to_write": wrote,
            "client_cpu_seconds": after.user + after.system - before.user - before.system,
            "client_writes": count * WRITES_A_WORKSPACE,
            "programs_cpu_seconds": {key: used - programs[key] for key, used in self._cluster.cpu().items()},
            "all_writes": dict(self._cluster.writes() - written),
        }

    async def start(self, running: Operator) -> dict[str, Any]:
        """Create all workspaces at once; they run in the end."""
        await self._until(lambda: running.answers("/readyz"), "operator: ready")
        await self._settled(running)

        async def create(name: str) -> None:
            spec = {"owner": "alice", "deletionPolicy": "Delete"}
            await self._client.create(WORKSPACES, {"metadata": {"name": name}, "spec": spec}, namespace=NAMESPACE)

        async with self._measured(running) as found, self._watched(WORKSPACES, NAMESPACE, phase_only) as known:
            began = time.perf_counter()
            creating = asyncio.create_task(each(self._names, create))
            complete = await self._until_all(known, "Running", len(self._names), "workspaces running", running)
            found |= {"complete": complete, "seconds": time.perf_counter() - began}
            creating.cancel()
            await asyncio.wait([creating])
            found["running"] = count_in(known, "Running")
            await self._settled(running)
        return found

    async def idle(self, running: Operator, seconds: float) -> dict[str, Any]:
        """Do nothing for so long."""
        async with self._measured(running) as found:
            await asyncio.sleep(seconds)
        return found

    async def restart(self, running: Operator) -> dict[str, Any]:
        """See an operator through that was started just now, where there is nothing to do."""
        written = self._cluster.writes()
        await self._until(lambda: running.answers("/healthz"), "restart: process answers", every=0.02)
        up = Snapshot(at=time.perf_counter(), cpu=running.cpu())
        await self._until(lambda: running.answers("/readyz"), "restart: synced", every=0.02)
        synced = running.snapshot()
        await self._until(
            lambda: running.snapshot().reconciles >= len(self._names), "restart: all looked at", every=0.1
        )
        looked = running.snapshot()
        await self._settled(running)
        done = running.snapshot() - running.began
        return {
            "seconds_to_start_python": up.at - running.began.at,
            "seconds_to_read_all": synced.at - up.at,
            "cpu_seconds_to_start_python": up.cpu,
            "cpu_seconds_to_read_all": synced.cpu - up.cpu,
            "seconds": looked.at - running.began.at,
            "bytes_read": synced.read_bytes,
            "writes": dict(done.writes),
            "all_writes_of_the_cluster": dict(self._cluster.writes() - written),
            "operator": done.as_json(),
            "memory_mib": running.memory(),
        }

    async def changes(self, running: Operator, rounds: int) -> dict[str, Any]:
        """Stop single workspaces, and change a Deployment directly in turn; tell how soon the Deployment differs."""
        through: list[float] = []
        direct: list[float] = []
        before = running.snapshot()
        for number, name in enumerate(random.sample(self._names, min(rounds, self._floor))):
            seconds = [
                await self._until_changed(NAMESPACE, name, self._stop),
                await self._until_changed(FLOOR, name_of(number), self._pause),
            ]
            if number:  # the first round makes connections
                through.append(seconds[0])
                direct.append(seconds[1])
        await self._settled(running)
        return {
            "seconds": through,
            "direct_seconds": direct,
            "operator": (running.snapshot() - before).as_json(),
        }

    async def stop_all(self, running: Operator) -> dict[str, Any]:
        """Stop all that run."""
        async with self._measured(running) as found, self._watched(WORKSPACES, NAMESPACE, phase_only) as known:
            began = time.perf_counter()
            stopping = asyncio.create_task(each(self._names, self._stop))
            complete = await self._until_all(known, "Stopped", len(self._names), "workspaces stopped", running)
            found |= {"complete": complete, "seconds": time.perf_counter() - began}
            stopping.cancel()
            await asyncio.wait([stopping])
            await self._settled(running)
        return found

    async def remove_all(self, running: Operator) -> dict[str, Any]:
        """Delete all workspaces, with their volumes."""

        async def delete(name: str) -> None:
            await self._client.delete(WORKSPACES, name, namespace=NAMESPACE)

        async with self._measured(running) as found:
            began = time.perf_counter()
            await each(self._names, delete)
            complete = await self._until_none((WORKSPACES, DEPLOYMENTS, SERVICES, SECRETS, VOLUME_CLAIMS))
            found |= {"complete": complete, "seconds": time.perf_counter() - began}
            await self._settled(running)
        return found

    async def _stop(self, name: str) -> None:
        await self._client.patch(WORKSPACES, name, {"spec": {"running": False}}, namespace=NAMESPACE)

    async def _pause(self, name: str) -> None:
        await self._client.patch(DEPLOYMENTS, main_name(name), {"spec": {"paused": True}}, namespace=FLOOR)

    @contextlib.asynccontextmanager
    async def _measured(self, running: Operator) -> AsyncIterator[dict[str, Any]]:
        """Have what the operator, and all others, do inside the context in the dictionary afterwards."""
        found: dict[str, Any] = {}
        before, programs, written = running.snapshot(), self._cluster.cpu(), self._cluster.writes()
        machine = busy()
        yield found
        after = running.snapshot()
        found["operator"] = (after - before).as_json()
        found["memory_mib"] = running.memory()
        found["programs_cpu_seconds"] = {key: used - programs[key] for key, used in self._cluster.cpu().items()}
        found["machine_cpu_seconds"] = busy() - machine
        found["all_writes"] = dict(self._cluster.writes() - written)
        found["logged"] = dict(running.log_lines())

    @contextlib.asynccontextmanager
    async def _watched(
        self, resource: Resource, namespace: str, trim: Callable[[Object], Object]
    ) -> AsyncIterator[Reflector]:
        reflector = Reflector(self._client, Selection(resource=resource, namespace=namespace), trim=trim)
        task = asyncio.create_task(reflector.run())
        try:
            await reflector.synced()
            yield reflector
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _until_changed(self, namespace: str, name: str, change: Callable[[str], Awaitable[None]]) -> float:
        """Change something; return the seconds until a workspace's Deployment has another spec."""
        selection = Selection(resource=DEPLOYMENTS, namespace=namespace, fields=f"metadata.name={main_name(name)}")
        # A single object's own version may be too old to watch from.
        page = await anext(self._client.pages(selection))
        generation = page.items[0]["metadata"]["generation"]
        seen: list[float] = []

        async def look() -> None:
            async with contextlib.aclosing(self._client.watch(selection, version=page.version)) as events:
                async for event in events:
                    if event.object["metadata"].get("generation", 0) > generation:
                        seen.append(time.perf_counter())
                        return

        looking = asyncio.create_task(look())
        await asyncio.sleep(0.3)  # The watch is there by then.
        began = time.perf_counter()
        await change(name)
        await asyncio.wait_for(looking, self._limit)
        return seen[0] - began

    async def _until(self, condition: Callable[[], bool], what: str, *, every: float = 0.2) -> None:
        try:
            async with asyncio.timeout(self._limit):
                while not await asyncio.to_thread(condition):
                    await asyncio.sleep(every)
        except TimeoutError:
            raise RuntimeError(f"not in {self._limit:.0f} s: {what}") from None

    async def _until_all(
        self, known: Reflector, phase: str, count: int, what: str, running: Operator | None = None
    ) -> bool:
        """Wait until so many are in a phase; False if they aren't in time."""
        began = told = time.monotonic()
        while (there := count_in(known, phase)) < count:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            if now - told > 15:
                told = now
                waiting = f", {running.waiting()} wait for a worker" if running is not None else ""
                print(f"  {what}: {there} of {count} after {now - began:.0f} s{waiting}", file=sys.stderr, flush=True)
            if now - began > self._limit:
                return False
        return True

    async def _until_none(self, resources: Iterable[Resource]) -> bool:
        """Wait until a namespace has none of some kinds; False if it still has in the end."""
        began = time.monotonic()
        for resource in resources:
            while left := await self._number(resource):
                await asyncio.sleep(1)
                if time.monotonic() - began > self._limit:
                    print(f"  {left} {resource.plural} are still there", file=sys.stderr, flush=True)
                    return False
        return True

    async def _number(self, resource: Resource) -> int:
        answer = await self._client._connection.json(
            "GET", resource.path(namespace=NAMESPACE), kind=resource.kind, query={"limit": "1"}
        )
        return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount") or 0)

    async def _settled(self, running: Operator) -> None:
        """Wait until the operator has done nothing for a while, and nobody has written anything."""

        def done() -> tuple[int, ...]:
            now = running.snapshot()
            return now.reconciles, now.events.total(), self._cluster.writes().total()

        await self._unchanged(done)

    async def _quiet(self) -> None:
        """Wait until nobody has written anything for a while."""
        await self._unchanged(lambda: (self._cluster.writes().total(),))

    async def _unchanged(self, look: Callable[[], tuple[int, ...]]) -> None:
        began = since = time.monotonic()
        before = await asyncio.to_thread(look)
        while time.monotonic() - since < QUIET and time.monotonic() - began < self._limit:
            await asyncio.sleep(1)
            if (now := await asyncio.to_thread(look)) != before:
                before, since = now, time.monotonic()
