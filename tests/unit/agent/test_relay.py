"""The way from the edge to the ports inside."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from vibecode.agent import relay

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def port() -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    number: int = listener.getsockname()[1]
    relay.start(listener, workspace="alice", refused={number, 8080})
    return number


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(run, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, request: bytes) -> bytes:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


async def echo_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"got:" + head)
    await writer.drain()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("suffix", ["", ":8000"])
async def test_the_port_in_the_host_is_reached_however_it_listens(port: int, host: str, suffix: str) -> None:
    async with serving(echo_head, host) as inside:
        request = f"GET /x?y=1 HTTP/1.1\r\nhOST:  {inside}--alice.example.org{suffix}\r\nCookie: a=b\r\n\r\n".encode()
        assert await ask(port, request) == b"got:" + request


@pytest.mark.parametrize(
    "host", ["alice.example.org", "0--alice.x", "99999--alice.x", "x3000--alice.x", "8080--alice.x"]
)
async def test_what_names_no_port_of_the_workspace_is_closed(port: int, host: str) -> None:
    assert await ask(port, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) == b""


@pytest.mark.parametrize("name", ["bob", "alice2", "alice-2", "alic", "3000--alice", ""])
async def test_what_is_meant_for_another_workspace_is_closed(port: int, name: str) -> None:
    """The edge may have an old address: then this is not the pod that it thinks it is."""
    async with serving(echo_head) as inside:
        assert await ask(port, f"GET / HTTP/1.1\r\nHost: {inside}--{name}.example.org\r\n\r\n".encode()) == b""


async def test_outside_of_a_cluster_any_name_will_do() -> None:
    assert relay.port_of(b"GET / HTTP/1.1\r\nHost: 3000--bob.x", None) == 3000


async def test_where_nothing_listens_the_connection_is_closed_without_a_word(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free: int = taken.getsockname()[1]
    assert await ask(port, f"GET / HTTP/1.1\r\nHost: {free}--alice.x\r\n\r\n".encode()) == b""


async def test_it_does_not_lead_to_itself(port: int) -> None:
    assert await ask(port, f"GET / HTTP/1.1\r\nHost: {port}--alice.x\r\n\r\n".encode()) == b""


async def test_a_head_that_comes_in_pieces_and_a_large_body_arrive(port: int) -> None:
    size = 3_000_000

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(size)
        writer.write(b"%d" % len(body) + body)
        await writer.drain()

    async with serving(count) as inside, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHo")
        await writer.drain()
        writer.write(f"st: {inside}--alice.x\r\n\r\n".encode() + b"z" * size)
        answer = await reader.read()
        writer.close()
    assert answer == str(size).encode() + b"z" * size


async def test_both_sides_can_speak_after_an_upgrade_and_either_ends_it(port: int) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        while data := await reader.read(100):
            writer.write(data.upper())
            await writer.drain()

    async with serving(shout) as inside, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {inside}--alice.x\r\nUpgrade: websocket\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        for word in (b"one", b"two"):
            writer.write(word)
            assert await reader.readexactly(3) == word.upper()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_a_head_without_end_is_given_up(port: int) -> None:
    assert await ask(port, b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000) == b""
