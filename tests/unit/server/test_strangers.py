"""A port that anybody in a workspace reaches: what one connection, one address, and all together may take."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from vibecode.proxy.listen import open_sockets
from vibecode.server import strangers
from vibecode.server.serving import serving
from vibecode.server.strangers import StrangerLimits

LIMITS = StrangerLimits(request_timeout=0.3, idle_timeout=1, connects_at_once=1000, connects_per_second=1000)
PATIENT = replace(LIMITS, request_timeout=60, idle_timeout=60)
FINE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body's length; a body that is refused is answered before it is read."""
    status, body = 200, b""
    if (b"x-refuse", b"1") in _scope["headers"]:
        status = 403
    else:
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message["body"]
            if not message["more_body"]:
                break
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(str(len(body))))]}
    )
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


@contextlib.asynccontextmanager
async def port(limits: StrangerLimits) -> AsyncIterator[int]:
    sockets = open_sockets("127.0.0.1", 0)
    number: int = sockets[0].getsockname()[1]
    async with serving(echo, *sockets, strangers=limits), asyncio.timeout(60):
        yield number


class Stranger:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def head(self) -> bytes:
        """Return the head of an answer; empty if the connection ended instead."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(int(length.split(b":")[1]))
        return head

    async def ended(self) -> None:
        """Wait until the server has ended the connection."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    async def trickle(self, piece: bytes) -> None:
        """Send a piece again and again until the server has ended the connection."""
        ended = asyncio.ensure_future(self.ended())
        # uvloop's for a connection that is lost already.
        with contextlib.suppress(ConnectionError, RuntimeError):
            while not ended.done():
                await self.send(piece)
                await asyncio.wait([ended], timeout=0.02)
        await ended

    def close(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def stranger(number: int, *, at: str = "127.0.0.1") -> AsyncIterator[Stranger]:
    reader, writer = await asyncio.open_connection("127.0.0.1", number, local_addr=(at, 0))
    found = Stranger(reader, writer)
    try:
        yield found
    finally:
        found.close()


async def answers(number: int, *, at: str = "127.0.0.1") -> bool:
    """Tell whether a new connection is answered, rather than ended."""
    try:
        async with stranger(number, at=at) as one:
            await one.send(FINE)
            return bool(await one.head())
    except ConnectionError:
        return False


async def until_answered(number: int) -> None:
    while not await answers(number):
        pass


async def test_what_is_within_limits_is_answered_more_than_once() -> None:
    async with port(PATIENT) as number, stranger(number) as one:
        for _ in range(3):
            await one.send(FINE)
            assert (await one.head()).startswith(b"HTTP/1.1 200")
        await one.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 131072\r\n\r\n" + b"z" * 131072)
        assert (await one.head()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"z"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nX-Refuse: 1\r\nContent-Length: 100000\r\n\r\n", b"z"),
    ],
    ids=["nothing", "empty lines", "a head", "a body", "chunks", "a body that nobody wants"],
)
@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
async def test_what_comes_too_slowly_ends(first: bytes, piece: bytes, later: bool) -> None:
    limits = replace(LIMITS, request_timeout=0.8, idle_timeout=1, headers=10_000)
    async with port(limits) as number, stranger(number) as one:
        if later:
            await one.send(FINE)
            assert (await one.head()).startswith(b"HTTP/1.1 200")
        await one.send(first)
        await (one.trickle(piece) if piece else one.ended())


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 40_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 65 + b"\r\n",
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    ],
    ids=["header", "target", "body", "chunks", "headers", "nonsense"],
)
async def test_what_is_too_large_or_nonsense_is_refused_and_ends(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with port(PATIENT) as number, stranger(number) as one:
        with contextlib.suppress(ConnectionError):
            await one.send(request_)
        await one.ended()
    assert not caplog.records, "what anybody may send fills no log"


async def test_one_address_can_not_take_all_connections() -> None:
    limits = replace(PATIENT, connections_of_one=2)
    async with port(limits) as number, stranger(number) as first, stranger(number) as second:
        for one in (first, second):
            await one.send(FINE)
            assert await one.head()
        assert not await answers(number)
        assert await answers(number, at="127.0.0.2")
        first.close()
        await until_answered(number)


async def test_all_together_can_not_take_more_than_there_are() -> None:
    async with port(replace(PATIENT, connections=2)) as number:
        async with stranger(number, at="127.0.0.2") as first, stranger(number, at="127.0.0.3") as second:
            for one in (first, second):
                await one.send(FINE)
                assert await one.head()
            assert not await answers(number)
        await until_answered(number)


async def test_one_address_can_not_connect_again_and_again() -> None:
    async with port(replace(PATIENT, connects_at_once=3, connects_per_second=0.001)) as number:
        for _ in range(3):
            assert await answers(number)
        assert not await answers(number)
        assert await answers(number, at="127.0.0.2")


async def test_a_flood_is_let_in_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "_AT_ONCE", 2)
    async with port(replace(PATIENT, connections_of_one=100)) as number, contextlib.AsyncExitStack() as stack:
        everybody = [await stack.enter_async_context(stranger(number)) for _ in range(20)]
        for one in everybody:
            await one.send(FINE)
        for one in everybody:
            assert (await one.head()).startswith(b"HTTP/1.1 200")


async def test_without_files_to_open_it_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failures = socket.socket.accept, [OSError(24, "Too many open files")]

    def failing(self: socket.socket) -> Any:
        if failures:
            raise failures.pop()
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", failing)
    monkeypatch.setattr(strangers, "_PAUSE_WITHOUT_FILES", 0.01)
    async with port(PATIENT) as number, stranger(number) as one:
        await one.send(FINE)
        assert await one.head()
    assert not failures


async def test_the_end_of_the_server_ends_what_is_open() -> None:
    async with port(PATIENT) as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        one = Stranger(reader, writer)
        await one.send(FINE)
        assert await one.head()
    await one.ended()
    one.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)
