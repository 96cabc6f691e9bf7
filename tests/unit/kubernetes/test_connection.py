"""Connections to an API server end when they are to, whatever it does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster

from tests.support.nginx import make_certificate
from tests.support.product_api import LIMIT
from vibecode.runtimes.kubernetes.connection import Connection

WATCH = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nadded\n\r\n"
"""A line, and no end."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class HungServer:
    """Answers the first request of each connection, and reads nothing after that, so that it never says goodbye.

    A request for ``/silence`` has no answer at all.
    """

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        self.port = int(listener.getsockname()[1])
        self.requests = 0
        self._listener = listener
        self._tls = tls
        self._connections = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                connection = self._connections.enter_context(self._tls.wrap_socket(plain, server_side=True))
                request = connection.recv(65536)
                self.requests += 1
                if b"/silence" not in request:
                    connection.sendall(WATCH if b"/watch" in request else ANSWER)

    @property
    def clients(self) -> int:
        """How many connections to it are open in this process."""
        return sum(
            1
            for connection in psutil.Process().net_connections("tcp")
            if connection.raddr and connection.raddr.port == self.port
        )

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connections.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HungServer]:
    make_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = HungServer(listener, tls)
        yield server
        server.end()


@pytest.fixture
async def connection(server: HungServer) -> AsyncIterator[Connection]:
    cluster = Cluster(server=f"https://localhost:{server.port}", insecure=True)
    config = KubeConfig.from_one(cluster=cluster).get()
    assert config is not None
    connection = Connection(config)
    yield connection
    await connection.close()


async def test_a_watch_that_is_left_ends_its_connection_though_the_server_hangs(
    server: HungServer, connection: Connection
) -> None:
    for _ in range(3):
        lines = connection.lines("/watch", kind="Pod", query={}, silence=None)
        assert await anext(lines) == b"added"
        assert server.clients == 1
        await lines.aclose()
        async with asyncio.timeout(LIMIT):
            while server.clients:
                await asyncio.sleep(0)


async def test_a_request_that_is_given_up_ends_its_connection_though_the_server_hangs(
    server: HungServer, connection: Connection
) -> None:
    request = asyncio.ensure_future(connection.json("GET", "/silence", kind="Pod"))
    async with asyncio.timeout(LIMIT):
        while not server.requests:
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait([request])
        while server.clients:
            await asyncio.sleep(0)


async def test_a_connection_that_is_kept_for_later_is_closed_though_the_server_hangs(
    server: HungServer, connection: Connection
) -> None:
    assert await connection.json("GET", "/pods", kind="Pod") == {}
    assert server.clients == 1
    async with asyncio.timeout(LIMIT):
        await connection.close()
    assert server.clients == 0
