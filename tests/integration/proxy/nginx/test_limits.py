"""What one client may take of NGINX as an edge."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path

import aiohttp

from tests.integration.proxy.nginx.running import nginx_edge
from tests.integration.proxy.nginx.sockets import echo
from tests.integration.proxy.raw import RawClient, ask, connect, request, until
from tests.integration.proxy.site import MemoryRouter, Site
from tests.support.nginx import IMAGE
from vibecode.domain.routing import SessionView
from vibecode.edge.limits import TunnelLimits

OPEN_PAGE = ("Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin")


def as_other(site: Site) -> Site:
    return replace(site, cookie="vibecode=other")


async def statuses(client: RawClient, count: int, sent: bytes) -> list[int]:
    """Send so many requests, one after the other, and return the answers' statuses."""
    found = []
    for _ in range(count):
        await client.send(sent)
        found.append((await client.reply()).status)
    return found


async def test_a_large_body_is_not_for_the_control_plane(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, BODY_LIMIT="1000") as edge:
        site = edge.site
        fits = request(site, "/upload", "Content-Length: 1000", method="POST", host=site.dashboard, body=bytes(1000))
        assert (await ask(site, fits)).status == 200
        announced = request(
            site, "/upload", "Content-Length: 1001", method="POST", host=site.dashboard, body=bytes(1001)
        )
        reply = await ask(site, announced)
        assert (reply.status, reply.header("Content-Type")) == (413, "application/problem+json")
        assert b"body_too_large" in reply.body
        chunk = b"1f4\r\n" + bytes(500) + b"\r\n"
        for body, status in ((chunk * 2 + b"0\r\n\r\n", 200), (chunk * 3 + b"0\r\n\r\n", 413)):
            sent = request(site, "/upload", "Transfer-Encoding: chunked", method="POST", host=site.dashboard, body=body)
            assert (await ask(site, sent)).status == status
        own = request(site, "/upload", "Content-Length: 5000", method="POST", body=bytes(5000))
        assert (await ask(site, own)).status == 200


async def test_tries_to_sign_in_are_limited_and_nothing_else_is(site: Site) -> None:
    async with connect(site) as client:
        statuses = []
        for _ in range(30):
            await client.send(request(site, "/api/v1/session", "Content-Length: 0", method="POST", host=site.dashboard))
            reply = await client.reply()
            statuses.append(reply.status)
        assert statuses[:10] == [404] * 10
        assert 429 in statuses
        if statuses[-1] == 429:
            assert json.loads(reply.body)["code"] == "too_many_requests"
        for host, method in ((site.workspace, "POST"), (site.dashboard, "GET")):
            await client.send(request(site, "/api/v1/session", "Content-Length: 0", method=method, host=host))
            assert (await client.reply()).status == 404


async def test_who_sends_too_many_requests_is_told_so_and_others_are_not(
    router: MemoryRouter, socket_folder: Path
) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with nginx_edge(router, socket_folder, REQUESTS="1", BURST="5") as edge, connect(edge.site) as client:
        site = edge.site
        others = request(as_other(site))
        # A session is known from its first answer on, and a client of its own then: all here have one address.
        assert (await statuses(client, 1, others), await statuses(client, 1, request(site))) == ([200], [200])
        mine = await statuses(client, 12, request(site))
        assert mine[:6] == [200] * 6
        assert 429 in mine
        await client.send(request(site))
        reply = await client.reply()
        if reply.status == 429:
            assert json.loads(reply.body)["code"] == "too_many_requests"
            assert reply.header("Retry-After") == "5"
        assert await statuses(client, 5, others) == [200] * 5


async def test_what_is_remembered_is_counted_too(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, REQUESTS="1", BURST="2") as edge, connect(edge.site) as client:
        found = await statuses(client, 12, request(edge.site, "/echo", *OPEN_PAGE))
        assert 429 in found


