"""A client that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from tests.integration.proxy.site import Site

PATIENCE: Final = 30.0
"""Seconds that something which has to come may take on a busy machine, where a process may stand still for some."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that becomes true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Reply:
    """A response as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value, and fail if there are two."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class RawClient:
    """One TCP connection to an edge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Reply:
        """Read a response's head."""
        async with asyncio.timeout(20):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:-2])]
        return Reply(int(lines[0].split(" ")[1]), fields, b"")

    async def reply(self, *, method: str = "GET") -> Reply:
        """Read a whole response, by its framing."""
        reply = await self.head()
        if method == "HEAD" or reply.status in (204, 304) or reply.status < 200:
            body = b""
        elif reply.header("Transfer-Encoding") == "chunked":
            body = await self._chunks()
        elif (length := reply.header("Content-Length")) is not None:
            body = await self.reader.readexactly(int(length))
        else:
            body = await self.reader.read()
        return Reply(reply.status, reply.headers, body)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def at_end(self) -> bool:
        """Whether the edge ended the connection, and sent nothing more."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def connect(site: Site) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(site.host, site.port, limit=1 << 20)
    client = RawClient(reader, writer)
    try:
        yield client
    finally:
        await client.close()


def request(
    site: Site,
    target: str = "/echo",
    *lines: str,
    method: str = "GET",
    host: str | None = None,
    version: str = "HTTP/1.1",
    body: bytes = b"",
) -> bytes:
    """Return a request that may pass, with further header ``lines``."""
    head = [f"{method} {target} {version}", f"Host: {host or site.workspace}", f"Cookie: {site.cookie}", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


async def ask(site: Site, data: bytes, *, method: str = "GET") -> Reply:
    """Send one request on a connection of its own and return the response."""
    async with asyncio.timeout(20), connect(site) as client:
        await client.send(data)
        return await client.reply(method=method)
