"""Requests that two readers could tell apart differently, sent through the edge to uvicorn and to code-server.

Each is followed by a next one on the same connection. Had the edge and the server behind it different opinions on where
the first ends, the next one's answer would be another's: what is hidden in a body would be answered as a request.
"""

from __future__ import annotations

import socket
from typing import BinaryIO, Final, cast

import pytest

from tests.integration.security.people import Person, enter, host_of
from tests.support.product import Product

HIDDEN: Final = b'"status"'
"""What only the answer to the hidden request, /healthz, holds."""
MARKS: Final = {"control plane": ("/api/v1/nowhere", b"not_found"), "editor": ("/robots.txt", b"User-agent")}
"""By server, the next request and what its answer holds."""


def hidden(host: str) -> str:
    return f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"


def chunks(text: str) -> str:
    return f'{len(text):x};ext="a"\r\n{text}\r\n0\r\nContent-Length: 9\r\nX-Trailer: 1\r\n\r\n'


CASES: Final = {
    "a body that nobody reads": ("GET", "/", ("Content-Length: {n}",), "{hidden}"),
    "a body for a method that has none": ("DELETE", "/nowhere", ("Content-Length: {n}",), "{hidden}"),
    "HEAD with a body": ("HEAD", "/", ("Content-Length: {n}",), "{hidden}"),
    "HEAD": ("HEAD", "/", (), ""),
    "chunks with extensions and trailers": ("POST", "/nowhere", ("Transfer-Encoding: chunked",), "{chunks}"),
    "chunks for GET": ("GET", "/", ("Transfer-Encoding: chunked",), "{chunks}"),
    "underscores": (
        "POST",
        "/",
        ("Content_Length: 0", "Transfer_Encoding: x", "Content-Length: {n}"),
        "{hidden}",
    ),
    "an expectation": ("POST", "/nowhere", ("Expect: 100-continue", "Content-Length: {n}"), "{hidden}"),
    "an upgrade to h2c": (
        "POST",
        "/",
        (
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
            "Content-Length: {n}",
        ),
        "{hidden}",
    ),
    "a WebSocket with a body": (
        "GET",
        "/",
        ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Content-Length: {n}"),
        "{hidden}",
    ),
    "a WebSocket that is refused": (
        "GET",
        "/.vibecode/status",
        ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 12", "Origin: https://evil.example"),
        "",
    ),
    "a length named by Connection": ("POST", "/", ("Connection: Content-Length", "Content-Length: {n}"), "{hidden}"),
    "empty lines before the next": ("GET", "/", (), "\r\n\r\n"),
}


def read_answer(stream: BinaryIO, method: str) -> tuple[dict[str, str], bytes] | None:
    """Read a response that is not interim; None at the connection's end."""
    while True:
        line = stream.readline()
        if not line:
            return None
        status = int(line.split()[1])
        headers: dict[str, str] = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if status >= 200:
            break
    if method == "HEAD" or status in (204, 304):
        return headers, b""
    if headers.get("transfer-encoding") != "chunked":
        return headers, stream.read(int(headers["content-length"]))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size + 2)[:-2]
    stream.readline()
    return headers, body


def exchange(product: Product, where: str, host: str, line: str, case: str) -> list[bytes]:
    """Send a case and the next request at once; return the answers' bodies until the connection ends."""
    method, path, own, body = CASES[case]
    content = body.format(hidden=hidden(host), chunks=chunks(hidden(host)))
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", line, *(field.format(n=len(content)) for field in own)]
    mark = f"GET {MARKS[where][0]} HTTP/1.1\r\nHost: {host}\r\n{line}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.port), 20) as connection:
        connection.sendall(("\r\n".join(head) + "\r\n\r\n" + content + mark).encode())
        stream = cast(BinaryIO, connection.makefile("rb"))
        bodies = []
        asked = method
        while (answer := read_answer(stream, asked)) is not None:
            headers, content_read = answer
            bodies.append(content_read)
            asked = "GET"
            if headers.get("connection") == "close":
                assert stream.read() == b""
                break
        return bodies


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("where", MARKS)
def test_both_sides_agree_where_a_request_ends(product: Product, alice: Person, where: str, case: str) -> None:
    host, line = f"vibecode.localhost:{product.port}", f"Authorization: Bearer {product.token}"
    if where == "editor":
        host, line = host_of(product, "alice"), f"Cookie: {enter(product, alice.cookie, 'alice')}"
    # Again, since what a first exchange left behind is found by the next one on the same upstream connection.
    for _ in range(2):
        first, *rest = exchange(product, where, host, line, case)
        assert HIDDEN not in first or b'"status":4' in first.replace(b" ", b"")
        assert len(rest) <= 1
        assert all(MARKS[where][1] in body for body in rest)
