"""The port where workspaces report: the token first, then how often, and only then what they say."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vibecode.domain.secrets import agent_token
from vibecode.proxy.listen import open_sockets
from vibecode.runtimes.base import ProcessReport
from vibecode.server.serving import serving
from vibecode.server.strangers import StrangerLimits
from vibecode.services.agents import SharedKey, SignedAgentTokens
from vibecode.web.agent_gate import BURST, MAX_REPORT, AgentGate
from vibecode.web.app import create_agent_app
from vibecode.web.dependencies import Services

KEY = bytes(range(32))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALICE, BOB, GONE = (f"Bearer {agent_token(KEY, uid)}" for uid in ("uid-alice", "uid-bob", "uid-gone"))


@dataclass
class Platform:
    """As much of the services as the port needs: two workspaces, and what was reported of them."""

    key: Path
    reports: list[tuple[str, ProcessReport]] = field(default_factory=list)

    def services(self) -> Services:
        workspaces = {
            f"uid-{name}": SimpleNamespace(id=f"uid-{name}", name=name, spec=SimpleNamespace(idle_timeout=1800))
            for name in ("alice", "bob")
        }
        return cast(
            Services,
            SimpleNamespace(
                agents=SignedAgentTokens(SharedKey(self.key)),
                workspaces=SimpleNamespace(by_id=workspaces.get),
                note_processes=lambda name, report: self.reports.append((name, report)),
                now=lambda: NOW,
            ),
        )


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    key = tmp_path / "key"
    key.write_bytes(KEY)
    return Platform(key)


class Caller:
    """Asks an application without a server between, and knows whether it has read the body."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.has_read = False

    async def post(self, path: str, *authorization: str, body: bytes = b"{}") -> tuple[int, dict[str, str]]:
        answers: list[Any] = []

        async def receive() -> Any:
            self.has_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            answers.append(message)

        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        headers += [(b"authorization", value.encode()) for value in authorization]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        await self._app(scope, receive, send)
        start = answers[0]
        return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}


@pytest.fixture
def caller(platform: Platform) -> Caller:
    return Caller(create_agent_app(platform.services()))


@pytest.mark.parametrize("path", ["/agent/v1/processes", "/agent/v1/report", "/agent/v1/keep-running", "/", "/docs"])
@pytest.mark.parametrize(
    "authorization",
    [
        (),
        ("",),
        ("Bearer",),
        (f"Basic {ALICE[7:]}",),
        (ALICE[:-1] + "x",),
        (GONE,),
        (ALICE, ALICE),
        ("Bearer x", ALICE),
    ],
)
async def test_without_a_token_nothing_of_the_body_is_read(
    caller: Caller, platform: Platform, path: str, authorization: tuple[str, ...]
) -> None:
    status, headers = await caller.post(path, *authorization, body=b"x" * MAX_REPORT)
    assert (status, headers["connection"]) == (401, "close")
    assert headers["www-authenticate"].startswith("Bearer")
    assert not caller.has_read
    assert platform.reports == []


async def test_with_one_a_report_is_taken(caller: Caller, platform: Platform) -> None:
    body = json.dumps({"busyCommand": "make", "memory": 7, "ports": []}).encode()
    status, headers = await caller.post("/agent/v1/processes", ALICE, body=body)
    assert (status, "connection" in headers) == (200, False)
    assert [(name, report.busy_command, report.received_at) for name, report in platform.reports] == [
        ("alice", "make", NOW)
    ]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/agent/v1/processes", b"x" * (MAX_REPORT + 1), 413),
        ("/agent/v1/processes", b"[" * MAX_REPORT, 400),
        ("/agent/v1/processes", b'{"ports": 1}', 422),
        ("/agent/v1/processes", json.dumps({"ports": [{"port": 1, "process": "x", "pid": 1}] * 201}).encode(), 422),
        ("/agent/v1/other", b"{}", 404),
    ],
)
async def test_what_is_no_report_is_refused(
    caller: Caller, platform: Platform, path: str, body: bytes, status: int
) -> None:
    assert (await caller.post(path, ALICE, body=body))[0] == status
    assert platform.reports == []


async def test_a_workspace_that_comes_too_often_waits_and_others_do_not(platform: Platform) -> None:
    now = 0.0
    behind = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        behind.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    caller = Caller(AgentGate(app, platform.services(), now=lambda: now))
    for _ in range(BURST):
        assert (await caller.post("/agent/v1/report", ALICE))[0] == 200
    status, headers = await caller.post("/agent/v1/processes", ALICE)
    assert (status, headers["retry-after"], headers["connection"]) == (429, "1", "close")
    assert len(behind) == BURST
    assert not caller.has_read
    assert (await caller.post("/agent/v1/processes", BOB))[0] == 200
    now += 1
    assert [(await caller.post("/agent/v1/processes", ALICE))[0] for _ in range(3)] == [200, 200, 429]


@pytest.fixture
async def port(platform: Platform) -> AsyncIterator[int]:
    sockets = open_sockets("127.0.0.1", 0)
    number: int = sockets[0].getsockname()[1]
    async with serving(create_agent_app(platform.services()), *sockets, strangers=StrangerLimits()):
        yield number


async def test_whoever_is_turned_away_loses_the_connection(port: int) -> None:
    for token, status in ((b"nobody's", b"401"), (ALICE[7:].encode(), b"404")):
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # The body never comes: it isn't waited for.
            writer.write(b"POST /agent/v1/x HTTP/1.1\r\nAuthorization: Bearer %b\r\nContent-Length: 9\r\n\r\n" % token)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + status)
            await reader.read()
            writer.close()


async def test_probes_are_answered_once_for_each_connection(port: int) -> None:
    def probe() -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("Connection")

    assert await asyncio.to_thread(probe) == (200, "close")
