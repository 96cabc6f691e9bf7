"""What the tunnel tells the control plane, and what it makes of the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vibecode.domain.edges import Connection
from vibecode.edge.reports import HttpReports
from vibecode.edge.server import ReportFailed


@asynccontextmanager
async def control_plane(answer: bytes, received: list[bytes]) -> AsyncIterator[str]:
    """A server that answers each request with the same bytes, and then ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        received.append(head + await reader.readexactly(length))
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def ok(document: object) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def test_a_report_says_what_is_open_and_used_and_hears_what_ends() -> None:
    received: list[bytes] = []
    async with control_plane(ok({"end": [{"session": "s2", "workspace": "w"}]}), received) as url:
        ending = await HttpReports(url + "/")([Connection("s1", "w"), Connection("s2", "w")], ["w"])
    assert ending == [Connection("s2", "w")]
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /edge/v1/connections HTTP/1.1\r\nHost: 127.0.0.1:")
    assert json.loads(body) == {
        "connections": [{"session": "s1", "workspace": "w"}, {"session": "s2", "workspace": "w"}],
        "input": ["w"],
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "0 bytes read"),
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "status 503"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n", "too large"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "no length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}", "2 bytes read"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "head is too large"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "HTTP"),
        (ok([]), "list"),
        (ok({"end": [{"session": "s"}]}), "workspace"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{", "Expecting"),
    ],
)
async def test_an_answer_that_is_none_is_a_failed_report(answer: bytes, words: str) -> None:
    async with control_plane(answer, []) as url:
        with pytest.raises(ReportFailed, match=words):
            await HttpReports(url)([], [])


async def test_a_control_plane_that_is_away_is_a_failed_report(unused_tcp_port: int) -> None:
    with pytest.raises(ReportFailed):
        await HttpReports(f"http://127.0.0.1:{unused_tcp_port}")([], [])


@pytest.mark.parametrize("url", ["https://control-plane:8082", "control-plane:8082", "http://a/b", "http://:1", ""])
def test_an_address_that_cannot_be_one_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a control plane"):
        HttpReports(url)
