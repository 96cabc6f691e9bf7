from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.proxy.test_chunked import cut
from vibecode.proxy.chunked import END, encode
from vibecode.proxy.inbox import Inbox
from vibecode.proxy.problems import Rejected

_bodies = st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=5)


def encoded(number: int, body: bytes, chunked: bool) -> bytes:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    head = b"POST /%d HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % (number, framing)
    if chunked:
        return head + (encode(body) if body else b"") + END
    return head + body


def read(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Feed an inbox, take requests as soon as they are there, and return target and body of each complete one."""
    inbox = Inbox()
    requests: list[tuple[bytes, bytes]] = []
    target, body = b"", b""
    for piece in pieces:
        inbox.feed(piece)
        while True:
            if inbox.at_head:
                request = inbox.take_head()
                if request is None:
                    break
                target, body = request.target, b""
            if not inbox.complete:
                if not inbox.size:
                    break
                body += inbox.take_body()
            if not inbox.complete:
                break
            requests.append((target, body))
            inbox.go_on()
    return requests


@given(bodies=_bodies, sizes=st.lists(st.integers(1, 150)))
def test_requests_are_told_apart_however_the_bytes_are_cut(bodies: list[tuple[bytes, bool]], sizes: list[int]) -> None:
    data = b"".join(encoded(number, body, chunked) for number, (body, chunked) in enumerate(bodies))
    assert read(cut(data, sizes)) == [(b"/%d" % number, body) for number, (body, _) in enumerate(bodies)]


def test_a_body_that_is_here_can_be_skipped() -> None:
    inbox = Inbox()
    inbox.feed(encoded(1, b"unread", False) + encoded(2, b"", False))
    inbox.take_head()
    assert inbox.skip_body()
    inbox.go_on()
    request = inbox.take_head()
    assert request is not None
    assert request.target == b"/2"


@pytest.mark.parametrize("data", [encoded(1, b"unread", False)[:-1], encoded(1, b"unread", True)])
def test_a_body_that_is_not_here_or_has_no_length_cannot(data: bytes) -> None:
    inbox = Inbox()
    inbox.feed(data)
    inbox.take_head()
    assert not inbox.skip_body()


def test_a_head_that_is_too_large_is_refused_before_and_after_it_ends() -> None:
    for end in (b"", b"\r\n\r\n"):
        inbox = Inbox()
        inbox.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (1 << 16) + end)
        with pytest.raises(Rejected, match="64 KiB"):
            inbox.take_head()
