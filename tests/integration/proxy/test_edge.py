"""The embedded edge's own promises: starting, ending, limits, sessions, activity, reuse."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import sys

import aiohttp
import pytest
import structlog

from tests.integration.proxy.conftest import StartEdge
from tests.integration.proxy.raw import PATIENCE, ask, connect, request
from tests.integration.proxy.site import SECRET, MemoryRouter, Site
from tests.integration.proxy.upstreams import GoodUpstream, OddUpstream
from vibecode.domain.errors import PortTaken
from vibecode.domain.routing import SessionView
from vibecode.domain.workspace import Phase
from vibecode.proxy import activity, exchange
from vibecode.proxy.edge import EmbeddedEdge
from vibecode.proxy.limits import Limits, connections_possible


def site_of(edge: EmbeddedEdge) -> Site:
    return Site(host="127.0.0.1", port=edge.port)


async def test_it_answers_on_both_loopback_addresses(site: Site) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    v6 = Site(host="::1", port=site.port)
    for place in (site, v6):
        assert (await ask(place, request(place))).status == 200


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_a_taken_port_is_said_in_one_sentence(router: MemoryRouter, family: socket.AddressFamily) -> None:
    with socket.socket(family) as other:
        if family == socket.AF_INET6:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        other.listen()
        port = other.getsockname()[1]
        edge = EmbeddedEdge(router, port=port)
        with pytest.raises(PortTaken, match=rf"Port {port} .* choose another with --port"):
            await edge.start()


async def test_an_address_that_is_not_ours_is_said_in_one_sentence(router: MemoryRouter) -> None:
    with pytest.raises(PortTaken, match=r"Nothing can listen on 192\.0\.2\.1"):
        await EmbeddedEdge(router, host="192.0.2.1", port=0).start()


async def test_stop_lets_a_request_finish_and_ends_what_idles(site: Site, edge: EmbeddedEdge, odd: OddUpstream) -> None:
    async with connect(site) as idle, connect(site) as busy:
        await idle.send(request(site))
        assert (await idle.reply()).status == 200
        await busy.send(request(site, "/until-told", host=site.preview))
        await busy.head()
        stopping = asyncio.create_task(edge.stop(grace=10 * PATIENCE))
        assert await idle.at_end()
        assert not stopping.done()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(site.host, site.port)
        odd.proceed.set()
        assert await busy.reader.readexactly(10) == b"first+last"
        assert await busy.at_end()
        async with asyncio.timeout(PATIENCE):
            await stopping
    assert edge.connections == 0


async def test_stop_ends_what_does_not_finish(site: Site, edge: EmbeddedEdge, good: GoodUpstream) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/events"))
        await client.head()
        await edge.stop(grace=0.1)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.reader.readuntil(b"0\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        await good.seen.abandoned.wait()


async def test_a_revoked_session_loses_its_streams_and_websockets_and_nobody_elses(
    site: Site, edge: EmbeddedEdge, router: MemoryRouter, good: GoodUpstream
) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with aiohttp.ClientSession() as http, connect(site) as stream:
        mine = await http.ws_connect(site.url + "/socket", headers=site.headers())
        others = await http.ws_connect(site.url + "/socket", headers=site.headers(Cookie="vibecode=other"))
        await stream.send(request(site, "/events"))
        await stream.head()
        edge.close_session("s1")
        message = await mine.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await stream.reader.readuntil(b"0\r\n\r\n")
        await others.send_str("still here")
        assert await others.receive_str(timeout=PATIENCE) == "still here"
        edge.close_workspace("alice")  # a name is nobody's id
        await others.send_str("still here")
        assert await others.receive_str(timeout=PATIENCE) == "still here"
        edge.close_workspace(router.id_of("alice"))
        message = await others.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_a_slow_head_is_answered_408(start_edge: StartEdge) -> None:
    site = site_of(await start_edge(Limits(head_timeout=0.3, tick=0.05)))
    async with connect(site) as client:
        await client.send(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(PATIENCE):
            # A byte now and then doesn't help.
            answer = asyncio.create_task(client.reply())
            while not answer.done():
                await client.send(b"X")
                await asyncio.sleep(0.05)
            assert (await answer).status == 408


async def test_a_body_for_the_control_plane_has_a_time_for_all_of_it(start_edge: StartEdge) -> None:
    site = site_of(await start_edge(Limits(body_timeout=0.5, tick=0.05)))
    async with connect(site) as client, asyncio.timeout(PATIENCE):
        await client.send(request(site, "/upload", "Content-Length: 1000", method="POST", host=site.dashboard))
        answer = asyncio.create_task(client.reply())
        while not answer.done():
            await client.send(b"X")
            await asyncio.sleep(0.05)
        assert (await answer).status == 408
        assert b"slow_body" in (await answer).body


async def test_an_upload_to_a_workspace_may_last_but_not_stand_still(start_edge: StartEdge) -> None:
    site = site_of(await start_edge(Limits(upload_timeout=1.5, body_timeout=0.1, tick=0.05)))
    async with connect(site) as client, asyncio.timeout(PATIENCE):
        await client.send(request(site, "/upload", "Content-Length: 20", method="POST"))
        for _ in range(20):
            await asyncio.sleep(0.1)
            await client.send(b"X")
        assert (await client.reply()).status == 200
        await client.send(request(site, "/upload", "Content-Length: 20", method="POST", body=b"X"))
        assert (await client.reply()).status == 408


async def test_a_body_that_its_workspace_does_not_take_yet_is_waited_for(
    start_edge: StartEdge, router: MemoryRouter
) -> None:
    """The client can't go on, so it is not the one that is late."""
    router.phases["alice"] = Phase.STARTING
    edge = await start_edge(Limits(upload_timeout=0.8, body_timeout=0.8, tick=0.05))
    async with connect(site_of(edge)) as client, asyncio.timeout(PATIENCE):
        await client.send(request(site_of(edge), "/upload", "Content-Length: 2", method="POST", body=b"X"))
        await asyncio.sleep(1.6)
        router.phases["alice"] = Phase.RUNNING
        router.ready.set()
        await client.send(b"X")
        assert (await client.reply()).status == 200


