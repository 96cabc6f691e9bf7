"""A server that speaks the LIST and WATCH protocol of one kind, and fails in ways that a real one rarely does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from lightkube.config.kubeconfig import KubeConfig

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.connection import Connection
from vibecode.runtimes.kubernetes.resources import Object


class WatchServer:
    """Holds objects in memory."""

    def __init__(self) -> None:
        self.version = 10
        self.oldest = 0
        """Versions before this are no longer kept: a watch from there is answered by 410."""
        self.objects: dict[str, Object] = {}
        self.requests: list[dict[str, str]] = []
        self.deleted: list[str] = []
        """Names of what was asked to be deleted."""
        self.failures: list[int] = []
        """Status codes to answer the next requests with."""
        self.ends_at_once = False
        """Whether watches are ended in good order as soon as they have told what they have to tell."""
        self._history: list[tuple[int, str, Object]] = []
        self._watches: list[tuple[asyncio.Queue[bytes | None], web.StreamResponse]] = []

    def put(self, name: str, **spec: Any) -> Object:
        kind = "MODIFIED" if name in self.objects else "ADDED"
        self.version += 1
        before = self.objects.get(name, {"metadata": {"uid": f"{name}-{self.version}"}})
        metadata = {"name": name, "uid": before["metadata"]["uid"], "resourceVersion": str(self.version)}
        self.objects[name] = {"metadata": metadata, "spec": spec}
        self._tell(kind, self.objects[name])
        return self.objects[name]

    def remove(self, name: str) -> None:
        self.version += 1
        gone = self.objects.pop(name)
        last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        self._tell("DELETED", last)

    def forget_history(self) -> None:
        """Compact, as etcd does every five minutes."""
        self.version += 1
        self.oldest = self.version
        self._history.clear()

    def bookmark(self) -> None:
        self.version += 1
        self._send({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.version)}}})

    def expire(self) -> None:
        """End the watches by the ERROR event that a server sends when it can't go on."""
        status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
        self._send({"type": "ERROR", "object": status})
        self.end()

    def send_raw(self, data: bytes) -> None:
        for queue, _ in self._watches:
            queue.put_nowait(data)

    def end(self) -> None:
        """End the watches in good order."""
        for queue, _ in self._watches:
            queue.put_nowait(None)

    def cut(self) -> None:
        """Cut the connections of the watches."""
        for _, response in self._watches:
            transport = response._req.transport if response._req is not None else None
            if transport is not None:
                transport.abort()

    @property
    def watches(self) -> list[dict[str, str]]:
        return [request for request in self.requests if "watch" in request]

    @property
    def lists(self) -> list[dict[str, str]]:
        return [request for request in self.requests if "watch" not in request]

    @property
    def watching(self) -> int:
        return len(self._watches)

    def _tell(self, kind: str, obj: Object) -> None:
        self._history.append((self.version, kind, obj))
        self._send({"type": kind, "object": obj})

    def _send(self, event: Object) -> None:
        self.send_raw(json.dumps(event).encode() + b"\n")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.requests.append(query)
        if self.failures:
            code = self.failures.pop(0)
            return web.json_response({"kind": "Status", "code": code, "message": "not now"}, status=code)
        return await self._watch(request, query) if "watch" in query else self._list(query)

    async def handle_delete(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self.deleted.append(name)
        if name in self.objects:
            self.remove(name)
        return web.json_response({"kind": "Status", "status": "Success"})

    def _list(self, query: dict[str, str]) -> web.Response:
        names = sorted(self.objects)
        start, version = 0, str(self.version)
        if "continue" in query:
            version, position = query["continue"].split("/")
            start = int(position)
        end = start + int(query["limit"])
        metadata = {"resourceVersion": version}
        if end < len(names):
            metadata["continue"] = f"{version}/{end}"
        return web.json_response({"metadata": metadata, "items": [self.objects[name] for name in names[start:end]]})

    async def _watch(self, request: web.Request, query: dict[str, str]) -> web.StreamResponse:
        version = int(query["resourceVersion"])
        if version < self.oldest:
            body = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            return web.json_response(body, status=410)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for at, kind, obj in self._history:
            if at > version:
                queue.put_nowait(json.dumps({"type": kind, "object": obj}).encode() + b"\n")
        if self.ends_at_once:
            queue.put_nowait(None)
        entry = (queue, response)
        self._watches.append(entry)
        try:
            while (data := await queue.get()) is not None:
                await response.write(data)
        except ConnectionError:
            pass
        finally:
            self._watches.remove(entry)
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[WatchServer, Client]]:
    """Have a server, and a client of it."""
    server = WatchServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    app.router.add_delete("/{path:.*}", server.handle_delete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = KubeConfig.from_server(f"http://127.0.0.1:{port}").get()
    assert config is not None
    client = Client(Connection(config), field_manager="test")
    try:
        yield server, client
    finally:
        server.end()
        await client.close()
        await runner.cleanup()
