from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
import structlog

from tests.integration.proxy.site import COOKIE, SECRET, MemoryRouter
from vibecode.domain.edges import Upstream
from vibecode.domain.workspace import Phase
from vibecode.services.edge_connections import MOST_ENTRIES, EdgeConnections
from vibecode.web.verify import VerifyApp, create_verify_app

HOST = "alice.vibecode.localhost"
OPEN_PAGE = {"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}
NAVIGATION = {"sec-fetch-mode": "navigate", "accept": "text/html"}


@pytest.fixture
def router() -> MemoryRouter:
    return MemoryRouter(
        upstreams={
            ("alice", None): Upstream(host="10.1.2.3", port=8080),
            ("alice", 3000): Upstream(host="fd00::1", port=8080),
        }
    )


class Client:
    """Asks an application without a server between."""

    def __init__(self, app: VerifyApp) -> None:
        self._app = app
        self.leave = asyncio.Event()

    async def call(self, path: str, headers: list[tuple[str, str]], *, method: str = "GET", body: bytes = b"") -> Any:
        messages: list[Any] = []
        sent = False

        async def receive() -> Any:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await self.leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            messages.append(message)

        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await self._app({"type": "http", "path": path, "method": method, "headers": raw}, receive, send)
        return messages

    async def ask(
        self, *more: tuple[str, str], uri: str = "/x?y", method: str = "GET", host: str = HOST, **fields: str
    ) -> dict[str, str]:
        headers = [("host", host), ("x-vibecode-method", method), ("x-vibecode-uri", uri), *more]
        headers += [(name.replace("_", "-"), value) for name, value in fields.items()]
        start = (await self.call("/auth/verify", headers))[0]
        assert start["status"] == 200
        return {name.decode(): value.decode("latin-1") for name, value in start["headers"]}


@pytest.fixture
def client(router: MemoryRouter) -> Client:
    return Client(create_verify_app(router))


async def test_a_request_for_the_editor_is_let_through_with_clean_cookies(client: Client) -> None:
    answer = await client.ask(("cookie", f"a=1; {COOKIE}"), ("cookie", "vibecode-state=x"), ("cookie", "b=2"))
    assert answer["x-vibecode-upstream"] == "10.1.2.3:8080"
    assert answer["x-vibecode-cookie"] == "a=1; b=2"
    assert (answer["x-vibecode-session"], answer["x-vibecode-workspace-id"]) == ("s1", "w-alice-1")
    assert SECRET not in str(answer)
    assert "x-vibecode-status" not in answer


async def test_without_other_cookies_there_is_no_cookie_header(client: Client) -> None:
    assert "x-vibecode-cookie" not in await client.ask(("cookie", COOKIE))


async def test_a_port_is_told_from_the_editor(client: Client) -> None:
    answer = await client.ask(("cookie", COOKIE), host=f"3000--{HOST}")
    assert (answer["x-vibecode-upstream"], answer["x-vibecode-preview"]) == ("[fd00::1]:8080", "1")
    assert "x-vibecode-page" not in answer
    assert (await client.ask(("cookie", COOKIE), host=f"3000--{HOST}", **NAVIGATION))["x-vibecode-page"] == "1"


@pytest.mark.parametrize(
    ("host", "fields", "status", "code"),
    [
        ("evil.example", {}, "421", "unknown_host"),
        (HOST, {"cookie": "vibecode=wrong"}, "401", "unauthenticated"),
        ("bob.vibecode.localhost", {"cookie": COOKIE}, "404", "workspace_not_found"),
        (HOST, {"cookie": COOKIE, "origin": "http://evil.example"}, "403", "cross_origin"),
        (f"3999--{HOST}", {"cookie": COOKIE}, "502", "port_closed"),
    ],
)
async def test_a_refusal_is_complete(client: Client, host: str, fields: dict[str, str], status: str, code: str) -> None:
    answer = await client.ask(*fields.items(), host=host)
    assert (answer["x-vibecode-status"], json.loads(answer["x-vibecode-problem"])["code"]) == (status, code)
    assert "x-vibecode-upstream" not in answer
    assert "x-vibecode-cache" not in answer


@pytest.mark.parametrize(
    ("host", "fields"),
    [
        ("vibecode.localhost", {}),
        (HOST, NAVIGATION),
        (f"3999--{HOST}", {"cookie": COOKIE, **NAVIGATION}),
    ],
)
async def test_what_has_a_page_goes_to_the_control_plane(client: Client, host: str, fields: dict[str, str]) -> None:
    answer = await client.ask(*fields.items(), host=host)
    assert answer == {"content-length": "0", "x-vibecode-upstream": "control-plane"}


@pytest.mark.parametrize(
    ("method", "fields", "repeated"),
    [
        ("GET", OPEN_PAGE, True),
        ("HEAD", OPEN_PAGE, True),
        ("GET", NAVIGATION, False),
        ("GET", {}, True),  # a program
        ("POST", OPEN_PAGE, False),
        ("OPTIONS", OPEN_PAGE, False),
        ("GET", {**OPEN_PAGE, "x-vibecode-upgrade": "websocket"}, False),
    ],
)
async def test_only_reads_may_be_repeated(client: Client, method: str, fields: dict[str, str], repeated: bool) -> None:
    answer = await client.ask(("cookie", COOKIE), *fields.items(), method=method)
    assert answer["x-vibecode-upstream"] == "10.1.2.3:8080"
    assert ("x-vibecode-cache" in answer) == repeated


@pytest.mark.parametrize("name", ["origin", "sec-fetch-site", "referer", "x-vibecode-method", "host"])
async def test_a_header_that_decides_may_come_only_once(client: Client, name: str) -> None:
    answer = await client.ask(("cookie", COOKIE), (name, "x"), (name, "x"))
    assert (answer["x-vibecode-status"], "duplicate_header" in answer["x-vibecode-problem"]) == ("400", True)


async def test_an_edge_that_says_too_little_is_told_so(router: MemoryRouter) -> None:
    messages = await Client(create_verify_app(router)).call("/auth/verify", [("host", HOST), ("cookie", COOKIE)])
    assert (b"x-vibecode-status", b"500") in messages[0]["headers"]


async def test_an_unknown_method_is_refused(client: Client) -> None:
    assert (await client.ask(("cookie", COOKIE), method="BREW"))["x-vibecode-status"] == "501"


async def test_a_router_that_fails_lets_nobody_through(
    client: Client, router: MemoryRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "route", None)
    with structlog.testing.capture_logs() as entries:
        assert (await client.ask(("cookie", COOKIE)))["x-vibecode-status"] == "500"
    assert [entry["event"] for entry in entries] == ["routing failed"]


async def test_a_held_request_is_answered_when_its_workspace_runs(client: Client, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STARTING
    asking = asyncio.create_task(client.ask(("cookie", COOKIE)))
    while not router.waiting:
        await asyncio.sleep(0)
    assert not asking.done()
    router.phases["alice"] = Phase.RUNNING
    router.ready.set()
    assert (await asking)["x-vibecode-upstream"] == "10.1.2.3:8080"


async def test_a_held_request_has_a_limit(router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STARTING
    answer = await Client(create_verify_app(router, hold_limit=0.05)).ask(("cookie", COOKIE))
    assert (answer["x-vibecode-status"], answer["x-vibecode-retry-after"]) == ("503", "5")


async def test_a_client_that_leaves_is_waited_for_no_longer(client: Client, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STARTING
    headers = [("host", HOST), ("x-vibecode-method", "GET"), ("x-vibecode-uri", "/"), ("cookie", COOKIE)]
    asking = asyncio.create_task(client.call("/auth/verify", headers))
    while not router.waiting:
        await asyncio.sleep(0)
    client.leave.set()
    assert await asyncio.wait_for(asking, 5) == []
    assert router.cancelled == ["alice"]


async def test_a_report_is_answered_with_what_has_to_end(router: MemoryRouter) -> None:
    used: list[str] = []
    connections = EdgeConnections(
        session_is_valid={"s1"}.__contains__, may_stay={"w1"}.__contains__, on_input=used.append
    )
    client = Client(create_verify_app(router, connections=connections))
    report = {
        "connections": [{"session": "s1", "workspace": "w1"}, {"session": "s2", "workspace": "w1"}],
        "input": ["w1"],
    }
    start, body = await client.call("/edge/v1/connections", [], method="POST", body=json.dumps(report).encode())
    assert start["status"] == 200
    assert json.loads(body["body"]) == {"end": [{"session": "s2", "workspace": "w1"}]}
    assert used == ["w1"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"connections": [1], "input": []}',
        b'{"connections": {}, "input": 1}',
        b'{"connections": [{"session": "s1", "workspace": 1}], "input": []}',
        json.dumps({"connections": [{"session": "s" * 65, "workspace": "w"}], "input": []}).encode(),
        json.dumps({"connections": [], "input": ["w"] * (MOST_ENTRIES + 1)}).encode(),
        json.dumps({"connections": [{"session": "s", "workspace": "w"}] * (MOST_ENTRIES + 1), "input": []}).encode(),
        json.dumps({"connections": [], "input": [], "more": "x" * 4_200_000}).encode(),
        b"[" * 100_000,
    ],
    ids=range(11),
)
async def test_a_report_that_is_broken_or_too_long_ends_nothing(router: MemoryRouter, body: bytes) -> None:
    connections = EdgeConnections(session_is_valid=bool, may_stay=bool, on_input=print)
    client = Client(create_verify_app(router, connections=connections))
    with structlog.testing.capture_logs() as entries:
        start = (await client.call("/edge/v1/connections", [], method="POST", body=body))[0]
    assert start["status"] == 400
    assert [entry["event"] for entry in entries] == ["an edge's report was refused"]


async def test_as_many_connections_as_an_edge_has_can_be_told(router: MemoryRouter) -> None:
    report = {
        "connections": [
            {"session": f"s-{number:016x}", "workspace": str(UUID(int=number))} for number in range(10_000)
        ],
        "input": [str(UUID(int=number)) for number in range(10_000)],
    }
    used: list[str] = []
    connections = EdgeConnections(
        session_is_valid=lambda session: session != f"s-{7:016x}", may_stay=bool, on_input=used.append
    )
    client = Client(create_verify_app(router, connections=connections))
    _, body = await client.call("/edge/v1/connections", [], method="POST", body=json.dumps(report).encode())
    assert json.loads(body["body"]) == {"end": [{"session": f"s-{7:016x}", "workspace": str(UUID(int=7))}]}
    assert len(used) == 10_000


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/", 404), ("/edge/v1/connections", 404)]
)
async def test_other_paths(client: Client, path: str, status: int) -> None:
    assert (await client.call(path, []))[0]["status"] == status