async def test_a_large_body_is_not_for_the_control_plane(start_edge: StartEdge, good: GoodUpstream) -> None:
    site = site_of(await start_edge(Limits(body_size=1000, tick=0.05)))
    fits = request(site, "/upload", "Content-Length: 1000", method="POST", host=site.dashboard, body=bytes(1000))
    assert (await ask(site, fits)).status == 200
    announced = request(
        site, "/upload", "Content-Length: 1001", "Expect: 100-continue", method="POST", host=site.dashboard
    )
    reply = await ask(site, announced)
    assert (reply.status, reply.header("Content-Type")) == (413, "application/problem+json")
    assert b"body_too_large" in reply.body
    chunk = b"1f4\r\n" + bytes(500) + b"\r\n"
    for body, status in ((chunk * 2 + b"0\r\n\r\n", 200), (chunk * 3, 413)):
        sent = request(site, "/upload", "Transfer-Encoding: chunked", method="POST", host=site.dashboard, body=body)
        assert (await ask(site, sent)).status == status
    own = request(site, "/upload", "Content-Length: 5000", method="POST", body=bytes(5000))
    assert (await ask(site, own)).status == 200


async def test_a_page_of_a_silent_port_takes_no_large_body_either(start_edge: StartEdge) -> None:
    site = site_of(await start_edge(Limits(body_size=10, tick=0.05)))
    lines = ("Accept: text/html", "Content-Length: 11")
    assert (await ask(site, request(site, "/", *lines, host=site.silent, body=bytes(11)))).status == 413


async def test_an_idle_connection_is_ended_and_a_busy_one_is_not(start_edge: StartEdge, odd: OddUpstream) -> None:
    site = site_of(await start_edge(Limits(idle_timeout=1, head_timeout=1, tick=0.05)))
    async with connect(site) as busy:
        await busy.send(request(site, "/until-told", host=site.preview))
        await busy.head()
        async with connect(site) as idle, connect(site) as unused:
            await idle.send(request(site))
            await idle.reply()
            assert await idle.at_end()
            assert await unused.at_end()
        odd.proceed.set()
        assert await busy.reader.readexactly(10) == b"first+last"


