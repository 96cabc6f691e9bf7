"""What is known of a workspace that runs: its processes, its use, its events. Over a real API server.

A stand-in for the operator sets the status.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.kubernetes_runtime import LIMIT, opened, reach, running
from tests.support.status_setter import POD_ADDRESS, StatusSetter
from vibecode.domain.edges import Upstream
from vibecode.domain.workspace import ListeningPort, Phase, Usage
from vibecode.runtimes.base import ProcessReport
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.ports import RELAY_PORT
from vibecode.runtimes.kubernetes.resources import EVENTS, WORKSPACES, Object
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def report(**changes: Any) -> ProcessReport:
    values: dict[str, Any] = {
        "received_at": NOW,
        "busy_command": "npm test",
        "cpu": 0.5,
        "memory": 1000,
        "storage": 5000,
        "ports": [ListeningPort(port=3000, process="node", pid=7), ListeningPort(port=8080, process="node", pid=1)],
        "editor_version": "4.139.1",
    }
    return ProcessReport(**(values | changes))


async def test_what_a_workspace_reports_is_known_while_it_runs(runtime: KubernetesRuntime) -> None:
    runtime.note_processes("nobody", report())
    await running(runtime)
    assert runtime.process_activity("alice") is None
    # Nothing is known of its ports yet, so the relay finds out.
    assert await runtime.upstream("alice", port=3001) == Upstream(host=POD_ADDRESS, port=RELAY_PORT)
    changes = runtime.watch()
    runtime.note_processes("alice", report())
    change = await anext(changes)
    assert change.workspace is not None
    assert change.workspace.usage == Usage(cpu=0.5, memory=1000, storage=5000)
    assert change.workspace.editor_version == "4.139.1"
    activity = runtime.process_activity("alice")
    assert activity is not None
    assert (activity.sampled_at, activity.busy_command) == (NOW, "npm test")
    assert await runtime.ports("alice") == (ListeningPort(port=3000, process="node", pid=7),)
    assert await runtime.upstream("alice", port=3000) == Upstream(host=POD_ADDRESS, port=RELAY_PORT)
    assert await runtime.upstream("alice", port=3001) is None
    assert await runtime.upstream("alice", port=8080) is None
    runtime.note_processes("alice", report(busy_command=None, storage=None, ports=[]))
    activity = runtime.process_activity("alice")
    assert activity is not None
    assert activity.busy_command is None
    assert await runtime.upstream("alice", port=3000) is None
    assert (await runtime.get("alice")).usage.storage == 5000

    await runtime.stop("alice", reason="Stopped by alice.")
    runtime.note_processes("alice", report())
    assert runtime.process_activity("alice") is None
    stopped = await reach(runtime, "alice", Phase.STOPPED)
    assert stopped.usage == Usage(storage=5000)
    assert stopped.editor_version is None
    await runtime.start("alice")
    await reach(runtime, "alice", Phase.RUNNING)
    assert runtime.process_activity("alice") is None
    assert await runtime.ports("alice") == ()


async def test_a_pod_that_was_replaced_takes_its_report_with_it(
    runtime: KubernetesRuntime, setter: StatusSetter, client: Client, namespace: str
) -> None:
    await running(runtime)
    runtime.note_processes("alice", report())
    obj = await client.get(WORKSPACES, "alice", namespace=namespace)
    now = obj["status"]["startedAt"]
    await setter.set(obj, "Running", "Running.", podName="another", podIP="10.244.9.10", startedAt=now)
    await reach(runtime, "alice", lambda w: w.usage.cpu == 0)
    assert await runtime.ports("alice") == ()
    assert await runtime.upstream("alice") == Upstream(host="10.244.9.10", port=8080)


async def test_an_address_that_two_workspaces_have_is_nobodys(
    runtime: KubernetesRuntime, setter: StatusSetter, client: Client, namespace: str
) -> None:
    """One of the two is old news, and behind it may be the other's editor, which asks nobody who they are."""
    await running(runtime)
    await running(runtime, "bob")
    first, second = await runtime.upstream("alice"), await runtime.upstream("bob")
    assert first is not None
    assert second is not None
    assert first.host != second.host
    obj = await client.get(WORKSPACES, "alice", namespace=namespace)
    run = {key: obj["status"][key] for key in ("podName", "startedAt")}
    await setter.set(obj, "Running", "Running.", podIP=second.host, **run)
    async with asyncio.timeout(LIMIT):
        while await runtime.upstream("bob") is not None:
            await asyncio.sleep(0.02)
    assert await runtime.upstream("alice") is None
    await client.delete(WORKSPACES, "alice", namespace=namespace)
    async with asyncio.timeout(LIMIT):
        while await runtime.upstream("bob") is None:
            await asyncio.sleep(0.02)


async def test_an_editor_that_misses_its_probes_keeps_what_is_connected(
    runtime: KubernetesRuntime, setter: StatusSetter, client: Client, namespace: str
) -> None:
    workspace = await running(runtime)
    assert runtime.holds_connections(workspace.id)
    assert not runtime.holds_connections("another")
    obj = await client.get(WORKSPACES, "alice", namespace=namespace)
    pod = obj["status"]["podName"]
    await setter.set(obj, "Starting", "Waiting for the editor to answer.", podName=pod)
    await reach(runtime, "alice", Phase.STARTING)
    assert runtime.holds_connections(workspace.id)
    assert await runtime.upstream("alice") is None
    await setter.set(obj, "Starting", "Waiting for the editor to answer.", podName="another")
    async with asyncio.timeout(LIMIT):
        while runtime.holds_connections(workspace.id):
            await asyncio.sleep(0.02)


