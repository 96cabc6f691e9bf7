"""The load of the proxy benchmark. None of it parses what it needn't, so that the proxies are what is measured."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from typing import cast

import uvloop

from benchmarks.proxy_server import BULK, COOKIE, FRAME, HOST, MASKED_FRAME, SMALL_END

_HEADERS = {
    "Host": f"{HOST}:8000",
    "Cookie": COOKIE,
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.9",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
}


@dataclass(frozen=True)
class Load:
    """What came through, and the seconds that it took."""

    amount: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.amount / self.seconds


def _request(path: str, *more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in _HEADERS.items()), *more]
    return "\r\n".join([*lines, "", ""]).encode()


def latencies(ports: list[int], seconds: float) -> list[list[float]]:
    """Return p50 and p99, in seconds, of requests one after the other on one connection to each port.

    The requests go to the ports in turn, so that whatever else the machine does harms all alike.
    """
    request = _request("/small")
    taken: list[list[float]] = [[] for _ in ports]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for port in ports]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for connection, times in zip(connections, taken, strict=True):
                started = time.perf_counter()
                connection.sendall(request)
                answer = connection.recv(65536)
                while not answer.endswith(SMALL_END):
                    more = connection.recv(65536)
                    if not more:
                        raise RuntimeError(f"no answer: {answer!r}")
                    answer += more
                times.append(time.perf_counter() - started)
    return [[sorted(times)[int(len(times) * share)] for share in (0.5, 0.99)] for times in taken]


def small_requests(port: int, seconds: float, *, of_a_page: bool = True) -> Load:
    """Send small requests on 32 kept connections, by wrk, a load generator in C: an open page's, or a program's."""
    command = ["wrk", "-t1", "-c32", f"-d{max(1, round(seconds))}s"]
    for name, value in _HEADERS.items():
        if of_a_page or not name.startswith("Sec-Fetch-"):
            command += ["-H", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{port}/small")
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    match = re.search(r"([0-9]+) requests in ([0-9.]+)s", out)
    if match is None or "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"the load met errors:\n{out}")
    return Load(int(match[1]), float(match[2]))


class _Pinger(asyncio.Protocol):
    """One WebSocket that sends a message whenever the one before came back."""

    def __init__(self, opened: asyncio.Future[None]) -> None:
        self._opened: asyncio.Future[None] | None = opened
        self._left = len(FRAME)
        self.messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            _request(
                "/socket",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                f"Origin: http://{HOST}:8000",
            )
        )

    def data_received(self, data: bytes) -> None:
        if self._opened is not None:
            if b" 101 " not in data or not data.endswith(b"\r\n\r\n"):
                self._opened.set_exception(RuntimeError(f"no WebSocket: {data!r}"))
            else:
                self._opened.set_result(None)
            self._opened = None
            return
        self._left -= len(data)
        if not self._left:
            self._left = len(FRAME)
            self.messages += 1
            self._transport.write(MASKED_FRAME)

    def start(self) -> None:
        self._transport.write(MASKED_FRAME)

    def stop(self) -> None:
        self._transport.abort()


async def _ping(port: int, seconds: float, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    pingers = []
    for _ in range(connections):
        opened: asyncio.Future[None] = loop.create_future()
        _, pinger = await loop.create_connection(partial(_Pinger, opened), "127.0.0.1", port)
        await opened
        pingers.append(pinger)
    started = time.perf_counter()
    for pinger in pingers:
        pinger.start()
    await asyncio.sleep(seconds)
    messages = sum(pinger.messages for pinger in pingers)
    elapsed = time.perf_counter() - started
    for pinger in pingers:
        pinger.stop()
    return Load(messages, elapsed)


def messages(port: int, seconds: float) -> Load:
    """Send 64-byte messages that come back, on 32 WebSockets with one message each under way."""
    return uvloop.run(_ping(port, seconds, 32))


def bulk_bytes(port: int, seconds: float) -> Load:
    """Download on one connection."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        started = time.perf_counter()
        total = 0
        while time.perf_counter() - started < seconds:
            connection.sendall(_request("/bulk"))
            left = BULK
            first = connection.recv_into(buffer)
            end = buffer.find(b"\r\n\r\n", 0, first)
            if b" 200 " not in buffer[:end]:
                raise RuntimeError("no bulk data")
            left -= first - end - 4
            while left:
                count = connection.recv_into(buffer)
                if not count:
                    raise RuntimeError("the bulk data was cut short")
                left -= count
            total += BULK
        return Load(total, time.perf_counter() - started)
