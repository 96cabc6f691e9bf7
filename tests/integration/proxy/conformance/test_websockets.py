"""What every edge does with WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.integration.proxy.raw import PATIENCE, connect, request
from tests.integration.proxy.site import Site
from tests.integration.proxy.upstreams import PIECE, GoodUpstream, OddUpstream

LIMIT = 1 << 26


@contextlib.asynccontextmanager
async def open_socket(
    site: Site, *, origin: str | None = None, protocols: tuple[str, ...] = (), compress: int = 0, autoping: bool = True
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            site.url + "/socket",
            headers=site.headers(),
            origin=origin or f"http://{site.workspace}",
            protocols=protocols,
            max_msg_size=LIMIT,
            compress=compress,
            autoping=autoping,
        ) as socket,
    ):
        yield socket


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 16 << 20])
async def test_binary_messages_of_any_size_pass_both_ways(site: Site, size: int) -> None:
    message = (PIECE * (size // len(PIECE) + 1))[:size]
    async with open_socket(site) as socket:
        await socket.send_bytes(message)
        assert await socket.receive_bytes(timeout=20) == message


async def test_text_and_compressed_messages_pass(site: Site) -> None:
    async with open_socket(site, compress=15) as socket:
        for text in ("grüß dich", "x" * 100_000):
            await socket.send_str(text)
            assert await socket.receive_str(timeout=PATIENCE) == text


async def test_the_subprotocol_is_agreed_end_to_end(site: Site) -> None:
    async with open_socket(site, protocols=("other", "chat")) as socket:
        assert socket.protocol == "chat"


async def test_a_close_code_passes_from_server_to_client(site: Site) -> None:
    async with open_socket(site) as socket:
        await socket.send_str("close")
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4321, "enough")


async def test_a_close_code_passes_from_client_to_server(site: Site, good: GoodUpstream) -> None:
    async with open_socket(site) as socket:
        await socket.close(code=4242)
    async with asyncio.timeout(PATIENCE):
        assert await good.seen.closed_with.get() == 4242


async def test_pings_pass_both_ways(site: Site) -> None:
    async with open_socket(site, autoping=False) as socket:
        await socket.ping(b"hello")
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"hello")
        await socket.send_str("ping")
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PING, b"are you there")


async def test_an_upstream_that_dies_ends_the_connection_without_a_close_frame(site: Site) -> None:
    async with open_socket(site) as socket:
        await socket.send_str("die")
        message = await socket.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert socket.close_code == 1006


async def test_a_client_that_dies_ends_the_upstreams_connection(site: Site, good: GoodUpstream) -> None:
    async with connect(site) as client:
        await client.send(
            request(
                site,
                "/socket",
                "Connection: keep-alive, Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                f"Origin: http://{site.workspace}",
            )
        )
        reply = await client.head()
        assert reply.status == 101
        assert reply.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    async with asyncio.timeout(PATIENCE):
        assert await good.seen.closed_with.get() in (None, 1006)


async def test_frames_sent_before_the_handshake_is_answered_are_not_lost(site: Site) -> None:
    masked_hi = b"\x82\x82\x00\x00\x00\x00hi"
    async with connect(site) as client:
        await client.send(
            request(
                site,
                "/socket",
                "Connection: Upgrade",
                "Upgrade: WebSocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                body=masked_hi,
            )
        )
        assert (await client.head()).status == 101
        async with asyncio.timeout(PATIENCE):
            assert await client.reader.readexactly(4) == b"\x82\x02hi"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://vibecode.localhost"])
async def test_a_page_from_elsewhere_opens_no_websocket(site: Site, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        async with open_socket(site, origin=origin):
            pass
    assert error.value.status == 403


async def test_a_refused_handshake_arrives_as_it_is(site: Site) -> None:
    async with connect(site) as client:
        for _ in range(2):
            await client.send(request(site, "/status/404", "Connection: Upgrade", "Upgrade: websocket"))
            assert (await client.reply()).status == 404


async def test_a_reader_that_stops_holds_the_sender_back(site: Site) -> None:
    """The upstream echoes; if the client doesn't read, its own sending has to stall as well."""
    message = bytes(1 << 20)
    async with open_socket(site) as socket:
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                while sent < 256:
                    await asyncio.wait_for(socket.send_bytes(message), 1)
                    sent += 1
        assert 0 < sent < 256


async def test_each_side_may_stop_sending_before_the_other(site: Site, odd: OddUpstream) -> None:
    """A half-closed TCP connection still carries the other direction, and ends when that is done, too."""
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
    async with connect(site) as client, asyncio.timeout(PATIENCE):
        await client.send(request(site, "/half", *handshake, host=site.preview))
        assert (await client.head()).status == 101
        client.writer.write(b"last word")
        if site.nginx:
            # It ends both directions when either ends. A WebSocket's last words are close frames, which come before.
            client.writer.close()
            while odd.heard != b"last word":
                await asyncio.sleep(0.01)
            return
        client.writer.write_eof()
        assert await client.reader.read() == b"heard: last word"
