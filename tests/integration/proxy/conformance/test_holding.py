"""Requests that wait for a workspace."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.proxy.raw import ask, connect, request, until
from tests.integration.proxy.site import MemoryRouter, Site
from vibecode.domain.workspace import Phase


async def test_a_request_wakes_its_workspace_and_is_answered_when_it_runs(site: Site, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STOPPED
    async with connect(site) as client:
        body = b"kept"
        await client.send(request(site, "/echo", "Content-Length: 4", method="POST", body=body))
        await until(lambda: router.woken)
        router.phases["alice"] = Phase.RUNNING
        router.ready.set()
        assert json.loads((await client.reply()).body)["body"] == "kept"


async def test_a_large_body_waits_outside(site: Site, router: MemoryRouter) -> None:
    """What can't be passed on yet isn't read either."""
    router.phases["alice"] = Phase.STARTING
    size = 64 << 20
    async with connect(site) as client:
        sending = asyncio.create_task(
            client.send(request(site, "/upload", f"Content-Length: {size}", method="POST", body=bytes(size)))
        )
        await until(lambda: router.waiting)
        _, pending = await asyncio.wait([sending], timeout=0.5)
        assert pending
        router.phases["alice"] = Phase.RUNNING
        router.ready.set()
        assert json.loads((await client.reply()).body)["size"] == size
        await sending


async def test_a_workspace_that_fails_is_answered_503(site: Site, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STARTING
    async with connect(site) as client:
        await client.send(request(site))
        await until(lambda: router.waiting)
        router.phases["alice"] = Phase.FAILED
        router.ready.set()
        reply = await client.reply()
        assert (reply.status, reply.header("Retry-After")) == (503, "5")
        assert json.loads(reply.body)["code"] == "workspace_not_ready"


async def test_a_session_that_ends_meanwhile_is_not_let_in(site: Site, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STARTING
    async with connect(site) as client:
        await client.send(request(site))
        await until(lambda: router.waiting)
        router.sessions.clear()
        router.phases["alice"] = Phase.RUNNING
        router.ready.set()
        assert (await client.reply()).status == 401


async def test_a_client_that_leaves_is_waited_for_no_longer(site: Site, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STARTING
    async with connect(site) as client:
        await client.send(request(site))
        await until(lambda: router.waiting)
    await until(lambda: router.cancelled == ["alice"])


async def test_a_router_that_fails_is_answered_500_and_the_connection_goes_on(
    site: Site, router: MemoryRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(site) as client:
        with monkeypatch.context() as patched:
            patched.setattr(router, "route", None)
            await client.send(request(site))
            assert (await client.reply()).status == 500
        await client.send(request(site))
        assert (await client.reply()).status == 200


async def test_an_open_page_does_not_wake_a_stopped_workspace(site: Site, router: MemoryRouter) -> None:
    router.phases["alice"] = Phase.STOPPED
    reply = await ask(site, request(site, "/echo", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin"))
    assert (reply.status, reply.header("Retry-After")) == (503, "30")
    assert not router.woken
