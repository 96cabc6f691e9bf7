"""Upstreams for tests: a well-behaved one made with aiohttp, and one that writes odd bytes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar

from aiohttp import WSMessage, WSMsgType, web

PIECE = bytes(range(256)) * 256


@dataclass
class Seen:
    """What the well-behaved upstream saw."""

    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client left one of its endless answers."""
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an endless answer is under way."""
    closed_with: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)
    """Close codes of WebSockets."""
    sent: int = 0
    """Bytes of the endless answer handed to its socket so far."""


async def _echo(request: web.Request) -> web.Response:
    """Answer with what arrived."""
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "target": request.raw_path,
            "headers": [[key.decode("latin-1"), value.decode("latin-1")] for key, value in request.raw_headers],
            "body": body.decode("latin-1"),
        }
    )


async def _upload(request: web.Request) -> web.Response:
    """Count and hash a body without keeping it."""
    size = 0
    digest = hashlib.sha256()
    async for piece in request.content.iter_any():
        size += len(piece)
        if size <= 1 << 24:
            digest.update(piece)
    return web.json_response({"size": size, "sha256": digest.hexdigest()})


async def _download(request: web.Request) -> web.StreamResponse:
    """Send ``size`` bytes, with their number announced or not."""
    size = int(request.query["size"])
    response = web.StreamResponse()
    if "chunked" in request.query:
        response.enable_chunked_encoding()
    else:
        response.content_length = size
    await response.prepare(request)
    while size > 0:
        await response.write(PIECE[:size])
        size -= len(PIECE)
    return response


async def _file(request: web.Request) -> web.Response:
    """Serve 1,000 bytes, and ranges of them."""
    content = PIECE[:1000]
    if request.http_range.start is None:
        return web.Response(body=content, headers={"Accept-Ranges": "bytes", "ETag": '"v1"'})
    start, stop = request.http_range.start, request.http_range.stop or len(content)
    part = content[start:stop]
    return web.Response(
        status=206, body=part, headers={"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(content)}"}
    )


async def _status(request: web.Request) -> web.Response:
    status = int(request.match_info["status"])
    return web.Response(status=status, headers={"ETag": '"v1"'})


async def _cookies(request: web.Request) -> web.Response:
    """Send what the query says as Set-Cookie."""
    response = web.Response()
    for value in request.query.getall("c"):
        response.headers.add("Set-Cookie", value)
    response.headers["Clear-Site-Data"] = '"cookies"'
    return response


class GoodUpstream:
    """An aiohttp application that behaves well."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._runner: web.AppRunner | None = None

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.seen.streaming.set()
        try:
            while True:
                await response.write(PIECE)
                self.seen.sent += len(PIECE)
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.CancelledError):
            self.seen.abandoned.set()
            raise

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send one event, then nothing, until the client leaves."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        self.seen.streaming.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.seen.abandoned.set()
            raise
        return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        """Echo messages; the words ``close`` and ``die`` are orders."""
        socket = web.WebSocketResponse(protocols=("chat",), max_msg_size=1 << 26, autoping=True)
        await socket.prepare(request)
        try:
            async for message in socket:
                await self._obey(request, socket, message)
        finally:
            self.seen.closed_with.put_nowait(socket.close_code)
        return socket

    async def _obey(self, request: web.Request, socket: web.WebSocketResponse, message: WSMessage) -> None:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "close":
            await socket.close(code=4321, message=b"enough")
        elif message.data == "die":
            assert request.transport is not None
            request.transport.abort()
        elif message.data == "ping":
            await socket.ping(b"are you there")
        else:
            await socket.send_str(message.data)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 32)
        app.router.add_route("*", "/echo", _echo)
        app.router.add_post("/upload", _upload)
        app.router.add_get("/download", _download)
        app.router.add_get("/file", _file)
        app.router.add_get("/status/{status}", _status)
        app.router.add_get("/cookies", _cookies)
        app.router.add_get("/endless", self._endless)
        app.router.add_get("/events", self._events)
        app.router.add_get("/socket", self._socket)
        return app

    @contextlib.asynccontextmanager
    async def serve(self, path: str) -> AsyncIterator[None]:
        """Listen on a Unix socket."""
        runner = web.AppRunner(self.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.UnixSite(runner, path).start()
        try:
            yield
        finally:
            await runner.cleanup()


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class OddUpstream:
    """Reads a request's head and then does what its path says; what it got is in :attr:`requests`."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.lost = asyncio.Event()
        """Set when a connection of a ``/wait`` request ends."""
        self.proceed = asyncio.Event()
        """What ``/until-told`` waits for."""
        self.answers = dict(self.ANSWERS)
        """What it writes, by path."""
        self.heard = b""
        """What ``/half`` read until its end."""
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    ANSWERS: ClassVar[dict[bytes, bytes]] = {
        b"/eof": b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"/eof-10": b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntoo short",
        b"/short-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n64\r\ntoo short",
        b"/garbage": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"/nothing": b"",
        b"/two-lengths": (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ),
        b"/hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"/hop": (
            b"HTTP/1.1 200 OK\r\nConnection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n"
            b"Proxy-Authenticate: x\r\nTrailer: y\r\nX-Kept: 2\r\nContent-Length: 2\r\n\r\nok"
        ),
        b"/extra": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbogus",
        b"/chunked": (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
        ),
        b"/switch": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
        b"/early": b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
        b"/head-too-large": b"HTTP/1.1 200 OK\r\nX-Large: " + b"a" * (1 << 17) + b"\r\n\r\n",
    }
    KEPT = (b"/hints", b"/hop", b"/extra", b"/chunked")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                path = head.split(b" ")[1].partition(b"?")[0]
                if not await self._answer(path, head, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(
        self, path: bytes, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Do what ``path`` asks for; return whether the connection is kept."""
        if path == b"/once":
            # Answers one request, then closes the kept connection when the next one comes.
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.readuntil(b"\r\n\r\n")
            return False
        if path == b"/wait":
            await reader.read()
            self.lost.set()
            return False
        if path == b"/until-told":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            await self.proceed.wait()
            writer.write(b"+last")
            return True
        if path == b"/continue":
            if b"expect: 100-continue" in head.lower():
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(5)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
            return True
        if path == b"/half":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            said = self.heard = await reader.read()
            await asyncio.sleep(0.05)
            writer.write(b"heard: " + said)
            return False
        if path == b"/deaf":
            # Answers, and reads no body.
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await self.proceed.wait()
            return False
        if path == b"/refuse-body":
            writer.write(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
            return False
        writer.write(self.answers.get(path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        return path in self.KEPT or path not in self.answers

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen on a TCP port of this machine."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
