from __future__ import annotations

import pytest

from vibecode.domain.edges import Connection, Upstream
from vibecode.edge.handshake import parse_upstream, read_order
from vibecode.proxy.problems import Rejected

LINES = (
    "Host: alice.example",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Vibecode-Upstream: 10.1.2.3:8080",
    "X-Vibecode-Session: s1",
    "X-Vibecode-Workspace-Id: w1",
    "X-Vibecode-Name: The editor of workspace alice",
    "Cookie: theme=dark",
    "Sec-WebSocket-Key: x",
)


def head(*lines: str) -> bytes:
    return "\r\n".join(["GET /socket?x=1 HTTP/1.1", *lines, "", ""]).encode()


def test_an_order_says_where_and_for_whom() -> None:
    order = read_order(head(*LINES))
    assert order.upstream == Upstream(host="10.1.2.3", port=8080)
    assert order.connection == Connection("s1", "w1")
    assert order.name == "The editor of workspace alice"


def test_nothing_of_it_reaches_the_workspace_but_what_is_about_the_client() -> None:
    order = read_order(head(*LINES, "X-Vibecode-Anything: x"))
    sent = order.request.forwarded(order.forwarded, to_workspace=True).decode().split("\r\n")
    assert sent[0] == "GET /socket?x=1 HTTP/1.1"
    assert {"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: alice.example"} <= set(sent)
    assert {"Cookie: theme=dark", "Sec-WebSocket-Key: x", "Upgrade: websocket", "Connection: Upgrade"} <= set(sent)
    assert "vibecode" not in "".join(sent).lower()


@pytest.mark.parametrize(
    "missing", ["Upgrade", "Connection", "X-Vibecode-Upstream", "X-Vibecode-Session", "X-Vibecode-Workspace-Id"]
)
def test_an_order_without_an_essential_is_refused(missing: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_order(head(*(line for line in LINES if not line.startswith(missing + ":"))))
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "twice", ["X-Vibecode-Upstream: 10.6.6.6:80", "x-vibecode-session: s2", "X-Forwarded-For: 6.6.6.6"]
)
def test_an_edge_that_says_a_thing_twice_is_not_believed(twice: str) -> None:
    with pytest.raises(Rejected):
        read_order(head(*LINES, twice))


@pytest.mark.parametrize(
    ("text", "upstream"),
    [
        ("10.1.2.3:8080", Upstream(host="10.1.2.3", port=8080)),
        ("[fd00::1]:8080", Upstream(host="fd00::1", port=8080)),
        ("unix:/run/editor.sock:", Upstream(path="/run/editor.sock")),
    ],
)
def test_an_address_is_read_as_the_control_plane_writes_it(text: str, upstream: Upstream) -> None:
    assert parse_upstream(text) == upstream


@pytest.mark.parametrize(
    "text",
    ["", "10.1.2.3", "10.1.2.3:", "10.1.2.3:0", "10.1.2.3:70000", "10.1.2.3:-1", "name:80", "unix:x:", "control-plane"],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        parse_upstream(text)
