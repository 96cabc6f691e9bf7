from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.product_api import LIMIT
from vibecode.domain.edges import Connection
from vibecode.edge.limits import TunnelLimits
from vibecode.edge.server import ReportFailed, TunnelServer
from vibecode.edge.tunnel import _is_near


class ControlPlane:
    """Hears reports."""

    def __init__(self) -> None:
        self.away = False
        self.ending: list[Connection] = []
        self.heard: list[tuple[list[Connection], list[str]]] = []

    async def __call__(self, connections: Sequence[Connection], used: Sequence[str]) -> Sequence[Connection]:
        if self.away:
            raise ReportFailed("away")
        self.heard.append((list(connections), list(used)))
        return self.ending


@pytest.fixture
def control_plane() -> ControlPlane:
    return ControlPlane()


@pytest_asyncio.fixture
async def tunnel(control_plane: ControlPlane) -> AsyncIterator[TunnelServer]:
    server = TunnelServer(
        "127.0.0.1:0", control_plane, limits=TunnelLimits(connections=2, head_timeout=1.0, report_interval=3600)
    )
    await server.start()
    yield server
    await server.stop(0)


async def switching(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # The tunnel may end it at any time.
    with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await reader.read(1000):
            writer.write(data)


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[int]:
    server = await asyncio.start_server(switching, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def order(port: int, session: str = "s1") -> bytes:
    lines = ["GET / HTTP/1.1", "Host: a.example", "Connection: Upgrade", "Upgrade: websocket"]
    lines += [f"X-Vibecode-Upstream: 127.0.0.1:{port}", f"X-Vibecode-Session: {session}", "X-Vibecode-Workspace-Id: w1"]
    return "\r\n".join([*lines, "", ""]).encode()


async def opened(tunnel: TunnelServer, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
    writer.write(data)
    return reader, writer, await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), LIMIT) is not None
    except ConnectionResetError:
        return True


async def test_what_the_control_plane_names_ends_and_nothing_else(
    tunnel: TunnelServer, control_plane: ControlPlane, upstream: int
) -> None:
    first, first_writer, head = await opened(tunnel, order(upstream))
    second, second_writer, _ = await opened(tunnel, order(upstream, "s2"))
    assert b" 101 " in head
    control_plane.ending = [Connection("s1", "w1"), Connection("s1", "gone")]
    await tunnel.report()
    assert set(control_plane.heard[0][0]) == {Connection("s1", "w1"), Connection("s2", "w1")}
    assert await ended(first)
    second_writer.write(b"still here")
    assert await asyncio.wait_for(second.readexactly(10), LIMIT) == b"still here"
    for writer in (first_writer, second_writer):
        writer.close()


async def test_input_is_told_once_and_not_lost_in_an_outage(tunnel: TunnelServer, control_plane: ControlPlane) -> None:
    tunnel.note_input("w1")
    tunnel.note_input("w1")
    control_plane.away = True
    with pytest.raises(ReportFailed):
        await tunnel.report()
    control_plane.away = False
    await tunnel.report()
    await tunnel.report()
    assert [used for _, used in control_plane.heard] == [["w1"], []]


async def test_too_many_are_answered_503(tunnel: TunnelServer, upstream: int) -> None:
    writers = []
    for _ in range(2):
        _, writer, _ = await opened(tunnel, order(upstream))
        writers.append(writer)
    # A full one is a healthy one: it must not be ended with all that it carries.
    for head, status in ((order(upstream), b"503"), (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"200")):
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writers.append(writer)
        writer.write(head)
        answer = await asyncio.wait_for(reader.read(), LIMIT)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (b"Retry-After: 5" in answer) == (status == b"503")
    for each in writers:
        each.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 501),
        (order(9).replace(b"127.0.0.1:9", b"name:80"), 400),
        (order(9), 503),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ],
)
async def test_what_can_not_be_opened_is_answered(tunnel: TunnelServer, data: bytes, status: int) -> None:
    reader, writer, head = await opened(tunnel, data)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert await ended(reader)
    writer.close()


async def test_who_says_nothing_is_not_waited_for(tunnel: TunnelServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
    assert await ended(reader)
    writer.close()


async def test_an_upstream_that_breaks_off_is_said_so(tunnel: TunnelServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    _, writer, head = await opened(tunnel, order(server.sockets[0].getsockname()[1]))
    assert head.startswith(b"HTTP/1.1 502 ")
    writer.close()
    server.close()


async def test_stopping_gives_what_is_open_some_time(tunnel: TunnelServer, upstream: int) -> None:
    reader, writer, _ = await opened(tunnel, order(upstream))
    stopping = asyncio.create_task(tunnel.stop(30))
    writer.write(b"going on")
    assert await asyncio.wait_for(reader.readexactly(8), LIMIT) == b"going on"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", tunnel.port)
    assert not stopping.done()
    writer.close()
    await asyncio.wait_for(stopping, LIMIT)
    assert tunnel.connections == 0


async def test_stopping_ends_what_stays(tunnel: TunnelServer, upstream: int) -> None:
    reader, writer, _ = await opened(tunnel, order(upstream))
    await asyncio.wait_for(tunnel.stop(0.05), LIMIT)
    assert await ended(reader)
    writer.close()


async def test_a_unix_socket_is_for_its_owner_alone(tmp_path: Path, control_plane: ControlPlane) -> None:
    path = tmp_path / "t.sock"
    for _ in range(2):  # the second takes the first one's place
        server = TunnelServer(str(path), control_plane)
        await server.start()
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        await server.stop(0)


@pytest.mark.parametrize(
    ("peer", "near"),
    [
        ("", True),
        (("127.0.0.1", 1), True),
        (("::1", 1, 0, 0), True),
        (("10.1.2.3", 1), False),
        (("fe80::1%eth0", 1, 0, 2), False),
    ],
)
def test_only_this_machine_is_believed(peer: object, near: bool) -> None:
    assert _is_near(peer) is near
