"""What NGINX asks the control plane, what it remembers, and what it says while somebody is away."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.proxy.nginx.running import NginxEdge
from tests.integration.proxy.raw import PATIENCE, ask, connect, request
from tests.integration.proxy.site import SECRET, MemoryRouter, Site
from tests.integration.proxy.upstreams import GoodUpstream
from vibecode.domain.edges import Upstream
from vibecode.domain.workspace import Phase

OPEN_PAGE = ("Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin")
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Accept: text/html")


async def test_reads_of_an_open_page_are_asked_about_once_and_soon_again(edge: NginxEdge, router: MemoryRouter) -> None:
    site = edge.site
    read = request(site, "/echo", *OPEN_PAGE)
    async with connect(site) as client:
        async with asyncio.timeout(20):
            while True:
                edge.asked.clear()
                for number in range(5):
                    await client.send(request(site, f"/echo?{number}", *OPEN_PAGE))
                    assert json.loads((await client.reply()).body)["target"] == f"/echo?{number}"
                if len(edge.asked) <= 1:
                    break  # else the machine was so slow that the answer ran out meanwhile
        router.sessions.clear()
        async with asyncio.timeout(PATIENCE):
            status = 200
            while status == 200:
                await client.send(read)
                status = (await client.reply()).status
                await asyncio.sleep(0.05)
        assert status == 401
        edge.asked.clear()
        for _ in range(3):
            await client.send(read)
            assert (await client.reply()).status == 401
        assert len(edge.asked) == 3  # a refusal is never remembered


@pytest.mark.parametrize(
    ("lines", "method", "target"),
    [
        (NAVIGATION, "GET", "/echo"),
        (OPEN_PAGE, "POST", "/echo"),
        (OPEN_PAGE, "PUT", "/echo"),
        ((*OPEN_PAGE, "Service-Worker: script"), "GET", "/_static/out/browser/serviceWorker.js"),
        (OPEN_PAGE, "GET", "/.vibecode/status"),
    ],
    ids=["page", "write", "upload", "service worker", "ours"],
)
async def test_pages_and_writes_are_asked_about_each_time(
    edge: NginxEdge, lines: tuple[str, ...], method: str, target: str
) -> None:
    async with connect(edge.site) as client:
        for _ in range(3):
            await client.send(request(edge.site, target, *lines, "Content-Length: 0", method=method))
            await client.reply()
    assert len(edge.asked) == 3


async def test_what_is_remembered_is_for_the_same_request_alone(edge: NginxEdge, router: MemoryRouter) -> None:
    site = edge.site
    good = request(site, "/echo", *OPEN_PAGE)
    for other in (
        good.replace(SECRET.encode(), b"wrong"),
        request(site, "/echo", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: cross-site"),
        request(site, "/echo", *OPEN_PAGE, "Origin: http://evil.example"),
        request(site, "/echo", *OPEN_PAGE, host="bob.vibecode.localhost"),
    ):
        assert (await ask(site, good)).status == 200
        assert (await ask(site, other)).status in (401, 403, 404)


async def test_a_remembered_cookie_header_is_the_clean_one(site: Site) -> None:
    for _ in range(3):
        data = request(site, "/echo", *OPEN_PAGE, "Cookie: theme=dark; vibecode-state=x")
        assert ["Cookie", "theme=dark"] in json.loads((await ask(site, data)).body)["headers"]


async def test_a_silent_port_has_a_page_for_people_and_a_sentence_for_programs(
    site: Site, router: MemoryRouter
) -> None:
    for address in (None, Upstream(host="127.0.0.1", port=9)):
        if address is not None:
            router.upstreams["alice", 3999] = address
        reply = await ask(site, request(site, "/echo", *NAVIGATION, host=site.silent))
        assert json.loads(reply.body)["headers"][0] == ["Host", site.silent]  # the control plane's stand-in
        assert ["Cookie", site.cookie] in json.loads(reply.body)["headers"]
        reply = await ask(site, request(site, "/echo", host=site.silent))
        assert (reply.status, json.loads(reply.body)["code"]) == (502, "port_closed")
        assert "port 3999 in workspace alice" in json.loads(reply.body)["detail"]


async def test_an_editor_that_is_away_is_said_so(site: Site, router: MemoryRouter) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=9)
    for lines in (NAVIGATION, OPEN_PAGE, OPEN_PAGE):
        reply = await ask(site, request(site, "/echo", *lines))
        assert (reply.status, reply.header("Retry-After")) == (503, "5")
        assert json.loads(reply.body)["detail"] == "The editor of workspace alice does not answer right now."


async def test_while_the_control_plane_is_away_people_get_a_page_that_looks_again(
    edge: NginxEdge, router: MemoryRouter
) -> None:
    (edge.folder / "verify.sock").unlink()
    reply = await ask(edge.site, request(edge.site, "/", *NAVIGATION))
    assert (reply.status, reply.header("Content-Type")) == (503, "text/html; charset=utf-8")
    assert b'http-equiv="refresh"' in reply.body
    reply = await ask(edge.site, request(edge.site, "/echo", *OPEN_PAGE))
    assert (reply.status, json.loads(reply.body)["code"]) == (503, "control_plane_unavailable")
    assert reply.header("Retry-After") == "5"


async def test_health_is_on_a_port_of_its_own(edge: NginxEdge) -> None:
    health = Site(host="127.0.0.1", port=edge.health_port)
    for target, status in (("/healthz", 200), ("/tunnel/healthz", 200), ("/", 404), ("/auth/verify", 404)):
        assert (await ask(health, request(health, target))).status == status
    await edge.tunnel.stop(0)
    assert (await ask(health, request(health, "/tunnel/healthz"))).status == 502


async def test_a_stopped_workspace_is_not_reached(site: Site, router: MemoryRouter, good: GoodUpstream) -> None:
    router.phases["alice"] = Phase.STOPPED
    reply = await ask(site, request(site, "/echo", *OPEN_PAGE))
    assert (reply.status, json.loads(reply.body)["code"]) == (503, "workspace_stopped")
