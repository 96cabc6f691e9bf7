"""A gigabyte passes both ways while the edge's memory stays flat."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.integration.proxy.raw import RawClient, connect, request
from tests.integration.proxy.site import Site
from tests.integration.proxy.upstreams import GoodUpstream

GIBIBYTE = 1 << 30
ALLOWED_GROWTH = 64 << 20
PIECE = bytes(1 << 20)


@pytest_asyncio.fixture
async def process(good: GoodUpstream, socket_folder: Path) -> AsyncIterator[tuple[Site, psutil.Process]]:
    command = ("-m", "tests.integration.proxy.bulk_edge", str(socket_folder / "good.sock"))
    child = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    try:
        port = int(await asyncio.wait_for(child.stdout.readline(), 20))
        yield Site(host="127.0.0.1", port=port), psutil.Process(child.pid)
    finally:
        child.terminate()
        await child.wait()


class Peak:
    """The most memory that a process had, seen while data passed."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._start = process.memory_info().rss
        self.growth = 0

    def look(self) -> None:
        self.growth = max(self.growth, self._process.memory_info().rss - self._start)


async def _upload(client: RawClient, site: Site, peak: Peak, *, chunked: bool) -> int:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {GIBIBYTE}"
    await client.send(request(site, "/upload", framing, method="POST"))
    piece = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    for _ in range(GIBIBYTE // len(PIECE)):
        await client.send(piece)
        peak.look()
    if chunked:
        await client.send(b"0\r\n\r\n")
    return int(json.loads((await client.reply()).body)["size"])


async def _download(client: RawClient, site: Site, peak: Peak) -> int:
    await client.send(request(site, f"/download?size={GIBIBYTE}"))
    await client.head()
    received = 0
    while received < GIBIBYTE:
        received += len(await client.reader.read(1 << 20))
        peak.look()
    return received


@pytest.mark.parametrize("direction", ["upload", "chunked upload", "download"])
async def test_a_gibibyte_passes_with_flat_memory(process: tuple[Site, psutil.Process], direction: str) -> None:
    site, edge = process
    async with connect(site) as client:
        await client.send(request(site))
        assert (await client.reply()).status == 200
        peak = Peak(edge)
        if direction == "download":
            assert await _download(client, site, peak) == GIBIBYTE
        else:
            assert await _upload(client, site, peak, chunked=direction.startswith("chunked")) == GIBIBYTE
    assert peak.growth < ALLOWED_GROWTH