async def test_a_made_up_session_is_no_client_of_its_own(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, REQUESTS="1", BURST="5") as edge, connect(edge.site) as client:
        site = edge.site
        found = []
        for number in range(20):
            found += await statuses(client, 1, request(replace(site, cookie=f"vibecode=made-up-{number}")))
        assert 429 in found


async def test_who_has_too_much_open_is_told_so_and_others_are_not(router: MemoryRouter, socket_folder: Path) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with nginx_edge(router, socket_folder, AT_ONCE="2") as edge, aiohttp.ClientSession() as http:
        site, others = edge.site, as_other(edge.site).headers()
        for headers in (site.headers(), others):
            async with http.get(site.url + "/echo", headers=headers) as answer:
                assert answer.status == 200
        mine = [await http.ws_connect(site.url + "/socket", headers=site.headers()) for _ in range(2)]
        async with http.get(site.url + "/echo", headers=site.headers()) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (429, "too_many_connections")
        async with http.get(site.url + "/echo", headers=others) as answer:
            assert answer.status == 200
        for socket in mine:
            await echo(socket)


async def test_websockets_of_a_session_and_to_a_workspace_have_limits(
    router: MemoryRouter, socket_folder: Path
) -> None:
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    limits = TunnelLimits(per_session=2, per_workspace=3)
    async with nginx_edge(router, socket_folder, limits=limits) as edge, aiohttp.ClientSession() as http:
        site, others = edge.site, as_other(edge.site).headers()
        mine = [await http.ws_connect(site.url + "/socket", headers=site.headers()) for _ in range(2)]
        reply = await ask(site, request(site, "/socket", *handshake))
        assert (reply.status, reply.header("Retry-After")) == (429, "5")
        assert json.loads(reply.body)["detail"].startswith("You have too many WebSockets")
        another = await http.ws_connect(site.url + "/socket", headers=others)
        reply = await ask(site, request(as_other(site), "/socket", *handshake))
        assert reply.status == 429
        assert json.loads(reply.body)["detail"].startswith("Too many WebSockets are open to this workspace")
        await mine[0].close()
        await until(lambda: edge.tunnel.connections < 3)
        await echo(another)
        await echo(await http.ws_connect(site.url + "/socket", headers=site.headers()))


async def test_large_bodies_on_the_disk_have_a_limit_and_small_ones_go_by(site: Site) -> None:
    most = int(re.findall(r"MOST_LARGE_BODIES = (\d+)", (IMAGE / "edge.lua").read_text())[0])
    large = request(site, "/upload", "Content-Length: 20000", method="POST", host=site.dashboard, body=bytes(100))
    whole = request(site, "/upload", "Content-Length: 20000", method="POST", host=site.dashboard, body=bytes(20000))
    too_long = b"1f4\r\n" + bytes(500) + b"\r\n"
    chunked = request(
        site, "/upload", "Transfer-Encoding: chunked", method="POST", host=site.dashboard, body=too_long + b"broken"
    )
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(most):
            await (await stack.enter_async_context(connect(site))).send(large)

        async def full() -> bool:
            reply = await ask(site, whole)
            return reply.status == 503 and json.loads(reply.body)["code"] == "too_many_bodies"

        # Where a question itself took the last place, one of those was refused: so another one follows.
        async with asyncio.timeout(20):
            while not await full():
                await (await stack.enter_async_context(connect(site))).send(large)
        small = request(site, "/upload", "Content-Length: 9000", method="POST", host=site.dashboard, body=bytes(9000))
        assert (await ask(site, small)).status == 200
        own = request(site, "/upload", "Content-Length: 20000", method="POST", body=bytes(20000))
        assert (await ask(site, own)).status == 200
    # However they end, their places are free again.
    async with asyncio.timeout(20):
        while (await ask(site, whole)).status != 200:
            await asyncio.sleep(0.01)
    for _ in range(most + 1):
        assert (await ask(site, chunked)).status == 400
    assert (await ask(site, whole)).status == 200
