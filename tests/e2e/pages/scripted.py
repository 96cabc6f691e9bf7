"""A control plane for one workspace, ``alice``, that does what a test says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from tests.support.ports import free_port
from vibecode.web.pages import content_security_policy, load_asset, render

DASHBOARD = "http://vibecode.localhost:1"

WORKBENCH_POLICY = (
    "default-src 'self'; img-src 'self' https: data: blob:; media-src 'self'; "
    "script-src 'self' 'unsafe-eval' blob: 'nonce-n'; child-src 'self'; frame-src 'self' data:; "
    "worker-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss: https:; "
    "font-src 'self' blob:; manifest-src 'self'"
)
"""What code-server sends with its workbench."""

# The tab script comes twice, as it does when a version of the editor brings it and the proxy adds it too.
FAKE_WORKBENCH = """<!doctype html><html lang="en"><head><title>workbench</title>
<script src="/.vibecode/tab.js" defer></script><script src="/.vibecode/tab.js" defer></script></head>
<body><h1>Workbench</h1><textarea aria-label="Editor"></textarea><div id="dialog" tabindex="0">Reconnecting</div>
<script type="module" src="/fake.js"></script></body></html>"""

# Reconnects for ever and keeps the keyboard to its dialog, as VS Code does.
FAKE_SCRIPT = """
window.keys = [];
const dialog = document.getElementById("dialog");
window.addEventListener("keydown", (event) => window.keys.push(event.key), true);
dialog.addEventListener("focusout", () => dialog.focus());
window.sockets = 0;
function connect() {
  const socket = new WebSocket(`ws://${location.host}/socket`);
  window.isSocket = socket instanceof WebSocket && WebSocket.OPEN === 1;
  socket.onopen = () => { window.sockets += 1; document.title = "connected"; };
  socket.onclose = () => { document.title = "lost"; setTimeout(connect, 300); };
}
connect();
"""


@dataclass
class Control:
    """State of the workspace, and the server in front of it."""

    phase: str = "running"
    reason: str = ""
    run: str = "run-1"
    signed_out: bool = False
    gone: bool = False
    log: list[str] = field(default_factory=list)
    starts: int = 0
    refuse_start: str | None = None
    listening: bool = False
    ports: list[dict[str, object]] = field(default_factory=list)
    upstream: Path | None = None
    """Socket of a real editor; without one, a fake workbench answers."""
    page: str | None = None
    """HTML to answer every navigation with, while it is not None."""
    agent: AgentEndpoint | None = None
    port: int = 0
    policy_violations: list[str] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _answers: asyncio.Lock = field(default_factory=asyncio.Lock)
    _runner: web.AppRunner | None = None
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://alice.vibecode.localhost:{self.port}"

    async def up(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/.vibecode/status", self._status)
        app.router.add_get("/.vibecode/events", self._events)
        app.router.add_post("/.vibecode/start", self._start)
        app.router.add_get("/.vibecode/port", self._port)
        app.router.add_get("/.vibecode/{name:tab.js}", self._asset)
        app.router.add_get("/.vibecode/assets/{name}", self._asset)
        app.router.add_post("/agent/v1/{call}", self._agent)
        app.router.add_route("*", "/{path:.*}", self._other)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        self.port = self.port or free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def down(self) -> None:
        """Go away, as a server that is killed: connections end, and nobody listens."""
        if self._runner is None:
            return
        await self.drop_sockets()
        runner, self._runner = self._runner, None
        async with self._changed:
            self._changed.notify_all()
        await runner.cleanup()

    async def drop_sockets(self) -> None:
        for socket in list(self._sockets):
            await socket.close()

    async def set(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        async with self._changed:
            self._changed.notify_all()

    async def say(self, *lines: str) -> None:
        await self.set(log=[*self.log, *lines])

    async def stop(self, reason: str) -> None:
        """Stop the workspace: its connections end, and its status tells."""
        await self.set(phase="stopped", reason=reason)
        await self.drop_sockets()

    @asynccontextmanager
    async def held_answer(self) -> AsyncIterator[None]:
        """Leave requests to start the workspace unanswered: it starts, and who asked for it does not know yet."""
        async with self._answers:
            yield

    def _refusal(self) -> web.Response | None:
        if self.signed_out:
            return web.json_response({"code": "unauthenticated"}, status=401)
        if self.gone:
            return web.json_response({"code": "workspace_not_found"}, status=404)
        return None

    def _state(self) -> dict[str, object]:
        return {
            "name": "alice",
            "phase": self.phase,
            "reason": self.reason,
            "canStart": True,
            "run": self.run,
            "dashboardUrl": DASHBOARD,
        }

    async def _status(self, _: web.Request) -> web.StreamResponse:
        return self._refusal() or web.json_response(self._state())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal():
            return refusal
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-store"})
        await response.prepare(request)

        async def send(event: str, data: object) -> None:
            await response.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

        with suppress(ConnectionError):  # the tab left
            await self._tell(send)
        return response

    async def _tell(self, send: Callable[[str, object], Awaitable[None]]) -> None:
        said, state = 0, None
        while self._runner is not None and self._refusal() is None:
            if state != self._state():
                state = self._state()
                await send("status", state)
            said = min(said, len(self.log))
            for text in self.log[said:]:
                await send("log", {"at": "2026-11-24T12:00:00Z", "text": text})
            said = len(self.log)
            async with self._changed:
                if state == self._state() and said == len(self.log) and self._runner is not None:
                    await self._changed.wait()

    async def _start(self, request: web.Request) -> web.StreamResponse:
        assert request.headers.get("origin") == self.url
        if refusal := self._refusal():
            return refusal
        self.starts += 1
        if self.refuse_start:
            return web.json_response({"code": "start_failed", "detail": self.refuse_start}, status=503)
        await self.set(phase="starting", reason="", log=[])
        async with self._answers:
            return web.Response(status=202)

    async def _port(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"listening": self.listening, "ports": self.ports})

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = load_asset(request.match_info["name"])
        if asset is None:
            return web.Response(status=404)
        headers = {
            "content-type": asset.media_type,
            "etag": asset.etag,
            "cache-control": asset.cache_control(request.query.get("v")),
        }
        return web.Response(body=asset.content, headers=headers)

    async def _agent(self, request: web.Request) -> web.StreamResponse:
        assert self.agent is not None
        return await self.agent.answer(request)

    async def _other(self, request: web.Request) -> web.StreamResponse:
        if self.page is not None and "text/html" in request.headers.get("accept", ""):
            return _html(self.page)
        if self.signed_out:
            return _html(render("signed-out", name="alice", sign_in_url=DASHBOARD), status=401)
        if self.phase != "running":
            page = render("waking", name="alice", phase=self.phase, reason=self.reason, dashboard_url=DASHBOARD)
            return _html(page, status=503)
        if self.upstream is not None:
            return await self._forward(request, self.upstream)
        if request.path == "/socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            self._sockets.add(socket)
            async for _ in socket:
                pass
            self._sockets.discard(socket)
            return socket
        if request.path == "/fake.js":
            return web.Response(text=FAKE_SCRIPT, content_type="text/javascript")
        return web.Response(
            text=FAKE_WORKBENCH, content_type="text/html", headers={"content-security-policy": WORKBENCH_POLICY}
        )

    async def _forward(self, request: web.Request, upstream: Path) -> web.StreamResponse:
        hop = {"connection", "upgrade", "keep-alive", "transfer-encoding", "content-length"}
        headers = {
            k: v for k, v in request.headers.items() if k.lower() not in hop and not k.lower().startswith("sec-w")
        }
        try:
            async with aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(upstream)), auto_decompress=False
            ) as session:
                if request.headers.get("upgrade", "").lower() == "websocket":
                    return await self._forward_socket(request, session, headers)
                async with session.request(
                    request.method,
                    f"http://alice{request.raw_path}",
                    headers=headers,
                    data=await request.read(),
                    allow_redirects=False,
                ) as answer:
                    kept = {k: v for k, v in answer.headers.items() if k.lower() not in hop}
                    return web.Response(body=await answer.read(), status=answer.status, headers=kept)
        except (aiohttp.ClientError, OSError):
            return web.Response(status=502)

    async def _forward_socket(
        self, request: web.Request, session: aiohttp.ClientSession, headers: dict[str, str]
    ) -> web.StreamResponse:
        async with session.ws_connect(f"http://alice{request.raw_path}", headers=headers, max_msg_size=0) as far:
            near = web.WebSocketResponse(max_msg_size=0)
            await near.prepare(request)
            self._sockets.add(near)

            async def up() -> None:
                async for message in near:
                    await (
                        far.send_bytes(message.data) if message.type is WSMsgType.BINARY else far.send_str(message.data)
                    )
                await far.close()

            pump = asyncio.create_task(up())
            try:
                async for message in far:
                    if near.closed:
                        break
                    await (
                        near.send_bytes(message.data)
                        if message.type is WSMsgType.BINARY
                        else near.send_str(message.data)
                    )
            except (ConnectionError, aiohttp.ClientError):
                pass
            finally:
                self._sockets.discard(near)
                await near.close()
                pump.cancel()
            return near


@dataclass
class AgentEndpoint:
    """The server's side of the extension's reports."""

    token: str = "agent-token"
    reports: list[dict[str, Any]] = field(default_factory=list)
    kept: int = 0
    next_answer: dict[str, object] = field(
        default_factory=lambda: {
            "reason": "kept: browser tab active 0 min ago",
            "stopsAt": None,
            "warning": False,
            "idleTimeoutSeconds": 1800,
            "reportAgainInSeconds": 5,
        }
    )

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        body = await request.json()
        if request.match_info["call"] == "keep-running":
            self.kept += 1
            self.next_answer |= {"reason": "kept: you asked for it", "stopsAt": None, "warning": False}
        else:
            self.reports.append(body)
        return web.json_response(self.next_answer)


def _html(text: str, *, status: int = 200) -> web.Response:
    headers = {"content-security-policy": content_security_policy(), "cache-control": "no-store"}
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


@asynccontextmanager
async def control(**state: Any) -> AsyncIterator[Control]:
    server = Control(**state)
    await server.up()
    try:
        yield server
    finally:
        await server.down()


async def eventually(condition: Any, *, seconds: float = 40, what: str = "the condition") -> None:
    """Wait until ``condition()`` is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        await asyncio.sleep(0.05)
