"""What is NGINX's own as an edge: its cache of decisions, its limits, and what it does when somebody is away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.proxy.nginx_edge import NginxEdge, nginx_edge
from tests.integration.proxy.raw import RawClient, ask, connect, request
from tests.integration.proxy.site import SECRET, MemoryRouter, Site
from tests.integration.proxy.upstreams import GoodUpstream, OddUpstream
from tests.support.nginx import IMAGE
from vibecode.agent import relay
from vibecode.domain.cookies import may_set
from vibecode.domain.edges import Upstream
from vibecode.domain.routing import SessionView
from vibecode.domain.workspace import Phase
from vibecode.edge.limits import TunnelLimits
from vibecode.proxy import activity

OPEN_PAGE = ("Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin")
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Accept: text/html")


@pytest_asyncio.fixture
async def edge(router: MemoryRouter, socket_folder: Path) -> AsyncIterator[NginxEdge]:
    async with nginx_edge(router, socket_folder) as running:
        yield running


@pytest.fixture
def site(edge: NginxEdge) -> Site:
    return edge.site


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def closed(message: aiohttp.WSMessage) -> bool:
    return message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def echo(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_str("still here")
    assert await socket.receive_str(timeout=10) == "still here"


# WebSockets, by the tunnel.


async def test_a_revoked_session_loses_its_websockets_and_nobody_elses(site: Site, router: MemoryRouter) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with aiohttp.ClientSession() as http:
        mine = await http.ws_connect(site.url + "/socket", headers=site.headers())
        others = await http.ws_connect(site.url + "/socket", headers=site.headers(Cookie="vibecode=other"))
        await echo(mine)
        del router.sessions[SECRET]
        assert closed(await mine.receive(timeout=10))
        await echo(others)
        router.generation += 1  # another workspace has the name now
        assert closed(await others.receive(timeout=10))


async def test_websockets_go_on_while_the_control_plane_is_away(edge: NginxEdge, router: MemoryRouter) -> None:
    site = edge.site
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(site.url + "/socket", headers=site.headers())
        edge.away.set()
        del router.sessions[SECRET]
        for _ in range(5):
            await asyncio.sleep(0.1)  # several reports fail
            await echo(socket)
        edge.away.clear()
        assert closed(await socket.receive(timeout=10))


async def test_input_on_a_websocket_is_reported_even_after_an_outage(
    edge: NginxEdge, router: MemoryRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "SETTLING", 0.0)
    monkeypatch.setattr(activity, "SLOT_CAP", activity.THRESHOLD)
    edge.away.set()
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(edge.site.url + "/socket", headers=edge.site.headers())
        await socket.send_bytes(bytes(40))
        await socket.receive_bytes(timeout=10)
        for _ in range(6):
            await socket.send_bytes(bytes(40))
            await socket.receive_bytes(timeout=10)
        assert router.used == []
        edge.away.clear()
        await until(lambda: router.used)
        assert set(router.used) == {router.id_of("alice")}


async def test_a_websocket_to_a_workspace_that_is_not_there_says_so(site: Site, router: MemoryRouter) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=9)
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    reply = await ask(site, request(site, "/socket", *handshake))
    assert (reply.status, reply.header("Retry-After")) == (503, "5")
    assert "editor of workspace alice" in json.loads(reply.body)["detail"]


# What a client says of itself.


async def test_what_is_ours_to_say_is_replaced_on_every_way(edge: NginxEdge, router: MemoryRouter) -> None:
    site = edge.site
    forged = {
        "X-Vibecode-Upstream": "10.6.6.6:80",
        "X-Vibecode-Session": "forged",
        "X-Vibecode-Workspace-Id": "forged",
        "X-Vibecode-Cookie": "forged=1",
        "X-Vibecode-Method": "forged",
        "X-Vibecode-Uri": "/forged",
        "X-Vibecode-Upgrade": "forged",
        "x-vibecode-anything": "forged",
        "X-Forwarded-For": "forged",
        "X-Forwarded-Proto": "forged",
        "X-Forwarded-Anything": "forged",
        "X-Real-IP": "forged",
        "Forwarded": "forged",
    }
    lines = [f"{name}: {value}" for name, value in forged.items()]
    for host in (site.workspace, site.dashboard):
        assert "forged" not in (await ask(site, request(site, "/echo", *lines, host=host))).body.decode()
    # A refused handshake shows what arrived, and WebSockets go another way than the rest.
    handshake = ("Connection: Upgrade", "Upgrade: websocket")
    reply = await ask(site, request(site, "/echo", *handshake, *lines))
    fields = {name.lower(): value for name, value in json.loads(reply.body)["headers"]}
    assert "forged" not in str(fields)
    assert (fields["upgrade"], fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (
        "websocket",
        "127.0.0.1",
        "http",
    )
    assert not any(name.startswith("x-vibecode") for name in fields)
    assert len(edge.asked) == 3
    assert "forged" not in str(edge.asked)
    assert [asked["x-vibecode-upgrade"] for asked in edge.asked if "x-vibecode-upgrade" in asked] == ["websocket"]


@pytest.mark.parametrize(("said", "meant"), [("https", "https"), ("http", "http"), ("wss", "https"), ("ws", "http")])
async def test_a_proxy_that_is_trusted_says_who_the_client_is(
    router: MemoryRouter, socket_folder: Path, said: str, meant: str
) -> None:
    async with nginx_edge(router, socket_folder, TRUSTED_PROXIES="127.0.0.0/8 fd00::/8") as edge:
        lines = ("X-Forwarded-For: 6.6.6.6, 10.1.2.3", f"X-Forwarded-Proto: {said}", "X-Forwarded-Prefix: /evil")
        reply = await ask(edge.site, request(edge.site, "/echo", *lines))
        fields = {name.lower(): value for name, value in json.loads(reply.body)["headers"]}
        assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == ("10.1.2.3", meant)
        assert "evil" not in reply.body.decode()
        assert edge.asked[0]["x-forwarded-proto"] == meant


# What a workspace says.


async def test_a_workspace_cannot_send_a_request_on_to_inner_places(site: Site, odd: OddUpstream) -> None:
    fields = b"X-Accel-Redirect: /.vibecode/-/verify\r\nX-Accel-Buffering: yes\r\nContent-Length: 2\r\n"
    odd.answers[b"/accel"] = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nok"
    reply = await ask(site, request(site, "/accel", host=site.preview))
    assert (reply.status, reply.body) == (200, b"ok")


async def test_cookies_of_workspaces_are_judged_as_by_the_embedded_edge(site: Site) -> None:
    names = ["vibecode", "__Host-vibecode", "vibecode-state", "__Host-vibecode-state", "Vibecode", "vibecodes", "", "a"]
    firsts = [
        f"{lead}{name}{blank}=x" for name in names for lead in ("", " ", "=", " ==\t", "\t") for blank in ("", " ")
    ]
    firsts += ["vibecode", "=vibecode", "x=vibecode=1", "a"]
    domains = ["", "; Domain", "; Domain=", "; domain = .", "; DOMAIN=ALICE.vibecode.localhost"]
    hosts = ["alice.vibecode.localhost", "vibecode.localhost", "localhost", "bob.vibecode.localhost"]
    domains += [
        f";{blank}Domain{blank}={blank}{dot}{host}" for blank in ("", " ") for dot in ("", ".") for host in hosts
    ]
    domains += ["; Domain=alice.vibecode.localhost; Domain=vibecode.localhost", "; Path=/; Secure; x-Domain=localhost"]
    cookies = [first + domain for first in firsts[:8] for domain in domains] + [first + "; Path=/" for first in firsts]
    for start in range(0, len(cookies), 100):
        some = cookies[start : start + 100]
        query = "&".join("c=" + quote(cookie) for cookie in some)
        wanted = [cookie.strip(" \t") for cookie in some if may_set(cookie, site.workspace + ":8000")]
        got = (await ask(site, request(site, f"/cookies?{query}", host=site.workspace + ":8000"))).all("Set-Cookie")
        assert got == wanted
    assert any(may_set(cookie, site.workspace) for cookie in cookies)


# What is asked, and what is remembered.


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
        async with asyncio.timeout(10):
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


# Connections to workspaces.


async def test_a_connection_to_a_workspace_serves_many_reads(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=odd.port)
    for _ in range(5):
        assert (await ask(site, request(site, "/ok", host=site.workspace))).status == 200
    assert odd.connections == 1


async def test_a_stale_connection_is_replaced_without_the_client_noticing(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    router.upstreams["alice", None] = Upstream(host="127.0.0.1", port=odd.port)
    for _ in range(3):
        assert (await ask(site, request(site, "/once", host=site.workspace))).status == 200
    assert odd.connections == 3


async def test_a_write_is_sent_once_and_on_a_connection_of_its_own(site: Site, odd: OddUpstream) -> None:
    assert (await ask(site, request(site, "/once", host=site.preview))).status == 200
    post = request(site, "/ok", "Content-Length: 1", method="POST", host=site.preview, body=b"x")
    assert (await ask(site, post)).status == 200
    assert (await ask(site, post.replace(b"/ok", b"/nothing"))).status == 502
    assert len(odd.requests) == 3


async def test_the_next_workspace_of_a_name_is_not_served_by_the_last_ones_program(
    site: Site, router: MemoryRouter, odd: OddUpstream
) -> None:
    async def status() -> int:
        return (await ask(site, request(site, "/ok", host=site.preview))).status

    assert await status() == 200
    router.generation += 1
    router.upstreams["alice", 3000] = router.upstreams["alice", 3001]
    async with asyncio.timeout(10):
        while await status() == 200:  # for a second the answer to the same question is the same
            await asyncio.sleep(0.05)
    seen = len(odd.requests)
    assert [await status() for _ in range(3)] == [404] * 3
    assert len(odd.requests) == seen


# Who is away.


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


# Limits.


async def test_a_large_body_is_not_for_the_control_plane(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, BODY_LIMIT="1000") as edge:
        site = edge.site
        fits = request(site, "/upload", "Content-Length: 1000", method="POST", host=site.dashboard, body=bytes(1000))
        assert (await ask(site, fits)).status == 200
        announced = request(
            site, "/upload", "Content-Length: 1001", method="POST", host=site.dashboard, body=bytes(1001)
        )
        reply = await ask(site, announced)
        assert (reply.status, reply.header("Content-Type")) == (413, "application/problem+json")
        assert b"body_too_large" in reply.body
        chunk = b"1f4\r\n" + bytes(500) + b"\r\n"
        for body, status in ((chunk * 2 + b"0\r\n\r\n", 200), (chunk * 3 + b"0\r\n\r\n", 413)):
            sent = request(site, "/upload", "Transfer-Encoding: chunked", method="POST", host=site.dashboard, body=body)
            assert (await ask(site, sent)).status == status
        own = request(site, "/upload", "Content-Length: 5000", method="POST", body=bytes(5000))
        assert (await ask(site, own)).status == 200


async def test_tries_to_sign_in_are_limited_and_nothing_else_is(site: Site) -> None:
    async with connect(site) as client:
        statuses = []
        for _ in range(30):
            await client.send(request(site, "/api/v1/session", "Content-Length: 0", method="POST", host=site.dashboard))
            reply = await client.reply()
            statuses.append(reply.status)
        assert statuses[:10] == [404] * 10
        assert 429 in statuses
        if statuses[-1] == 429:
            assert json.loads(reply.body)["code"] == "too_many_requests"
        for host, method in ((site.workspace, "POST"), (site.dashboard, "GET")):
            await client.send(request(site, "/api/v1/session", "Content-Length: 0", method=method, host=host))
            assert (await client.reply()).status == 404


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


# Ports inside a pod, which all have the relay's address.


async def test_each_port_behind_a_relay_is_its_own(site: Site, router: MemoryRouter) -> None:
    """A connection to the relay leads to one port for good, so NGINX may not use it for another."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = str(writer.get_extra_info("sockname")[1]).encode()
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(own), own))
        writer.close()

    listener = socket.create_server(("127.0.0.1", 0))
    relay.start(listener, workspace="alice", refused=())
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    for port in ports:
        router.upstreams["alice", port] = Upstream(host="127.0.0.1", port=listener.getsockname()[1])
    try:
        async with aiohttp.ClientSession() as http:
            for port in ports * 3:
                headers = site.headers(f"{port}--{site.workspace}")
                async with http.get(site.url + "/", headers=headers) as answer:
                    assert (answer.status, await answer.text()) == (200, str(port))
    finally:
        for server in servers:
            server.close()


