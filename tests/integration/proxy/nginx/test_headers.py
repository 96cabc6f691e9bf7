"""What clients and workspaces say, and NGINX replaces or takes away."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.proxy.nginx.running import NginxEdge, nginx_edge
from tests.integration.proxy.raw import ask, request
from tests.integration.proxy.site import MemoryRouter, Site
from tests.integration.proxy.upstreams import OddUpstream
from vibecode.domain.cookies import may_set


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
