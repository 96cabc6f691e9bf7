from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.edges import RequestKind
from vibecode.proxy import headers
from vibecode.proxy.problems import Rejected
from vibecode.proxy.requests import parse_request
from vibecode.proxy.responses import parse_response

_name = st.text(st.sampled_from("abcXYZ019!#$%&'*+-.^_`|~"), min_size=1, max_size=15)
_value = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
_fields = st.lists(st.tuples(_name.map(lambda name: "Y-" + name), _value))

CLIENT = b"X-Forwarded-For: 10.0.0.1\r\n"


def request(*lines: str, target: str = "/", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: a.example", *lines, "", ""]).encode("latin-1")


def forwarded(data: bytes, *, to_workspace: bool = True) -> list[str]:
    return parse_request(data).forwarded(CLIENT, to_workspace=to_workspace).decode("latin-1").split("\r\n")


@given(_fields)
def test_fields_pass_in_order_and_byte_for_byte(fields: list[tuple[str, str]]) -> None:
    lines = [f"{name}: {value}" for name, value in fields]
    got = forwarded(request(*lines))
    assert got == [
        "GET / HTTP/1.1",
        "Host: a.example",
        *lines,
        "X-Forwarded-Host: a.example",
        CLIENT[:-2].decode(),
        "",
        "",
    ]


@given(_fields)
def test_what_is_written_reads_back_the_same(fields: list[tuple[str, str]]) -> None:
    head = parse_request(request(*(f"{name}: {value}" for name, value in fields)))
    again = parse_request(head.forwarded(b"", to_workspace=True))
    assert again.passed[: len(head.passed)] == head.passed
    assert (again.host, again.target, again.length, again.chunked) == (head.host, head.target, None, False)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for parse in (parse_request, parse_response):
        with contextlib.suppress(Rejected):
            parse(data + b"\r\n\r\n")


@given(
    st.lists(
        st.sampled_from(["X-Forwarded-For", "x-forwarded-HOST", "X_Forwarded_Proto", "Forwarded", "X-Vibecode-Id"])
    )
)
def test_what_a_client_must_not_say_never_passes(names: list[str]) -> None:
    got = forwarded(request(*(f"{name}: evil" for name in names)))
    assert not any("evil" in line for line in got)


def test_names_that_connection_mentions_are_for_this_connection_only() -> None:
    got = forwarded(request("Connection: keep-alive, X-One , x-TWO", "X-One: 1", "X-Two: 2", "X-Three: 3"))
    assert got[2] == "X-Three: 3"
    assert not any(line.startswith(("X-One", "X-Two", "Connection")) for line in got)


def test_the_router_sees_where_a_request_comes_from_and_what_for() -> None:
    seen = parse_request(request("Referer: http://a.example/b", "Service-Worker: script")).edge_request()
    assert (seen.referer, seen.service_worker) == ("http://a.example/b", "script")


def test_a_preview_widens_no_service_workers_reach() -> None:
    head = parse_response(b"HTTP/1.1 200 OK\r\nservice-worker-allowed: /\r\nX-One: 1\r\n\r\n")
    assert b"service-worker-allowed" not in head.forwarded(b"", workspace_host=b"a.example", preview=True)
    assert b"X-One: 1" in head.forwarded(b"", workspace_host=b"a.example", preview=True)
    # The editor's own worker is for all of its address.
    assert b"service-worker-allowed: /" in head.forwarded(b"", workspace_host=b"a.example")
    assert b"service-worker-allowed: /" in head.forwarded(b"", workspace_host=None)


def test_made_up_names_are_not_remembered_at_any_length() -> None:
    tables = (headers._request_table, headers._response_table)
    for lookup in (headers.request_field, headers.response_field):
        for number in range(5000):
            assert lookup(b"Y-%d" % number + b"a" * 100) == headers.PASS
    assert lookup(b"Y-" + b"a" * 100) == headers.PASS
    assert sum(len(name) for table in tables for name in table) <= 2 * 2048 * 64
    assert headers.request_field(b"X-Forwarded-" + b"a" * 100) == headers.DROP


def test_our_cookies_pass_to_the_control_plane_only() -> None:
    data = request("Cookie: vibecode=s; a=b", "Cookie: vibecode=t")
    assert [line for line in forwarded(data) if line.startswith("Cookie")] == ["Cookie: a=b"]
    both = [line for line in forwarded(data, to_workspace=False) if line.startswith("Cookie")]
    assert both == ["Cookie: vibecode=s; a=b", "Cookie: vibecode=t"]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (("Sec-Fetch-Mode: navigate",), RequestKind.PAGE),
        (("Sec-Fetch-Mode: cors", "Accept: text/html"), RequestKind.FETCH),
        (("Accept: text/html,*/*",), RequestKind.PAGE),
        (("Connection: keep-alive, Upgrade", "Upgrade: WebSocket"), RequestKind.WEBSOCKET),
        (("Upgrade: websocket",), RequestKind.FETCH),
        (("Connection: Upgrade", "Upgrade: h2c"), RequestKind.FETCH),
    ],
)
def test_the_router_sees_what_the_upstream_will(lines: tuple[str, ...], kind: RequestKind) -> None:
    head = parse_request(request(*lines))
    assert head.edge_request().kind is kind
    passed = head.forwarded(b"", to_workspace=True).lower()
    assert (b"upgrade: websocket" in passed) == (kind is RequestKind.WEBSOCKET)


def test_the_path_has_no_query() -> None:
    assert parse_request(request(target="/a?b=c?d")).edge_request().path == "/a"


def test_a_response_says_whether_the_connection_is_kept() -> None:
    kept = {"HTTP/1.1 200 OK": True, "HTTP/1.0 200 OK": False}
    for line, keep_alive in kept.items():
        assert parse_response(f"{line}\r\n\r\n".encode()).keep_alive is keep_alive
    assert not parse_response(b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n").keep_alive
    assert parse_response(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").keep_alive
