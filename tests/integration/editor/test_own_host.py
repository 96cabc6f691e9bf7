"""The editor of a workspace in a cluster answers for its own name alone: an address may have become its by chance."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.editor.conftest import Workspace, wait_for_answer
from tests.support.ports import free_port
from vibecode.editor.additions import ensure
from vibecode.editor.launch import command_on_port
from vibecode.editor.model import Editor

pytestmark = pytest.mark.editor


@pytest.fixture
def port(editor: Editor, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An editor as a pod has it."""
    ensure(editor)
    number = free_port()
    argv = command_on_port(
        editor,
        address=f"0.0.0.0:{number}",
        session_socket=workspace.run / "session.sock",
        home=workspace.home,
        folder=workspace.files,
    )
    with workspace.running(argv, editor, VIBECODE_WORKSPACE="alice") as process:
        wait_for_answer(process, lambda: socket.create_connection(("127.0.0.1", number), 5))
        yield number


def elsewhere() -> str:
    """Return an address of this machine by which it is to itself like another one."""
    for found in psutil.net_if_addrs().values():
        for each in found:
            if each.family == socket.AF_INET and not each.address.startswith("127."):
                return str(each.address)
    raise AssertionError("this machine has no address but loopback ones")


def ask(
    port: int, host: str, *, at: str, path: str = "/", headers: dict[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(at, port, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, b"" if answer.status == 101 else answer.read(), answer
    finally:
        connection.close()


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def test_it_answers_to_its_own_name_alone(port: int) -> None:
    at = elsewhere()
    for host in ("alice.example.org", "ALICE.example.org:8000", "alice"):
        assert ask(port, host, at=at)[0] == 302, "to its folder"
        assert ask(port, host, at=at, path="/stable-x/socket?reconnectionToken=x", headers=UPGRADE)[0] == 101
    for host in ("bob.example.org", f"{at}:{port}", "alice2.example.org", "3000--alice.example.org", "x.alice"):
        for headers in ({}, {"Expect": "100-continue"}, UPGRADE):
            status, body, answer = ask(port, host, at=at, headers=headers)
            assert (status, json.loads(body)["code"]) == (421, "another_workspace")
            assert answer.getheader("Connection") == "close"
            assert answer.getheader("Retry-After") == "5"


def test_probes_and_its_own_pod_need_no_name(port: int) -> None:
    at = elsewhere()
    assert ask(port, f"{at}:{port}", at=at, path="/healthz")[0] == 200
    assert ask(port, "localhost:9000", at="127.0.0.1")[0] == 302


def test_what_the_editor_starts_is_not_like_it(editor: Editor, tmp_path: Path) -> None:
    """Extensions serve pages of their own, under any name."""
    argv = command_on_port(editor, address="x", session_socket=tmp_path, home=tmp_path, folder=tmp_path)
    guard = argv[1 : argv.index(str(editor.entry))]
    (tmp_path / "fork.js").write_text(
        """
        const { fork } = require('node:child_process');
        const [, , depth] = process.argv;
        console.log(depth, JSON.stringify(process.execArgv.length),
            require('node:http').Server.prototype.hasOwnProperty('emit'));
        if (depth === '0') process.env.CODE_SERVER_PARENT_PID = String(process.pid);
        if (depth < 2) fork(__filename, [String(Number(depth) + 1)]);
        """
    )
    found = subprocess.run(
        [str(editor.node), *guard, str(tmp_path / "fork.js"), "0"],
        env={"VIBECODE_WORKSPACE": "alice"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stderr == ""
    # code-server's own process, the one that serves, and an extension host.
    assert sorted(found.stdout.splitlines()) == ["0 2 false", "1 0 true", "2 0 false"]
