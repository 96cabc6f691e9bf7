"""What every edge does with a request on its way to an upstream."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from tests.integration.proxy.raw import ask, connect, request
from tests.integration.proxy.site import SECRET, Site
from tests.integration.proxy.upstreams import OddUpstream


async def echoed(site: Site, data: bytes) -> dict[str, list[str]]:
    """Send a request to ``/echo`` and return the headers that arrived, by lower-case name."""
    reply = await ask(site, data)
    assert reply.status == 200
    fields: dict[str, list[str]] = {}
    for name, value in json.loads(reply.body)["headers"]:
        fields.setdefault(name.lower(), []).append(value)
    return fields


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_method_target_and_body_arrive_as_sent(site: Site, method: str) -> None:
    target = "/echo?a=1&b=%2F..%2f&c=//x"
    body = b"" if method == "GET" else b"some \x00 bytes"
    data = request(site, target, f"Content-Length: {len(body)}", method=method, body=body)
    got = json.loads((await ask(site, data)).body)
    assert (got["method"], got["target"], got["body"]) == (method, target, body.decode())


async def test_host_arrives_as_the_browser_sent_it(site: Site) -> None:
    fields = await echoed(site, request(site, host=f"{site.workspace}:9999"))
    assert fields["host"] == [f"{site.workspace}:9999"]


async def test_what_a_client_says_of_forwarding_is_replaced(site: Site) -> None:
    fields = await echoed(
        site,
        request(
            site,
            "/echo",
            "X-Forwarded-For: 6.6.6.6",
            "x-forwarded-host: evil.example",
            "X-Forwarded-Proto: gopher",
            "X_Forwarded_For: 6.6.6.6",
            "X-Forwarded-Prefix: /evil",
            "Forwarded: for=6.6.6.6",
            "X-Real-IP: 6.6.6.6",
            "X-Vibecode-User: root",
        ),
    )
    assert fields["x-forwarded-for"] == ["127.0.0.1"]
    assert fields["x-forwarded-host"] == [site.workspace]
    assert fields["x-forwarded-proto"] == ["http"]
    assert not any("6.6.6.6" in value or "evil" in value for values in fields.values() for value in values)
    assert "x-vibecode-user" not in fields


async def test_what_is_for_one_connection_only_is_not_handed_on(site: Site) -> None:
    lines = ("Connection: keep-alive, X-Private", "X-Private: 1", "Keep-Alive: timeout=5", "TE: trailers")
    more = ("Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==", "Upgrade: h2c", "X-Public: 2")
    fields = await echoed(site, request(site, "/echo", *lines, *more))
    assert fields["x-public"] == ["2"]
    gone = {"x-private", "keep-alive", "te", "proxy-connection", "proxy-authorization", "upgrade", "connection"}
    assert not gone & fields.keys()


async def test_a_workspace_never_sees_our_cookies(site: Site) -> None:
    cookie = f"Cookie: theme=dark; vibecode-state=x; __Host-vibecode={SECRET}; vibecodes=mine"
    fields = await echoed(site, request(site, "/echo", cookie))
    assert fields["cookie"] == ["theme=dark; vibecodes=mine"]
    assert SECRET not in str(fields)


async def test_the_control_plane_sees_them(site: Site) -> None:
    fields = await echoed(site, request(site, host=site.dashboard))
    assert fields["cookie"] == [site.cookie]


async def test_a_chunked_body_arrives_whole(site: Site) -> None:
    body = b"5;ext=1\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
    reply = await ask(site, request(site, "/echo", "Transfer-Encoding: chunked", method="POST", body=body))
    assert json.loads(reply.body)["body"] == "hello, world"


async def test_a_body_in_many_small_pieces_arrives_whole(site: Site) -> None:
    data = request(site, "/echo", "Transfer-Encoding: chunked", method="POST", body=b"3\r\nabc\r\n0\r\n\r\n")
    async with connect(site) as client:
        for byte in data:
            await client.send(bytes([byte]))
        assert json.loads((await client.reply()).body)["body"] == "abc"


async def test_a_client_that_waits_for_100_continue_gets_it(site: Site) -> None:
    async with connect(site) as client:
        head = request(site, "/continue", "Content-Length: 5", "Expect: 100-continue", method="POST", host=site.preview)
        await client.send(head)
        # From the upstream, or, where it is NGINX, from that alone.
        assert (await client.head()).status == 100
        await client.send(b"hello")
        assert (await client.reply()).body == b"hello"


async def test_an_upstream_may_refuse_a_body_before_it_is_sent(site: Site) -> None:
    async with connect(site) as client:
        await client.send(
            request(site, "/refuse-body", "Content-Length: 5", "Expect: 100-continue", method="POST", host=site.preview)
        )
        if site.nginx:
            # It asks for the body as soon as the request may pass, before the upstream has answered.
            assert (await client.head()).status == 100
        assert (await client.reply()).status == 417


async def test_an_early_answer_reaches_a_client_that_still_sends(site: Site) -> None:
    async with connect(site) as client:
        await client.send(
            request(site, "/early", f"Content-Length: {1 << 30}", method="POST", host=site.preview, body=b"x" * 100_000)
        )
        reply = await client.reply()
        if site.nginx and reply.status == 502:
            # This server closes with the rest unread, so its system resets the connection, and NGINX may not get to
            # read the answer. The client sees a failure either way, and in time.
            return
        assert (reply.status, reply.body) == (413, b"big")


async def test_each_request_on_a_kept_connection_is_decided_on_its_own(site: Site) -> None:
    async with connect(site) as client:
        for host, status in ((site.workspace, 200), ("evil.example", 421), (site.preview, 200), (site.dashboard, 200)):
            await client.send(request(site, host=host))
            assert (await client.reply()).status == status


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    async with connect(site) as client:
        bodies = [f"number {number}".encode() for number in range(20)]
        await client.send(
            b"".join(
                request(site, "/echo", f"Content-Length: {len(body)}", method="POST", body=body) for body in bodies
            )
        )
        for body in bodies:
            assert json.loads((await client.reply()).body)["body"] == body.decode()


async def test_a_full_url_as_target_is_served_if_it_names_the_same_host(site: Site) -> None:
    reply = await ask(site, request(site, f"http://{site.workspace}/echo?x=1"))
    assert json.loads(reply.body)["target"] == "/echo?x=1"


async def test_http_10_is_answered_and_the_connection_ended(site: Site) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/download?size=5&chunked=1", version="HTTP/1.0"))
        reply = await client.reply()
        assert reply.header("Transfer-Encoding") is None
        assert len(reply.body) == 5
        assert await client.at_end()


async def test_a_client_that_asks_for_it_gets_its_connection_ended(site: Site) -> None:
    async with connect(site) as client:
        await client.send(request(site, "/echo", "Connection: close"))
        assert (await client.reply()).header("Connection") == "close"
        assert await client.at_end()


async def test_empty_lines_before_a_request_are_ignored(site: Site) -> None:
    async with connect(site) as client:
        for _ in range(2):
            await client.send(b"\r\n\r\n" + request(site))
            assert (await client.reply()).status == 200


async def test_a_wrong_session_does_not_reach_the_upstream(site: Site, odd: OddUpstream) -> None:
    data = b"GET / HTTP/1.1\r\nHost: " + site.preview.encode() + b"\r\nCookie: vibecode=wrong\r\n\r\n"
    assert (await ask(site, data)).status == 401
    assert odd.requests == []


@pytest.mark.parametrize("size", [1_000, 300_000, 600_000, 20_000_000])
async def test_an_upstream_that_answers_without_reading_leaves_nobody_waiting(site: Site, size: int) -> None:
    async with connect(site) as client, asyncio.timeout(15):
        head = request(site, "/deaf", f"Content-Length: {size}", method="POST", host=site.preview)
        sending = asyncio.create_task(client.send(head + bytes(size)))
        assert (await client.reply()).body == b"ok"
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            # Either the connection ends, or it goes on; what it must not do is hang.
            await sending
            await client.send(request(site))
            assert (await client.reply()).status == 200


async def test_a_client_that_asks_and_never_reads_is_held_back(site: Site) -> None:
    async with connect(site) as client:
        requests = request(site, "/download?size=100000") * 100
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 << 20:
                await asyncio.wait_for(client.send(requests), 1)
                sent += len(requests)
        client.writer.transport.abort()
        assert sent < 64 << 20
