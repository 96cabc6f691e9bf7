"""The two ends of the proxy benchmark that are ours, each run in a process of its own.

``python -m benchmarks.proxy_server upstream`` answers HTTP, echoes WebSocket messages of one known size and sends bulk
data; ``... edge <port of the upstream>`` is the embedded edge. Each prints its port once it listens.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from typing import cast

import uvloop

from vibecode.domain.addresses import Addresses, WorkspaceHost, parse_host
from vibecode.domain.cookies import session_cookie, values_of
from vibecode.domain.edges import EdgeRequest, Upstream
from vibecode.domain.routing import (
    Decision,
    ForwardToControlPlane,
    ForwardToEditor,
    ForwardToPort,
    SessionView,
    WorkspaceView,
    decide,
)
from vibecode.domain.workspace import Phase
from vibecode.proxy.edge import EmbeddedEdge

HOST = "alice.vibecode.localhost"
SECRET = "0123456789abcdef0123456789abcdef"
COOKIE = f"vibecode={SECRET}; theme=dark"

PAYLOAD = bytes(64)
MASKED_FRAME = b"\x82" + bytes([0x80 | len(PAYLOAD)]) + bytes(4) + PAYLOAD
"""Masked with zeros, so that the echo needs no unmasking."""
FRAME = b"\x82" + bytes([len(PAYLOAD)]) + PAYLOAD

BULK = 256 << 20
"""Bytes of one bulk answer."""
_PIECE = bytes(256 << 10)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SMALL_END = b"x" * 200
_SMALL = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nETag: "5d8c72a5"\r\n'
    b"Date: Tue, 24 Nov 2026 06:00:00 GMT\r\nContent-Length: 200\r\n\r\n" + SMALL_END
)


class UpstreamServer(asyncio.Protocol):
    """As little work as can be, so that it isn't what is measured."""

    def __init__(self) -> None:
        self._buffer = b""
        self._frames = False
        self._paused = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._paused.set()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        if self._frames:
            count, rest = divmod(len(data), len(MASKED_FRAME))
            self._buffer = data[len(data) - rest :]
            if count:
                self.transport.write(FRAME * count)
            return
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head, data = data[:end], data[end + 4 :]
            path = head[4 : head.find(b" ", 4)]
            if path == b"/bulk":
                self._task = asyncio.get_running_loop().create_task(self._bulk())
            elif path == b"/socket":
                self._accept(head)
            else:
                self.transport.write(_SMALL)
        self._buffer = data

    def _accept(self, head: bytes) -> None:
        lower = head.lower()
        start = lower.find(b"sec-websocket-key:") + 18
        key = head[start : lower.find(b"\r\n", start)].strip()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._frames = True

    async def _bulk(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BULK)
        for _ in range(BULK // len(_PIECE)):
            await self._paused.wait()
            if self.transport.is_closing():
                return
            self.transport.write(_PIECE)

    def pause_writing(self) -> None:
        self._paused.clear()

    def resume_writing(self) -> None:
        self._paused.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._paused.set()


class SessionRouter:
    """Checks a session as the product does: a hash of the cookie looked up in memory, then the product's own rule."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._addresses = Addresses(
            scheme="http", domain="vibecode.localhost", workspace_domain="vibecode.localhost", port=8000
        )
        digest = hashlib.sha256(SECRET.encode()).hexdigest()
        self._sessions = {digest: SessionView(id="s1", user="alice", is_admin=False)}
        self._workspaces = {"alice": WorkspaceView(id="w1", owner="alice", phase=Phase.RUNNING)}
        self.last_use = 0.0

    def route(self, request: EdgeRequest, cookies: list[str]) -> Decision:
        target = parse_host(request.host, self._addresses)
        session = None
        for value in values_of(session_cookie(secure=False), cookies):
            session = self._sessions.get(hashlib.sha256(value.encode()).hexdigest())
        workspace = self._workspaces.get(target.name) if isinstance(target, WorkspaceHost) else None
        return decide(request, target, session, workspace, self._addresses)

    async def wait_ready(self, workspace: str, *, wake: bool, timeout: float) -> bool:
        return True

    async def upstream(self, decision: ForwardToEditor | ForwardToPort | ForwardToControlPlane) -> Upstream | None:
        return self._upstream

    def websocket_input(self, workspace: str) -> None:
        self.last_use = asyncio.get_running_loop().time()


async def _upstream() -> None:
    server = await asyncio.get_running_loop().create_server(UpstreamServer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _edge(port: int) -> None:
    edge = EmbeddedEdge(SessionRouter(Upstream(host="127.0.0.1", port=port)), port=0)
    await edge.start()
    print(edge.port, flush=True)
    await asyncio.Event().wait()


def main(argv: list[str]) -> None:
    uvloop.run(_upstream() if argv[0] == "upstream" else _edge(int(argv[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