async def test_an_update_that_waits_shows(runtime: KubernetesRuntime, setter: StatusSetter) -> None:
    setter.extra["alice"] = {"updateWaits": True, "editorVersion": "4.138.0"}
    workspace = await running(runtime)
    assert (workspace.update_waits, workspace.editor_version) == (True, "4.138.0")


async def until_written(client: Client, namespace: str, **wanted: object) -> Object:
    async with asyncio.timeout(LIMIT):
        while True:
            status: Object = (await client.get(WORKSPACES, "alice", namespace=namespace)).get("status") or {}
            if all(status.get(key) == value for key, value in wanted.items()):
                return status
            await asyncio.sleep(0.02)


async def test_the_words_about_its_use_are_written_seldom_and_read_back(
    client: Client, namespace: str, setter: StatusSetter
) -> None:
    written = ("PATCH", "Workspace")
    async with opened(client, namespace, idle_interval=1000) as runtime:
        await running(runtime)
        runtime.set_idle_state("alice", reason="first", stops_at=NOW, last_active=NOW)
        status = await until_written(client, namespace, activity="first")
        assert status["stopsAt"] == status["lastActivity"] == "2026-11-24T09:00:00.000Z"
        assert status["phase"] == "Running"
        writes = client.requests[written]
        for number in range(20):
            at = NOW + timedelta(minutes=number)
            runtime.set_idle_state("alice", reason=f"word {number}", stops_at=at, last_active=at)
            await asyncio.sleep(0.01)
        assert (await runtime.get("alice")).reason == "word 19"
        assert client.requests[written] == writes
    # What waits is written when the server ends.
    status = await until_written(client, namespace, activity="word 19")
    assert client.requests[written] == writes + 1
    async with opened(client, namespace) as runtime:
        workspace = await runtime.get("alice")
        assert workspace.last_active == NOW + timedelta(minutes=19)
        assert (workspace.reason, workspace.stops_at) == ("Running.", None)
        before = client.writes
        runtime.set_idle_state(
            "alice", reason="word 19", stops_at=workspace.last_active, last_active=workspace.last_active
        )
    assert client.writes == before


async def test_the_words_about_its_use_go_when_it_stops(client: Client, namespace: str, setter: StatusSetter) -> None:
    async with opened(client, namespace, idle_interval=0.1) as runtime:
        await running(runtime)
        runtime.note_processes("alice", report())
        runtime.set_idle_state("alice", reason="stops in 5 min", stops_at=NOW, last_active=NOW)
        await until_written(client, namespace, activity="stops in 5 min", editorVersion="4.139.1")
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        status = await until_written(client, namespace, activity=None, stopsAt=None, editorVersion=None)
        assert status["lastActivity"] == "2026-11-24T09:00:00.000Z"
        # Each side sets its own fields alone.
        assert (status["phase"], status["message"]) == ("Stopped", "Stopped by alice.")
        obj = await client.get(WORKSPACES, "alice", namespace=namespace)
        managers = {
            entry["manager"] for entry in obj["metadata"]["managedFields"] if entry.get("subresource") == "status"
        }
        assert managers == {"vibecode-operator", "vibecode-control-plane"}


async def test_words_that_can_not_be_written_are_no_failure(
    client: Client, namespace: str, setter: StatusSetter, operator_client: Client
) -> None:
    async with opened(client, namespace, idle_interval=0.1) as runtime:
        await running(runtime)
        await operator_client.delete(WORKSPACES, "alice", namespace=namespace)
        runtime.set_idle_state("alice", reason="gone already", stops_at=None, last_active=NOW)
        await running(runtime, "bob")
        runtime.set_idle_state("bob", reason="kept", stops_at=None, last_active=NOW)
        async with asyncio.timeout(LIMIT):
            while (await client.get(WORKSPACES, "bob", namespace=namespace))["status"].get("activity") != "kept":
                await asyncio.sleep(0.02)


async def test_events_of_the_object_are_the_workspaces(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    workspace = await running(runtime)
    other = await running(runtime, "bob")
    for number, (about, reason) in enumerate(
        ((workspace, "Created"), (workspace, "Starting"), (other, "Created"), (workspace, "VolumePending"))
    ):
        at = f"2026-11-24T09:00:0{number}Z"
        await operator_client.create(
            EVENTS,
            {
                "metadata": {"name": f"e{number}"},
                "involvedObject": {
                    "apiVersion": WORKSPACES.api_version,
                    "kind": "Workspace",
                    "name": about.name,
                    "namespace": namespace,
                    "uid": about.id,
                },
                "reason": reason,
                "message": f"It is {reason}.",
                "type": "Normal",
                "firstTimestamp": at,
                "lastTimestamp": at,
                "count": 1,
                "source": {"component": "test"},
            },
            namespace=namespace,
        )
    events = await runtime.events("alice")
    assert [(event.kind, event.message) for event in events] == [
        ("volumepending", "It is VolumePending."),
        ("starting", "It is Starting."),
        ("created", "It is Created."),
    ]
    assert [event.kind for event in await runtime.events("alice", limit=1)] == ["volumepending"]
