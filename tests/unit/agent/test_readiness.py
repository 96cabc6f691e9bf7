"""The kubelet's question whether the editor has started."""

from __future__ import annotations

import socket
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from tests.support.ports import free_port
from tests.unit.agent.conftest import Agent, until
from vibecode.agent import readiness


def ask(port: int) -> socket.socket:
    """Send the question; the answer comes later."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nUser-Agent: kube-probe/1.36\r\nConnection: close\r\n\r\n")
    return connection


def status(connection: socket.socket) -> int:
    """Read the answer to its end."""
    with closing(connection):
        received = b""
        while piece := connection.recv(4096):
            received += piece
    assert received.startswith(b"HTTP/1.1 "), received
    return int(received[9:12])


def test_a_question_is_held_until_the_editor_answers() -> None:
    port, editor_port = free_port(), free_port()
    readiness.start(port, editor_port=editor_port, hold=30)
    asked = ask(port)
    seen: list[str] = []

    class Editor(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200 if len(seen) > 2 else 503)
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with HTTPServer(("127.0.0.1", editor_port), Editor) as editor:
        Thread(target=editor.serve_forever, daemon=True).start()
        assert status(asked) == 200
        # Whoever asks again, as the kubelet may after its own restart, is told how it is then.
        assert status(ask(port)) == 200
        editor.shutdown()
    assert seen == ["/healthz"] * 4


def test_a_question_is_not_held_for_ever() -> None:
    port = free_port()
    readiness.start(port, editor_port=free_port(), hold=0.1)
    # One whose asker has gone is in nobody's way.
    ask(port).close()
    assert status(ask(port)) == 503
    assert status(ask(port)) == 503


def test_it_can_be_asked_while_a_start_is_prepared(agent: Agent, tmp_path: Path) -> None:
    node, begun, go = tmp_path / "editors/4.0.1/bin/node", tmp_path / "begun", tmp_path / "go"
    prepares = 'if "--install-extension" in sys.argv:\n'
    wait = (
        f"    import time; Path({str(begun)!r}).touch()\n    while not Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    )
    node.write_text(node.read_text().replace(prepares, prepares + wait))
    agent.start(VIBECODE_EXTENSIONS='["publisher.name"]')
    until(begun.exists)
    asked = ask(agent.ready_port)
    go.touch()
    assert status(asked) == 200


def test_a_port_that_is_taken_is_named(agent: Agent) -> None:
    with socket.create_server(("", agent.ready_port)):
        assert agent.start().wait(30) == 65
    assert f"Port {agent.ready_port} is taken" in agent.message.read_text()
