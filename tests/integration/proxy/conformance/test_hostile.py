"""What no edge may let through."""

from __future__ import annotations

import pytest

from tests.integration.proxy.raw import ask, connect, request
from tests.integration.proxy.site import Site
from tests.integration.proxy.upstreams import OddUpstream

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


async def refused(site: Site, data: bytes, *statuses: int) -> None:
    """Expect one of ``statuses`` and the end of the connection."""
    async with connect(site) as client:
        await client.send(data)
        reply = await client.reply()
        assert reply.status in statuses
        assert await client.at_end()


def broken(site: Site, *lines: str, method: str = "POST", body: bytes = SMUGGLED) -> bytes:
    return request(site, "/", *lines, method=method, host=site.preview, body=body)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: +5",),
        ("Content-Length: 5, 5",),
        ("Content-Length: 0x5",),
        ("Content-Length: -1",),
        ("Content-Length: 99999999999999999999",),
        ("Content-Length : 5",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding:\x0bchunked",),
        ("X: 1", " folded: 2"),
        ("X: 1\nTransfer-Encoding: chunked",),
        ("X: a\rb",),
        ("X: a\x00b",),
        ("X\x00: a",),
        (": nameless",),
        ("no colon",),
    ],
)
async def test_a_request_whose_end_is_unclear_is_refused(site: Site, odd: OddUpstream, lines: tuple[str, ...]) -> None:
    await refused(site, broken(site, *lines), 400, 501)
    assert odd.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"5 \r\nhello\r\n0\r\n\r\n"[:1] + b"z\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nhello",
        b"\r\nhello",
        b"5;\x00\r\nhello\r\n0\r\n\r\n",
        b"1" * 10_000,
    ],
)
async def test_a_broken_chunk_ends_the_connection(site: Site, odd: OddUpstream, body: bytes) -> None:
    if site.nginx and body.startswith((b"5\n", b"5;\x00")):
        # NGINX takes a bare LF for a line's end, and doesn't look at extensions. It writes the chunks anew, so the
        # upstream can't read them otherwise, and what follows is a request of its own, which has to pass on its own.
        async with connect(site) as client:
            head = request(site, "/", "Transfer-Encoding: chunked", method="POST", host=site.preview)
            await client.send(head + body + SMUGGLED)
            assert [(await client.reply()).status for _ in range(2)] == [200, 421]
        assert not any(b"smuggled" in head for head in odd.requests)
        return
    async with connect(site) as client:
        await client.send(
            request(site, "/wait", "Transfer-Encoding: chunked", method="POST", host=site.preview, body=body + SMUGGLED)
        )
        assert (await client.reply()).status == 400
        assert await client.at_end()
    assert not any(b"smuggled" in head for head in odd.requests)


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", (400,)),
        (b"GET / HTTP/1.0\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nhost: other\r\n\r\n", (400,)),
        (b"GET http://other/ HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"GET http://x@{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"GET ftp://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"GET no-slash HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"CONNECT {host}:80 HTTP/1.1\r\nHost: {host}\r\n\r\n", (400, 405)),
        (b"TRACE / HTTP/1.1\r\nHost: {host}\r\n\r\n", (405,)),
        (b"BREW / HTTP/1.1\r\nHost: {host}\r\n\r\n", (400, 405, 501)),
        (b"GET / HTTP/3.0\r\nHost: {host}\r\n\r\n", (400, 505)),
        (b"GET / HTTP/1.1\nHost: {host}\n\n\r\n\r\n", (400,)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, 501)),
        (b"GET /\xff HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://a\r\nOrigin: http://b\r\n\r\n", (400,)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", (431,)),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n", (414, 431)),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\n" + b"X: a\r\n" * 12_000, (431,)),
    ],
)
async def test_a_broken_head_is_refused(site: Site, odd: OddUpstream, data: bytes, statuses: tuple[int, ...]) -> None:
    if site.nginx and b"HTTP/1.1\nHost" in data:
        # NGINX takes a bare LF for a line's end (RFC 9112, 2.2 allows it), so this is a request without a session.
        assert (await ask(site, data.replace(b"{host}", site.preview.encode()))).status == 401
        return
    await refused(site, data.replace(b"{host}", site.preview.encode()), *statuses)
    assert odd.requests == []


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "[", "a b", "alice.vibecode.localhost.", ""]
)
async def test_a_forged_host_is_refused(site: Site, host: str) -> None:
    async with connect(site) as client:
        await client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {site.cookie}\r\n\r\n".encode())
        # NGINX asks nobody about what can't be a host at all.
        assert (await client.reply()).status in ((421, 400) if site.nginx else (421,))


@pytest.mark.parametrize("named", ["Host", "Content-Length", "Cookie", "Transfer-Encoding"])
async def test_connection_cannot_name_away_what_frames_or_routes(site: Site, odd: OddUpstream, named: str) -> None:
    async with connect(site) as client:
        await client.send(
            request(
                site, "/", f"Connection: {named}", "Content-Length: 5", method="POST", host=site.preview, body=b"hello"
            )
        )
        assert (await client.reply()).status == 200
    head = odd.requests[0].lower()
    assert b"\r\nhost: " + site.preview.encode() in head
    assert b"\r\ncontent-length: 5\r\n" in head


async def test_an_upgrade_with_a_body_is_not_an_upgrade(site: Site, odd: OddUpstream) -> None:
    """Else what is a body to one reader would be a new protocol, or a next request, to the other."""
    lines = ("Connection: Upgrade", "Upgrade: websocket", f"Content-Length: {len(SMUGGLED)}")
    async with connect(site) as client:
        await client.send(request(site, "/", *lines, method="GET", host=site.preview, body=SMUGGLED))
        assert (await client.reply()).status == 200
    assert b"upgrade" not in odd.requests[0].lower()
    assert b"content-length: %d" % len(SMUGGLED) in odd.requests[0].lower()
