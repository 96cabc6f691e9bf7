"""The whole control plane on a real API server: its three ports, and what it leaves behind when it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.api_server import kubeconfig
from tests.support.kubernetes_runtime import LIMIT, reach
from tests.support.ports import free_port
from tests.support.status_setter import StatusSetter
from vibecode.domain.secrets import agent_token
from vibecode.domain.workspace import Phase, Workspace
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.resources import WORKSPACES
from vibecode.runtimes.local.layout import DataFolder
from vibecode.server.kubernetes import KubernetesServer
from vibecode.settings import load_settings

KEY = bytes(range(32))


@dataclass
class Running:
    """A control plane, and a workspace that runs."""

    server: KubernetesServer
    workspace: Workspace
    agent: str
    edge: str
    stack: contextlib.AsyncExitStack

    async def post(self, url: str, document: object, **headers: str) -> tuple[int, Any]:
        async with aiohttp.ClientSession() as http, http.post(url, json=document, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def control_plane(
    namespace: str, client: Client, setter: StatusSetter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig()))
    (tmp_path / "key").write_bytes(KEY)
    agent, edge = free_port(), free_port()
    settings = load_settings(
        data_dir=tmp_path / "data",
        runtime="kubernetes",
        host="127.0.0.1",
        port=free_port(),
        agent_port=agent,
        edge_port=edge,
        admin="alice",
        workspaces_namespace=namespace,
        agent_key_file=tmp_path / "key",
    )
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    async with contextlib.AsyncExitStack() as stack:
        server = KubernetesServer(settings, folder)
        await server.start(stack)
        await client.create(
            WORKSPACES, {"metadata": {"name": "alice"}, "spec": {"owner": "alice"}}, namespace=namespace
        )
        async with asyncio.timeout(LIMIT):
            while server.runtime.peek("alice") is None:
                await asyncio.sleep(0.02)
        workspace = await reach(server.runtime, "alice", Phase.RUNNING)
        yield Running(server, workspace, f"http://127.0.0.1:{agent}", f"http://127.0.0.1:{edge}", stack)


async def test_workspaces_report_with_their_tokens(control_plane: Running) -> None:
    token = agent_token(KEY, control_plane.workspace.id)
    report = {"busyCommand": "make", "memory": 7}
    url = f"{control_plane.agent}/agent/v1/processes"
    assert (await control_plane.post(url, report, Authorization="Bearer nobody's"))[0] == 401
    assert control_plane.server.runtime.process_activity("alice") is None
    status, answer = await control_plane.post(url, report, Authorization=f"Bearer {token}")
    assert (status, answer) == (200, {"reportAgainInSeconds": 10})
    activity = control_plane.server.runtime.process_activity("alice")
    assert activity is not None
    assert activity.busy_command == "make"
    # Nothing else is there.
    url = f"{control_plane.agent}/api/v1/workspaces"
    assert (await control_plane.post(url, {}, Authorization=f"Bearer {token}"))[0] == 404


async def test_the_last_use_is_in_the_object_when_it_has_ended(
    control_plane: Running, client: Client, namespace: str
) -> None:
    # The first words are written at once, and then none for a minute.
    async with asyncio.timeout(LIMIT):
        while "lastActivity" not in (await client.get(WORKSPACES, "alice", namespace=namespace))["status"]:
            await asyncio.sleep(0.1)
    before = (await client.get(WORKSPACES, "alice", namespace=namespace))["status"]["lastActivity"]
    report = {"connections": [], "input": [control_plane.workspace.id]}
    assert (await control_plane.post(f"{control_plane.edge}/edge/v1/connections", report)) == (200, {"end": []})
    await control_plane.stack.aclose()
    status = (await client.get(WORKSPACES, "alice", namespace=namespace))["status"]
    assert parse_time(status["lastActivity"]) > parse_time(before)
    assert status["activity"] == "kept: browser tab active just now"
