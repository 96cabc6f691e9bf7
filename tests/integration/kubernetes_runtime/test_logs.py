"""Logs of containers that run, over a real cluster.

A stand-in for the operator sets the status; pods are made here, from whatever image with a shell the nodes have.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api_server import gated
from tests.support.kubernetes_runtime import LIMIT, opened, reach, spec
from tests.support.require import require
from tests.support.status_setter import StatusSetter
from vibecode.domain.workspace import Phase
from vibecode.runtimes.base import LogLine
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import NotPermitted, ObjectNotFound
from vibecode.runtimes.kubernetes.resources import PODS, WORKSPACES, Object, Resource, Selection
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime

NODES = Resource("", "v1", "Node", "nodes", namespaced=False)
IMAGE = "debian:trixie-slim"


@pytest.fixture
async def image(operator_client: Client) -> str:
    nodes = await operator_client.list(Selection(resource=NODES, namespace=None))
    names = [name for node in nodes for found in node["status"]["images"] for name in found["names"]]
    if not any(name.endswith(IMAGE) for name in names):
        require("kubernetes", f"its nodes lack the image {IMAGE}: kind load docker-image {IMAGE}")
    return IMAGE


class Pods:
    """Makes pods as the operator would, and tells their workspace of them."""

    def __init__(self, client: Client, setter: StatusSetter, namespace: str, image: str) -> None:
        self._client = client
        self._setter = setter
        self._namespace = namespace
        self._image = image

    async def run(self, name: str, script: str, *, restart: str = "Never") -> None:
        """Run a script in the place of an editor, and wait until its container has begun."""
        pod = {
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": restart,
                "terminationGracePeriodSeconds": 1,
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "code-server",
                        "image": self._image,
                        "imagePullPolicy": "Never",
                        "command": ["sh", "-c", script],
                    }
                ],
            },
        }
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    await self._client.create(PODS, pod, namespace=self._namespace)
                except NotPermitted:
                    # The namespace's service account is made a moment after it.
                    await asyncio.sleep(0.05)
                else:
                    break

    async def begun(self, name: str) -> None:
        """Wait until a container has begun."""
        async with asyncio.timeout(LIMIT):
            while True:
                pod = await self._client.get(PODS, name, namespace=self._namespace)
                states = pod["status"].get("containerStatuses") or []
                if states and "waiting" not in states[0]["state"]:
                    return
                await asyncio.sleep(0.05)

    async def show(self, phase: str, message: str, pod: str | None) -> None:
        """Set the status of alice's workspace."""
        obj = await self._client.get(WORKSPACES, "alice", namespace=self._namespace)
        more: Object = {} if pod is None else {"podName": pod}
        if phase == "Running":
            more |= {"podIP": "10.244.9.9", "startedAt": obj["metadata"]["creationTimestamp"]}
        await self._setter.set(obj, phase, message, **more)

    async def remove(self, name: str) -> None:
        """Delete a pod and wait until it is gone."""
        with contextlib.suppress(ObjectNotFound):
            await self._client.delete(PODS, name, namespace=self._namespace)
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    await self._client.get(PODS, name, namespace=self._namespace)
                except ObjectNotFound:
                    return
                await asyncio.sleep(0.1)


@pytest.fixture
async def pods(operator_client: Client, setter: StatusSetter, namespace: str, image: str) -> Pods:
    setter.be_away()
    return Pods(operator_client, setter, namespace, image)


class Reader:
    """Follows a log in the background."""

    def __init__(self, lines: AsyncIterator[LogLine]) -> None:
        self.lines: list[LogLine] = []
        self._arrived = asyncio.Condition()
        self.task = asyncio.create_task(self._read(lines))

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]

    async def _read(self, lines: AsyncIterator[LogLine]) -> None:
        async for line in lines:
            async with self._arrived:
                self.lines.append(line)
                self._arrived.notify_all()

    async def until(self, text: str) -> None:
        async with asyncio.timeout(LIMIT), self._arrived:
            await self._arrived.wait_for(lambda: text in self.texts)


async def test_a_log_is_followed_from_before_the_pod_through_a_restart_to_the_end(
    runtime: KubernetesRuntime, pods: Pods
) -> None:
    await runtime.create(spec())
    reader = Reader(runtime.logs("alice", follow=True))
    await reader.until("Waiting for the operator to take it up.")
    await pods.show("Pending", "Its volumes are being made.", None)
    await reader.until("Its volumes are being made.")
    await pods.run("one", "echo Cloning; sleep 0.2; echo Ready; exec sleep 300")
    await pods.show("Starting", "Its container is being made.", "one")
    await reader.until("Ready")
    await pods.show("Running", "Running.", "one")
    await pods.run("two", "echo Again; exec sleep 300")
    await pods.remove("one")
    await pods.show("Starting", "Starting.", "two")
    await reader.until("Again")
    assert [text for text in reader.texts if text in ("Cloning", "Ready", "Again")] == ["Cloning", "Ready", "Again"]
    times = [line.at for line in reader.lines if line.text in ("Cloning", "Ready", "Again")]
    assert times == sorted(times)
    await pods.remove("two")
    await pods.show("Stopped", "Stopped by alice.", None)
    await reader.until("Stopped by alice. Its log went with its container.")
    await runtime.delete("alice", purge=False)
    await asyncio.wait_for(reader.task, LIMIT)


