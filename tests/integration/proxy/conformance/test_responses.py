"""What every edge does with a response on its way to a client."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tests.integration.proxy.raw import PATIENCE, ask, connect, request
from tests.integration.proxy.site import Site
from tests.integration.proxy.upstreams import PIECE, GoodUpstream, OddUpstream


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000])
@pytest.mark.parametrize("more", ["", "&chunked=1"])
async def test_a_body_arrives_whole(site: Site, size: int, more: str) -> None:
    reply = await ask(site, request(site, f"/download?size={size}{more}"))
    assert reply.body == (PIECE * (size // len(PIECE) + 1))[:size]
    assert (reply.header("Content-Length") is None) == bool(more)


async def test_chunks_are_read_strictly_and_written_anew(site: Site) -> None:
    reply = await ask(site, request(site, "/chunked", host=site.preview))
    assert (reply.status, reply.body) == (200, b"hello world")


@pytest.mark.parametrize("target", ["/eof", "/eof-10"])
async def test_a_body_that_ends_with_the_connection_arrives_with_a_visible_end(site: Site, target: str) -> None:
    async with connect(site) as client:
        for _ in range(2):
            await client.send(request(site, target, host=site.preview))
            reply = await client.reply()
            assert (reply.body, reply.header("Transfer-Encoding")) == (b"until the end", "chunked")


@pytest.mark.parametrize("target", ["/short", "/short-chunk"])
async def test_a_response_cut_short_never_ends_cleanly(site: Site, target: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.get(site.url + target, headers=site.headers(site.preview)) as response:
                await response.read()


async def test_a_response_cut_short_resets_a_client_that_reads_to_the_end(site: Site) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/short-chunk", host=site.preview, version="HTTP/1.0"))
        if site.nginx:
            # It can't reset a connection on purpose, so a client of HTTP/1.0 alone, which no browser is, sees no end.
            assert (await client.reply()).body == b"hellotoo short"
            return
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


@pytest.mark.parametrize("target", ["/garbage", "/nothing", "/two-lengths", "/switch", "/head-too-large"])
async def test_an_upstream_that_speaks_no_http_is_answered_502(site: Site, target: str) -> None:
    if site.nginx and target == "/garbage":
        # NGINX takes it for HTTP/0.9 and has no answer of its own any more; nothing of it may reach a client.
        async with connect(site) as client:
            await client.send(request(site, target, host=site.preview))
            assert await client.at_end()
        return
    if site.nginx and target == "/two-lengths":
        # Versions before 1.23 let the chunks count, as RFC 9112, 6.3 has it, and write them anew.
        reply = await ask(site, request(site, target, host=site.preview))
        assert reply.status == 502 or (reply.body, reply.header("Content-Length")) == (b"hello", None)
        return
    reply = await ask(site, request(site, target, host=site.preview))
    assert reply.status == 502


async def test_a_port_where_nothing_listens_is_said_so(site: Site) -> None:
    reply = await ask(site, request(site, host=site.silent))
    assert reply.status == 502
    assert "3999" in json.loads(reply.body)["detail"]


async def test_early_hints_are_relayed(site: Site) -> None:
    if site.nginx:
        # Versions before 1.29 take them for the answer. What can't be passed on as it is meant is refused.
        assert (await ask(site, request(site, "/hints", host=site.preview))).status == 502
        return
    async with connect(site) as client:
        await client.send(request(site, "/hints", host=site.preview))
        hints = await client.head()
        assert (hints.status, hints.header("Link")) == (103, "</a.css>")
        assert (await client.reply()).body == b"ok"


async def test_http_10_clients_get_no_interim_response(site: Site) -> None:
    reply = await ask(site, request(site, "/hints", host=site.preview, version="HTTP/1.0"))
    # As above: NGINX refuses what it can't pass on.
    assert reply.status == 502 if site.nginx else (reply.status, reply.body) == (200, b"ok")


async def test_what_is_for_one_connection_only_is_not_handed_on(site: Site) -> None:
    reply = await ask(site, request(site, "/hop", host=site.preview))
    assert reply.header("X-Kept") == "2"
    for name in ("X-Secret", "Keep-Alive", "Proxy-Authenticate", "Trailer"):
        assert reply.header(name) is None
    # What NGINX says is about its own connection.
    assert reply.header("Connection") in ((None, "keep-alive") if site.nginx else (None,))


async def test_bytes_behind_a_response_reach_nobody(site: Site) -> None:
    async with connect(site) as client:
        for _ in range(3):
            await client.send(request(site, "/extra", host=site.preview))
            reply = await client.reply()
            assert (reply.status, reply.body) == (200, b"ok")


async def test_head_has_headers_and_no_body(site: Site) -> None:
    async with connect(site) as client:
        for _ in range(2):
            await client.send(request(site, "/file", method="HEAD"))
            reply = await client.reply(method="HEAD")
            assert (reply.status, reply.header("Content-Length")) == (200, "1000")


@pytest.mark.parametrize("status", [204, 304, 404, 500])
async def test_a_status_arrives_and_the_connection_goes_on(site: Site, status: int) -> None:
    async with connect(site) as client:
        for _ in range(2):
            await client.send(request(site, f"/status/{status}"))
            reply = await client.reply()
            assert (reply.status, reply.header("ETag")) == (status, '"v1"')


async def test_a_range_arrives(site: Site) -> None:
    reply = await ask(site, request(site, "/file", "Range: bytes=10-19"))
    assert (reply.status, reply.header("Content-Range")) == (206, "bytes 10-19/1000")
    assert reply.body == PIECE[10:20]


async def test_a_workspace_sets_its_own_cookies_and_no_others(site: Site) -> None:
    wanted = ["theme=dark; Path=/", "a=b; Domain=" + site.workspace]
    unwanted = [
        "vibecode=stolen; Path=/",
        "__Host-vibecode=stolen; Secure; Path=/",
        "=vibecode=nameless",
        "vibecode-state=x",
        f"x=1; domain=.{site.dashboard}",
        "y=1; Domain=localhost",
    ]
    query = "&".join("c=" + value.replace(" ", "%20").replace(";", "%3B") for value in (*wanted, *unwanted))
    reply = await ask(site, request(site, f"/cookies?{query}"))
    assert reply.all("Set-Cookie") == wanted
    assert reply.header("Clear-Site-Data") is None
    reply = await ask(site, request(site, f"/cookies?{query}", host=site.dashboard))
    assert len(reply.all("Set-Cookie")) == len(wanted) + len(unwanted)


async def test_a_stream_arrives_as_it_is_written(site: Site, good: GoodUpstream) -> None:
    async with aiohttp.ClientSession() as session, session.get(site.url + "/events", headers=site.headers()) as stream:
        async with asyncio.timeout(PATIENCE):
            assert await stream.content.readline() == b"data: first\n"
        assert not good.seen.abandoned.is_set()


async def test_a_client_that_leaves_ends_the_upstreams_work(site: Site, good: GoodUpstream) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/events"))
        await client.head()
    async with asyncio.timeout(PATIENCE):
        await good.seen.abandoned.wait()


async def test_a_client_that_leaves_before_the_answer_ends_the_upstreams_work(site: Site, odd: OddUpstream) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/wait", host=site.preview))
        async with asyncio.timeout(PATIENCE):
            while not odd.requests:
                await asyncio.sleep(0.01)
    async with asyncio.timeout(PATIENCE):
        await odd.lost.wait()


async def test_a_slow_reader_holds_the_upstream_back(site: Site, good: GoodUpstream) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/endless"))
        await good.seen.streaming.wait()
        sent = -1
        # It stalls once every buffer on the way is full.
        async with asyncio.timeout(PATIENCE):
            while sent != good.seen.sent:
                sent = good.seen.sent
                await asyncio.sleep(0.3)
        assert sent < 32 << 20
        assert len(await client.reader.readexactly(1 << 20)) == 1 << 20
        async with asyncio.timeout(PATIENCE):
            while good.seen.sent == sent:
                await client.reader.read(1 << 20)
    async with asyncio.timeout(PATIENCE):
        await good.seen.abandoned.wait()
