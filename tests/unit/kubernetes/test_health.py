"""The operator's own HTTP answers."""

from __future__ import annotations

import re

import aiohttp

from tests.support.watch_server import serving
from tests.unit.kubernetes.objects import config
from vibecode.operator.health import serve_health
from vibecode.runtimes.kubernetes.controller import Controller
from vibecode.runtimes.kubernetes.election import Election

LINE = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')


async def test_health_and_metrics() -> None:
    async with serving() as (_, client):
        controller = Controller(client, config(), key=b"k" * 32, identity="one")
        election = Election(client, namespace="ns", name="lease", identity="one")
        client.requests["PATCH", "Deployment"] = 3
        client.received["GET", "Pod"] = 1_234_567_891
        async with (
            serve_health(controller, election, client, host="127.0.0.1", port=0) as port,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        ):
            async with session.get("/healthz") as answer:
                assert answer.status == 200
            # It doesn't know the cluster's objects yet.
            async with session.get("/readyz") as answer:
                assert answer.status == 503
            async with session.get("/metrics") as answer:
                text = await answer.text()
                assert answer.content_type == "text/plain"
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines)
    assert 'vibecode_operator_requests_total{method="PATCH",kind="Deployment"} 3' in lines
    # To the last byte: a rate of rounded counters stands still, and leaps.
    assert 'vibecode_operator_received_bytes_total{method="GET",kind="Pod"} 1234567891' in lines
    assert "vibecode_operator_leader 0" in lines
