"""What is lost on the way: the API server, rights, whole kinds of objects. Over a real API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from tests.support.api_server import gated, service_account
from tests.support.gate import Gate
from tests.support.kubernetes_runtime import LIMIT, build, make_claims, opened, reach, running, spec
from tests.support.status_setter import StatusSetter
from vibecode.domain.errors import NameTaken, Unavailable, WorkspaceNotFound
from vibecode.domain.workspace import Phase, WorkspaceChanges
from vibecode.runtimes.kubernetes import cache, reflector
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.resources import WORKSPACES


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[tuple[Client, Gate]]:
    async with gated("vibecode-control-plane", tmp_path) as way:
        yield way


async def test_without_the_api_server_what_is_known_is_served(
    way: tuple[Client, Gate],
    namespace: str,
    setter: StatusSetter,
    operator_client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reflector, "backoff", partial(reflector.backoff, longest=0.5))
    client, gate = way
    async with opened(client, namespace) as runtime:
        before = await running(runtime)
        await running(runtime, "bob")
        await running(runtime, "zoe")
        old_zoe = await runtime.get("zoe")
        changes = runtime.watch()
        gate.shut()
        assert await runtime.get("alice") == before
        assert await runtime.upstream("alice") is not None
        assert runtime.peek_id(before.id) == before
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        runtime.set_idle_state("alice", reason="stops in 9 min", stops_at=None, last_active=before.created_at)
        assert (await runtime.get("alice")).reason == "stops in 9 min"
        for asked in (
            runtime.create(spec("carol")),
            runtime.stop("alice", reason="Stopped by alice."),
            runtime.restart("alice"),
            runtime.update("alice", WorkspaceChanges(idle_timeout=60), revision=before.revision),
            runtime.delete("alice", purge=True),
            runtime.list_kept(),
            runtime.events("alice"),
        ):
            with pytest.raises(Unavailable, match="API server does not answer"):
                await asked
        with pytest.raises(Unavailable):
            await anext(runtime.logs("alice", follow=False))
        assert (await runtime.get("alice")).phase is Phase.RUNNING
        # Meanwhile others change things.
        await operator_client.patch(WORKSPACES, "alice", {"spec": {"running": False}}, namespace=namespace)
        await operator_client.delete(WORKSPACES, "bob", namespace=namespace)
        await operator_client.delete(WORKSPACES, "zoe", namespace=namespace)
        await operator_client.create(
            WORKSPACES, {"metadata": {"name": "zoe"}, "spec": {"owner": "u-zoe"}}, namespace=namespace
        )
        gate.reopen()
        await reach(runtime, "alice", Phase.STOPPED)
        new_zoe = await reach(runtime, "zoe", lambda w: w.owner == "u-zoe" and w.phase is Phase.RUNNING)
        assert new_zoe.id != old_zoe.id
        assert runtime.peek_id(old_zoe.id) is None
        with pytest.raises(WorkspaceNotFound):
            await runtime.get("bob")
        gone: set[tuple[str, str]] = set()
        async with asyncio.timeout(LIMIT):
            while gone != {("bob", "u-alice"), ("zoe", "u-alice")}:
                change = await anext(changes)
                if change.workspace is None:
                    gone.add((change.name, change.owner))
        setter.be_away()
        assert (await runtime.start("alice")).phase is Phase.STARTING


async def test_what_is_asked_for_while_the_watch_is_broken_is_done(
    way: tuple[Client, Gate], namespace: str, setter: StatusSetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the API server was away the watch comes back some seconds later than requests do."""
    monkeypatch.setattr(reflector, "backoff", lambda _: 3600.0)
    monkeypatch.setattr(cache, "SEEN_LIMIT", 0.2)
    client, gate = way
    async with opened(client, namespace) as runtime:
        await running(runtime)
        gate.shut()
        async with asyncio.timeout(LIMIT):
            while gate.connections:
                await asyncio.sleep(0.01)
        gate.reopen()
        created = await runtime.create(spec("bob"))
        assert (created.name, created.phase) == ("bob", Phase.PENDING)
        with pytest.raises(NameTaken):
            await runtime.create(spec("bob"))


async def test_a_server_that_can_not_be_reached_is_named_at_once(way: tuple[Client, Gate], namespace: str) -> None:
    client, gate = way
    gate.shut()
    runtime = build(client, namespace)
    with pytest.raises(Unavailable, match="can't be read: The API server does not answer"):
        await runtime.open()
    await runtime.close()
    gate.reopen()
    async with opened(client, namespace) as runtime:
        assert await runtime.list() == []


async def test_rights_that_are_missing_are_named(namespace: str, operator_client: Client, tmp_path: Path) -> None:
    async with service_account(
        operator_client, namespace, tmp_path, rules=[], field_manager="vibecode-control-plane"
    ) as client:
        with pytest.raises(Unavailable, match=r'can\'t be read: .*limited" cannot list resource "workspaces"'):
            await build(client, namespace).open()


async def test_a_right_that_is_lost_is_no_riddle(
    namespace: str, operator_client: Client, setter: StatusSetter, tmp_path: Path
) -> None:
    reading = {"apiGroups": ["vibecode.dev"], "resources": ["workspaces"], "verbs": ["get", "list", "watch"]}
    async with (
        service_account(
            operator_client, namespace, tmp_path, rules=[reading], field_manager="vibecode-control-plane"
        ) as client,
        opened(client, namespace) as runtime,
    ):
        with pytest.raises(Unavailable, match="its log says which right is missing"):
            await runtime.create(spec())


async def test_the_rights_that_the_chart_gives_are_enough(
    namespace: str, operator_client: Client, setter: StatusSetter, tmp_path: Path
) -> None:
    chart = Path(__file__).parents[3] / "charts" / "vibecode-platform" / "templates" / "rbac.yaml"
    of_control_plane = chart.read_text().partition("\nrules:\n")[2].partition("\n---")[0]
    async with (
        service_account(
            operator_client,
            namespace,
            tmp_path,
            rules=yaml.safe_load(of_control_plane),
            field_manager="vibecode-control-plane",
        ) as client,
        opened(client, namespace, idle_interval=0.1) as runtime,
    ):
        first = await running(runtime)
        runtime.set_idle_state("alice", reason="kept: at work", stops_at=None, last_active=first.created_at)
        async with asyncio.timeout(LIMIT):
            while True:
                obj = await operator_client.get(WORKSPACES, "alice", namespace=namespace)
                if obj["status"].get("activity") == "kept: at work":
                    break
                await asyncio.sleep(0.02)
        await runtime.update("alice", WorkspaceChanges(idle_timeout=60), revision=first.revision)
        await runtime.events("alice")
        assert [line async for line in runtime.logs("alice", follow=False)]
        await runtime.stop("alice", reason="Stopped by alice.")
        await runtime.restart("alice")
        await runtime.delete("alice", purge=True)
        await make_claims(operator_client, namespace, "alice", "u-alice")
        assert len(await runtime.list_kept()) == 1
        await runtime.purge_kept("alice", owner="u-alice")
        assert await runtime.list_kept() == []


async def test_a_cluster_without_workspace_objects_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Answers as an API server does that doesn't know the kind; it is none."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            status=404,
            text=json.dumps({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}),
            content_type="application/json",
        )

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "c", "user": {}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    client = Client.connect(field_manager="vibecode-control-plane", kubeconfig=path)
    try:
        with pytest.raises(Unavailable, match="does not know Workspace objects: install the chart vibecode-platform"):
            await build(client, "anywhere").open()
    finally:
        await client.close()
        await runner.cleanup()
