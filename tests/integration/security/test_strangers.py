"""What somebody without a session can make the server hold: memory, files, connections."""

from __future__ import annotations

import contextlib
import resource
import socket
from typing import BinaryIO, cast

import psutil
import pytest

from tests.support.product import Product

MIB = 1 << 20


def memory(product: Product) -> int:
    assert product.process is not None
    used: int = psutil.Process(product.process.pid).memory_info().rss
    return used


def skip_answer(stream: BinaryIO) -> None:
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    stream.read(length)


@pytest.mark.parametrize(
    ("path", "host"), [("/api/v1/session", "vibecode.localhost"), ("/agent/v1/report", "127.0.0.1")]
)
@pytest.mark.parametrize("coding", ["Content-Length: {size}", "Transfer-Encoding: chunked"])
def test_a_huge_body_is_refused_and_not_kept(product: Product, path: str, host: str, coding: str) -> None:
    before = memory(product)
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{coding}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as connection:
        connection.sendall(head.format(size=100 * MIB).encode())
        piece = b" " * MIB if "Length" in coding else b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
        with contextlib.suppress(OSError):
            for _ in range(64):
                connection.sendall(piece)
        if "Length" in coding:
            assert connection.recv(12) == b"HTTP/1.1 413"
        grown = memory(product) - before
    assert grown < 32 * MIB


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1\r\nHost: {number}{junk}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX{number}{junk}: 1\r\n\r\n",
    ],
    ids=["hosts", "header names"],
)
def test_what_somebody_makes_up_is_not_remembered(product: Product, line: str) -> None:
    with (
        socket.create_connection(("127.0.0.1", product.port), timeout=20) as connection,
        cast(BinaryIO, connection.makefile("rb")) as stream,
    ):

        def ask(number: int) -> None:
            connection.sendall(line.format(number=number, junk="a" * 60_000).encode())
            skip_answer(stream)

        for number in range(100):  # so that what any requests take is there before
            ask(number)
        before = memory(product)
        for number in range(100, 900):
            ask(number)
    assert memory(product) - before < 16 * MIB


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="another process's limits can be set on Linux alone")
def test_idle_connections_leave_the_server_files_to_work_with(product: Product) -> None:
    assert product.process is not None
    process = psutil.Process(product.process.pid)
    old = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (1024, old[1]))
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(1100):
                stack.enter_context(socket.create_connection(("127.0.0.1", product.port), timeout=20))
            last = stack.enter_context(socket.create_connection(("127.0.0.1", product.port), timeout=20))
            answer = last.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"too_many_connections" in answer
            assert process.num_fds() < 600
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, old)