async def test_connections_beyond_the_limit_are_answered_503(start_edge: StartEdge) -> None:
    site = site_of(await start_edge(Limits(connections=2, tick=0.05, linger_timeout=0.2)))
    async with connect(site) as first, connect(site) as second:
        for client in (first, second):
            await client.send(request(site))
            await client.reply()
        async with connect(site) as third:
            reply = await third.reply()
            assert (reply.status, reply.header("Retry-After")) == (503, "5")
        await first.close()
        async with asyncio.timeout(PATIENCE):
            while (await ask(site, request(site))).status != 200:
                await asyncio.sleep(0.05)


async def test_open_files_limit_connections(start_edge: StartEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = await start_edge(Limits(tick=0.05))
    site = site_of(edge)
    soft = 64 + 3 * 16
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(16):
            client = await stack.enter_async_context(connect(site))
            await client.send(request(site))
            assert (await client.reply()).status == 200
        for _ in range(10):
            refused = await stack.enter_async_context(connect(site))
            assert (await refused.reply()).status == 503
        # Two are let read their answer in peace, and hold a file until then; the others are done with.
        async with asyncio.timeout(PATIENCE):
            while edge.connections > 18:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("soft", "most"), [(1024, 320), (100, 16), (1 << 20, 349_504), (resource.RLIM_INFINITY, sys.maxsize)]
)
def test_a_third_of_the_open_files_is_for_connections(monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))
    assert connections_possible() == most


async def test_the_next_workspace_of_a_name_is_not_served_by_the_last_ones_program(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    assert (await ask(site, request(site, "/ok", host=site.preview))).status == 200
    router.generation += 1
    router.upstreams["alice", 3000] = router.upstreams["alice", 3001]
    assert (await ask(site, request(site, "/ok", host=site.preview))).status == 404
    assert len(odd.requests) == 1


async def test_an_upstream_connection_serves_many_requests(site: Site, odd: OddUpstream) -> None:
    for _ in range(5):
        assert (await ask(site, request(site, "/ok", host=site.preview))).status == 200
    assert odd.connections == 1


async def test_a_stale_connection_is_replaced_without_the_client_noticing(site: Site, odd: OddUpstream) -> None:
    for _ in range(3):
        assert (await ask(site, request(site, "/once", host=site.preview))).status == 200
    assert odd.connections == 3


async def test_a_request_with_a_body_is_not_sent_twice(
    site: Site, odd: OddUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the connection still counts as fresh, however long the machine takes.
    monkeypatch.setattr(exchange, "_FRESH", 60.0)
    assert (await ask(site, request(site, "/once", host=site.preview))).status == 200
    post = request(site, "/once", "Content-Length: 1", method="POST", host=site.preview, body=b"x")
    assert (await ask(site, post)).status == 502
    assert odd.connections == 1


async def test_a_workspaces_connections_are_not_used_for_another_port(site: Site, odd: OddUpstream) -> None:
    assert (await ask(site, request(site, "/ok", host=site.preview))).status == 200
    assert (await ask(site, request(site, "/ok", host=f"3001--{site.workspace}"))).status == 404
    assert len(odd.requests) == 1


async def test_input_on_a_websocket_is_noted_and_little_else(
    site: Site, router: MemoryRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that input need not last for seconds here; how it is told from other traffic has tests of its own.
    monkeypatch.setattr(activity, "SETTLING", 0.0)
    monkeypatch.setattr(activity, "SLOT_CAP", activity.THRESHOLD)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(site.url + "/socket", headers=site.headers()) as ws,
    ):
        await ws.send_bytes(bytes(40))
        assert await ws.receive_bytes(timeout=PATIENCE) == bytes(40)
        assert router.used == []
        for _ in range(30):
            await ws.send_bytes(bytes(40))
            await ws.receive_bytes(timeout=PATIENCE)
    assert router.used == ["alice"]


async def test_the_access_log_has_no_queries_and_no_cookies(router: MemoryRouter) -> None:
    edge = EmbeddedEdge(router, port=0, access_log=True)
    await edge.start()
    try:
        with structlog.testing.capture_logs() as entries:
            await ask(site_of(edge), request(site_of(edge), "/echo?token=secret"))
    finally:
        await edge.stop(grace=0)
    assert [(entry["method"], entry["path"], entry["status"]) for entry in entries] == [("GET", "/echo", 200)]
    assert "secret" not in str(entries)
    assert SECRET not in str(entries)
