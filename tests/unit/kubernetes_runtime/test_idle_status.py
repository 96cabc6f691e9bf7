"""What is known of the use of workspaces is in their objects when the server has ended."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog

from tests.unit.kubernetes_runtime.test_view import RUN, status, workspace_object
from vibecode.runtimes.kubernetes import idle_status
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import ApiUnavailable
from vibecode.runtimes.kubernetes.idle_status import IdleStatusWriter
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.view import Idle

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEPT = Idle(reason="kept: a request came just now", stops_at=None)


class ApiServer:
    """Takes statuses as a client does, or keeps whoever writes waiting."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, Any]] = {}
        self.reached = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.away = False

    async def apply_status(self, _resource: object, part: dict[str, Any], *, namespace: str) -> None:
        assert namespace == "w"
        self.reached.set()
        await self.answers.wait()
        if self.away:
            raise ApiUnavailable("away")
        self.statuses[part["metadata"]["uid"]] = part["status"]


@pytest.fixture
async def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def writer(server: ApiServer) -> IdleStatusWriter:
    writer = IdleStatusWriter(cast(Client, server), namespace="w", interval=1000)
    writer.open()
    return writer


def observe(uid: str = "uid-1") -> Observed:
    return Observed(workspace_object(status=status("Running", **RUN), uid=uid), lambda _: None)


async def test_the_last_use_is_written_at_the_end_though_a_write_is_under_way(
    server: ApiServer, writer: IdleStatusWriter
) -> None:
    alice = observe()
    server.answers.clear()
    writer.note(alice, NOW, KEPT)
    await asyncio.wait_for(server.reached.wait(), 60)
    writer.note(alice, NOW + timedelta(seconds=3), KEPT)
    server.answers.set()
    await writer.close()
    assert server.statuses["uid-1"]["lastActivity"] == "2026-11-24T09:00:03.000Z"


async def test_all_that_wait_are_written_at_the_end(server: ApiServer, writer: IdleStatusWriter) -> None:
    everybody = [observe(f"uid-{number}") for number in range(200)]
    for at in (NOW, NOW + timedelta(minutes=1)):
        for observed in everybody:
            writer.note(observed, at, KEPT)
        await asyncio.sleep(0)
    await writer.close()
    assert {written["lastActivity"] for written in server.statuses.values()} == {"2026-11-24T09:01:00.000Z"}
    assert len(server.statuses) == 200


@pytest.mark.parametrize("away", [True, False], ids=["refuses", "does not answer"])
async def test_an_api_server_that_is_away_does_not_keep_the_server_from_ending(
    server: ApiServer, writer: IdleStatusWriter, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    monkeypatch.setattr(idle_status, "_FLUSH_LIMIT", 0.05)
    server.away = away
    if not away:
        server.answers.clear()
    writer.note(observe(), NOW, KEPT)
    with structlog.testing.capture_logs() as entries:
        await asyncio.wait_for(writer.close(), 60)
    assert entries[-1]["event"] == "the idle status of some workspaces could not be written"
    assert server.statuses == {}