# What one client may take.


def as_other(site: Site) -> Site:
    return replace(site, cookie="vibecode=other")


async def statuses(client: RawClient, count: int, sent: bytes) -> list[int]:
    """Send so many requests, one after the other, and return the answers' statuses."""
    found = []
    for _ in range(count):
        await client.send(sent)
        found.append((await client.reply()).status)
    return found


async def test_who_sends_too_many_requests_is_told_so_and_others_are_not(
    router: MemoryRouter, socket_folder: Path
) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with nginx_edge(router, socket_folder, REQUESTS="1", BURST="5") as edge, connect(edge.site) as client:
        site = edge.site
        others = request(as_other(site))
        # A session is known from its first answer on, and a client of its own then: all here have one address.
        assert (await statuses(client, 1, others), await statuses(client, 1, request(site))) == ([200], [200])
        mine = await statuses(client, 12, request(site))
        assert mine[:6] == [200] * 6
        assert 429 in mine
        await client.send(request(site))
        reply = await client.reply()
        if reply.status == 429:
            assert json.loads(reply.body)["code"] == "too_many_requests"
            assert reply.header("Retry-After") == "5"
        assert await statuses(client, 5, others) == [200] * 5


async def test_what_is_remembered_is_counted_too(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, REQUESTS="1", BURST="2") as edge, connect(edge.site) as client:
        found = await statuses(client, 12, request(edge.site, "/echo", *OPEN_PAGE))
        assert 429 in found


