"""NGINX's connections to workspaces: which are used again, and for what."""

from __future__ import annotations

import asyncio
import socket

import aiohttp

from tests.integration.proxy.raw import PATIENCE, ask, request
from tests.integration.proxy.site import MemoryRouter, Site
from tests.integration.proxy.upstreams import OddUpstream
from vibecode.agent import relay
from vibecode.domain.edges import Upstream


async def test_a_connection_to_a_workspace_serves_many_reads(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=odd.port)
    for _ in range(5):
        assert (await ask(site, request(site, "/ok", host=site.workspace))).status == 200
    assert odd.connections == 1


async def test_a_stale_connection_is_replaced_without_the_client_noticing(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=odd.port)
    for _ in range(3):
        assert (await ask(site, request(site, "/once", host=site.workspace))).status == 200
    assert odd.connections == 3


async def test_a_write_is_sent_once_and_on_a_connection_of_its_own(site: Site, odd: OddUpstream) -> None:
    assert (await ask(site, request(site, "/once", host=site.preview))).status == 200
    post = request(site, "/ok", "Content-Length: 1", method="POST", host=site.preview, body=b"x")
    assert (await ask(site, post)).status == 200
    assert (await ask(site, post.replace(b"/ok", b"/nothing"))).status == 502
    assert len(odd.requests) == 3


async def test_the_next_workspace_of_a_name_is_not_served_by_the_last_ones_program(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    async def status() -> int:
        return (await ask(site, request(site, "/ok", host=site.preview))).status

    assert await status() == 200
    router.generation += 1
    router.upstreams["alice", 3000] = router.upstreams["alice", 3001]
    async with asyncio.timeout(PATIENCE):
        while await status() == 200:  # for a second the answer to the same question is the same
            await asyncio.sleep(0.05)
    seen = len(odd.requests)
    assert [await status() for _ in range(3)] == [404] * 3
    assert len(odd.requests) == seen


async def test_each_port_behind_a_relay_is_its_own(site: Site, router: MemoryRouter) -> None:
    """A connection to the relay leads to one port for good, so NGINX may not use it for another."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = str(writer.get_extra_info("sockname")[1]).encode()
        try:
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(own), own))
        finally:
            writer.close()

    listener = socket.create_server(("127.0.0.1", 0))
    relay.start(listener, workspace="alice", refused=())
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    for port in ports:
        router.upstreams["alice", port] = Upstream(host="127.0.0.1", port=listener.getsockname()[1])
    try:
        async with aiohttp.ClientSession() as http:
            for port in ports * 3:
                headers = site.headers(f"{port}--{site.workspace}")
                async with http.get(site.url + "/", headers=headers) as answer:
                    assert (answer.status, await answer.text()) == (200, str(port))
    finally:
        for server in servers:
            server.close()
