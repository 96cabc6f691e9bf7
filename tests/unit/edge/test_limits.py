"""What the tunnel takes of memory at most, by arithmetic and on a real one that nobody reads from."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.chart_values import PLATFORM
from tests.support.nginx import IMAGE
from tests.support.ports import free_port
from tests.unit.charts.rendering import platform
from tests.unit.edge.test_tunnel import order
from vibecode.edge import limits
from vibecode.edge.limits import TunnelLimits, fitting
from vibecode.proxy.limits import HEAD_LIMIT

MIB = 1024 * 1024


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": MIB, "Gi": 1024 * MIB}[quantity[-2:]]


@pytest.mark.parametrize("memory", [256 * MIB, 512 * MIB, 1024 * MIB, 4096 * MIB])
def test_all_that_fit_use_no_more_than_there_is(memory: int) -> None:
    assert limits.BASE + fitting(memory) * limits.PER_CONNECTION <= memory
    assert fitting(memory + limits.PER_CONNECTION) == fitting(memory) + 1
    # What it holds of a WebSocket that is being opened: a head from either side, as what is read later.
    assert HEAD_LIMIT <= limits._READ


def test_the_chart_tells_the_tunnel_its_memory_and_its_limits() -> None:
    container = platform({"edge": {"limits": {"websocketsPerSession": 3}}}).container("edge", "tunnel")
    variables = {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
    assert variables["VIBECODE_EDGE_MEMORY"] == {"resourceFieldRef": {"resource": "limits.memory"}}
    assert variables["VIBECODE_EDGE_SESSION_LIMIT"] == "3"
    assert variables["VIBECODE_EDGE_WORKSPACE_LIMIT"] == str(TunnelLimits().per_workspace)
    carried = fitting(mebibytes(container["resources"]["limits"]["memory"]))
    said = (PLATFORM.parent.parent / "docs/deployment.md").read_text()
    assert f"{carried // 100 * 100:,} with 1 GiB" in said
    assert carried > 4 * TunnelLimits().per_workspace
    values = (PLATFORM / "values.yaml").read_text()
    assert f"one for each {limits.PER_CONNECTION // 1024} KiB beyond {limits.BASE // MIB} MiB" in values


def test_bodies_of_requests_fit_on_the_edges_disk() -> None:
    lua, configuration = (IMAGE / "edge.lua").read_text(), (IMAGE / "nginx.conf.template").read_text()
    entrypoint = (IMAGE / "entrypoint.sh").read_text()

    def default(name: str) -> int:
        (found,) = re.findall(rf"\$\(setting {name} '[^']+' (\d+)\)", entrypoint)
        return int(found)

    (most,) = re.findall(r"MOST_LARGE_BODIES = (\d+)", lua)
    (small,) = re.findall(r"SMALL_BODY = (\d+)", lua)
    assert re.findall(r"client_body_buffer_size (\w+);", configuration) == [f"{int(small) // 1024}k"]
    volumes = {each["name"]: each for each in platform().pods()["edge"]["spec"]["volumes"]}
    room = mebibytes(volumes["tmp"]["emptyDir"]["sizeLimit"])
    assert default("WORKERS") * int(most) * default("BODY_LIMIT") <= room / 2
    # Nothing else of a client's goes there.
    assert "proxy_max_temp_file_size 0;" in configuration
    assert configuration.count("proxy_request_buffering on;") == 1


def resident(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


@pytest.fixture
def tunnel() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A tunnel as the image runs it."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VIBECODE_")}
    environment |= {
        "VIBECODE_EDGE_LISTEN": f"127.0.0.1:{port}",
        "VIBECODE_EDGE_CONTROL_PLANE": f"http://127.0.0.1:{free_port()}",
        "VIBECODE_EDGE_MEMORY": str(limits.BASE + 60 * limits.PER_CONNECTION),
        "VIBECODE_EDGE_DRAIN": "0",
    }
    process = subprocess.Popen([sys.executable, "-m", "vibecode.edge"], env=environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert b"tunnel started" in process.stderr.readline()
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def fill(connections: list[socket.socket]) -> int:
    """Send on all of them until none takes any more; return the bytes that they took."""
    taken, piece = 0, bytes(65536)
    while True:
        _, ready, _ = select.select([], connections, [], 1.0)
        if not ready:
            return taken
        for each in ready:
            taken += each.send(piece)


def test_who_reads_nothing_makes_it_keep_no_more_than_that(tunnel: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = tunnel
    with socket.create_server(("127.0.0.1", 0)) as workspace:
        # Ours are as small, so that filling them takes no time.
        limits.limit_buffers(workspace)
        ends: list[socket.socket] = []

        def opened() -> socket.socket:
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            limits.limit_buffers(client)
            client.sendall(order(workspace.getsockname()[1]))
            return client

        def answered(client: socket.socket) -> None:
            upstream, _ = workspace.accept()
            upstream.recv(4096)
            upstream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
            ends.extend((client, upstream))

        try:
            answered(opened())
            before = resident(process)
            for _ in range(59):
                answered(opened())
            with opened() as one_too_many:
                assert one_too_many.recv(4096).startswith(b"HTTP/1.1 503 ")
            for each in ends:
                each.setblocking(False)
            # Far more than it may keep was to be sent.
            assert fill(ends) > 0
            assert resident(process) - before <= 60 * (2 * limits._READ + limits._OBJECTS)
        finally:
            for each in ends:
                each.close()


def test_sockets_have_the_buffers_that_are_counted() -> None:
    with socket.socket() as connection:
        limits.limit_buffers(connection)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            assert connection.getsockopt(socket.SOL_SOCKET, option) <= limits._KERNEL


@pytest.mark.parametrize("name", ["SESSION_LIMIT", "WORKSPACE_LIMIT", "MEMORY"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_limit_that_is_none_is_said_in_one_line(name: str, value: str) -> None:
    environment = {**os.environ, f"VIBECODE_EDGE_{name}": value}
    command = [sys.executable, "-m", "vibecode.edge"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("Error: ")