async def test_a_made_up_session_is_no_client_of_its_own(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, REQUESTS="1", BURST="5") as edge, connect(edge.site) as client:
        site = edge.site
        found = []
        for number in range(20):
            found += await statuses(client, 1, request(replace(site, cookie=f"vibecode=made-up-{number}")))
        assert 429 in found


async def test_who_has_too_much_open_is_told_so_and_others_are_not(router: MemoryRouter, socket_folder: Path) -> None:
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    async with nginx_edge(router, socket_folder, AT_ONCE="2") as edge, aiohttp.ClientSession() as http:
        site, others = edge.site, as_other(edge.site).headers()
        for headers in (site.headers(), others):
            async with http.get(site.url + "/echo", headers=headers) as answer:
                assert answer.status == 200
        mine = [await http.ws_connect(site.url + "/socket", headers=site.headers()) for _ in range(2)]
        async with http.get(site.url + "/echo", headers=site.headers()) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (429, "too_many_connections")
        async with http.get(site.url + "/echo", headers=others) as answer:
            assert answer.status == 200
        for socket in mine:
            await echo(socket)


async def test_websockets_of_a_session_and_to_a_workspace_have_limits(
    router: MemoryRouter, socket_folder: Path
) -> None:
    handshake = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    router.sessions["other"] = SessionView(id="s2", user="alice", is_admin=False)
    limits = TunnelLimits(per_session=2, per_workspace=3)
    async with nginx_edge(router, socket_folder, limits=limits) as edge, aiohttp.ClientSession() as http:
        site, others = edge.site, as_other(edge.site).headers()
        mine = [await http.ws_connect(site.url + "/socket", headers=site.headers()) for _ in range(2)]
        reply = await ask(site, request(site, "/socket", *handshake))
        assert (reply.status, reply.header("Retry-After")) == (429, "5")
        assert json.loads(reply.body)["detail"].startswith("You have too many WebSockets")
        another = await http.ws_connect(site.url + "/socket", headers=others)
        reply = await ask(site, request(as_other(site), "/socket", *handshake))
        assert reply.status == 429
        assert json.loads(reply.body)["detail"].startswith("Too many WebSockets are open to this workspace")
        await mine[0].close()
        await until(lambda: edge.tunnel.connections < 3)
        await echo(another)
        await echo(await http.ws_connect(site.url + "/socket", headers=site.headers()))


