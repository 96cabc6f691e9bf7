"""WebSockets by NGINX and the tunnel: what ends them, and what does not."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tests.integration.proxy.nginx.running import NginxEdge
from tests.integration.proxy.nginx.sockets import closed, echo
from tests.integration.proxy.raw import PATIENCE, ask, request, until
from tests.integration.proxy.site import SECRET, MemoryRouter, Site
from vibecode.domain.edges import Upstream
from vibecode.domain.routing import SessionView
from vibecode.proxy import activity


async def test_a_revoked_session_loses_its_websockets_and_nobody_elses(site: Site, router: MemoryRouter) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with aiohttp.ClientSession() as http:
        mine = await http.ws_connect(site.url + "/socket", headers=site.headers())
        others = await http.ws_connect(site.url + "/socket", headers=site.headers(Cookie="vibecode=other"))
        await echo(mine)
        del router.sessions[SECRET]
        assert closed(await mine.receive(timeout=PATIENCE))
        await echo(others)
        router.generation += 1  # another workspace has the name now
        assert closed(await others.receive(timeout=PATIENCE))


async def test_websockets_go_on_while_the_control_plane_is_away(edge: NginxEdge, router: MemoryRouter) -> None:
    site = edge.site
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(site.url + "/socket", headers=site.headers())
        edge.away.set()
        del router.sessions[SECRET]
        for _ in range(5):
            await asyncio.sleep(0.1)  # several reports fail
            await echo(socket)
        edge.away.clear()
        assert closed(await socket.receive(timeout=PATIENCE))


async def test_input_on_a_websocket_is_reported_even_after_an_outage(
    edge: NginxEdge, router: MemoryRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "SETTLING", 0.0)
    monkeypatch.setattr(activity, "SLOT_CAP", activity.THRESHOLD)
    edge.away.set()
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(edge.site.url + "/socket", headers=edge.site.headers())
        await socket.send_bytes(bytes(40))
        await socket.receive_bytes(timeout=PATIENCE)
        for _ in range(6):
            await socket.send_bytes(bytes(40))
            await socket.receive_bytes(timeout=PATIENCE)
        assert router.used == []
        edge.away.clear()
        await until(lambda: router.used)
        assert set(router.used) == {router.id_of("alice")}


async def test_a_websocket_to_a_workspace_that_is_not_there_says_so(site: Site, router: MemoryRouter) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=9)
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    reply = await ask(site, request(site, "/socket", *handshake))
    assert (reply.status, reply.header("Retry-After")) == (503, "5")
    assert "editor of workspace alice" in json.loads(reply.body)["detail"]