async def test_the_log_of_now_is_read_to_its_end(runtime: KubernetesRuntime, pods: Pods) -> None:
    await runtime.create(spec())

    async def texts() -> list[str]:
        return [line.text async for line in runtime.logs("alice", follow=False)]

    assert await texts() == ["Waiting for the operator to take it up."]
    script = r"printf '\033[31mred\033[0m\tfrom https://me:secret@git.example.org/x\r\nno end'; exec sleep 300"
    await pods.run("one", script)
    await pods.begun("one")
    await pods.show("Running", "Running.", "one")
    await reach(runtime, "alice", Phase.RUNNING)
    async with asyncio.timeout(LIMIT):
        while (found := await texts()) in ([], ["Running."]):
            await asyncio.sleep(0.05)
    assert found[0] == "red\tfrom https://***@git.example.org/x"
    await pods.remove("one")
    await pods.show("Stopped", "Stopped by alice.", None)
    await reach(runtime, "alice", Phase.STOPPED)
    assert await texts() == ["Stopped by alice. Its log went with its container."]


async def test_a_container_that_crashes_is_followed_without_saying_anything_twice(
    runtime: KubernetesRuntime, pods: Pods
) -> None:
    await runtime.create(spec())
    await pods.run("one", "echo Began; date +%N; echo Crashed; sleep 1; exit 1", restart="Always")
    await pods.show("Starting", "Starting.", "one")
    reader = Reader(runtime.logs("alice", follow=True))
    async with asyncio.timeout(LIMIT):
        while reader.texts.count("Crashed") < 2:
            await asyncio.sleep(0.05)
    numbers = [text for text in reader.texts if text.isdigit()]
    assert len(numbers) == len(set(numbers)) == 2
    await runtime.delete("alice", purge=False)
    await pods.remove("one")
    await asyncio.wait_for(reader.task, LIMIT)


async def test_a_reader_that_leaves_gives_its_connection_back(namespace: str, pods: Pods, tmp_path: Path) -> None:
    async with gated("vibecode-control-plane", tmp_path) as (client, gate), opened(client, namespace) as runtime:
        await runtime.create(spec())
        await pods.run("one", "echo Ready; exec sleep 300")
        await pods.begun("one")
        await pods.show("Running", "Running.", "one")
        await reach(runtime, "alice", Phase.RUNNING)
        before = gate.connections
        readers = [Reader(runtime.logs("alice", follow=True)) for _ in range(5)]
        for reader in readers:
            await reader.until("Ready")
        assert gate.connections >= before + 4
        for reader in readers[:3]:
            reader.task.cancel()
        lines = runtime.logs("alice", follow=True)
        assert (await anext(lines)).text == "Ready"
        del lines  # as a request does whose client has gone
        for reader in readers[3:]:
            reader.task.cancel()
        async with asyncio.timeout(LIMIT):
            while gate.connections > before:
                await asyncio.sleep(0.05)


async def test_readers_can_not_take_all_connections(runtime: KubernetesRuntime, pods: Pods) -> None:
    await runtime.create(spec())
    await pods.run("one", "echo Ready; exec sleep 300")
    await pods.begun("one")
    await pods.show("Running", "Running.", "one")
    await reach(runtime, "alice", Phase.RUNNING)
    readers = [Reader(runtime.logs("alice", follow=True)) for _ in range(8)]
    for reader in readers:
        await reader.until("Ready")
    refused = [line.text async for line in runtime.logs("alice", follow=True)]
    assert refused == ["This log is being read in too many places at once: close one of them, then look again."]
    for reader in readers:
        reader.task.cancel()
    await asyncio.gather(*(reader.task for reader in readers), return_exceptions=True)
    again = Reader(runtime.logs("alice", follow=True))
    await again.until("Ready")
    again.task.cancel()


async def test_a_log_goes_on_after_the_way_to_it_was_cut(namespace: str, pods: Pods, tmp_path: Path) -> None:
    async with gated("vibecode-control-plane", tmp_path) as (client, gate), opened(client, namespace) as runtime:
        await runtime.create(spec())
        await pods.run("one", "i=0; while :; do echo line $i; i=$((i + 1)); sleep 0.2; done")
        await pods.begun("one")
        await pods.show("Starting", "Starting.", "one")
        await reach(runtime, "alice", Phase.STARTING)
        reader = Reader(runtime.logs("alice", follow=True))
        await reader.until("line 2")
        gate.shut()
        await reader.until(
            "The cluster's API server does not answer: try again in a moment. Workspaces that run go on running."
        )
        gate.reopen()
        said = len([text for text in reader.texts if text.startswith("line")])
        await reader.until(f"line {said + 5}")
        numbers = [int(text.split()[1]) for text in reader.texts if text.startswith("line")]
        assert numbers == list(range(len(numbers)))
        reader.task.cancel()