async def test_large_bodies_on_the_disk_have_a_limit_and_small_ones_go_by(site: Site) -> None:
    most = int(re.findall(r"MOST_LARGE_BODIES = (\d+)", (IMAGE / "edge.lua").read_text())[0])
    large = request(site, "/upload", "Content-Length: 20000", method="POST", host=site.dashboard, body=bytes(100))
    whole = request(site, "/upload", "Content-Length: 20000", method="POST", host=site.dashboard, body=bytes(20000))
    too_long = b"1f4\r\n" + bytes(500) + b"\r\n"
    chunked = request(
        site, "/upload", "Transfer-Encoding: chunked", method="POST", host=site.dashboard, body=too_long + b"broken"
    )
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(most):
            await (await stack.enter_async_context(connect(site))).send(large)

        async def full() -> bool:
            reply = await ask(site, whole)
            return reply.status == 503 and json.loads(reply.body)["code"] == "too_many_bodies"

        # Where a question itself took the last place, one of those was refused: so another one follows.
        async with asyncio.timeout(20):
            while not await full():
                await (await stack.enter_async_context(connect(site))).send(large)
        small = request(site, "/upload", "Content-Length: 9000", method="POST", host=site.dashboard, body=bytes(9000))
        assert (await ask(site, small)).status == 200
        own = request(site, "/upload", "Content-Length: 20000", method="POST", body=bytes(20000))
        assert (await ask(site, own)).status == 200
    # However they end, their places are free again.
    async with asyncio.timeout(20):
        while (await ask(site, whole)).status != 200:
            await asyncio.sleep(0.01)
    for _ in range(most + 1):
        assert (await ask(site, chunked)).status == 400
    assert (await ask(site, whole)).status == 200
