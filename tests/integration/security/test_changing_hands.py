"""A name is given to another workspace: what the last one of that name left running serves nobody."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.integration.security.people import arrive, enter, host_of, sign_in
from tests.support.product import Product, wait_until

ACCEPTED = b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbob"


class Survivor:
    """A program of a workspace that outlives it, with the connections that were made while it was one."""

    def __init__(self, workspace_id: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        # The workspace is found by this process; it ends with the workspace, and the other holder of the socket stays.
        self.child = subprocess.Popen(
            ["sleep", "600"],
            env={**os.environ, "VIBECODE_WORKSPACE_ID": workspace_id},
            pass_fds=[self.listener.fileno()],
        )
        self.seen: list[bytes] = []
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                self.seen.append(data)
                connection.sendall(ACCEPTED if b"websocket" in data else ANSWER)

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


@contextlib.contextmanager
def survivor(product: Product, name: str) -> Iterator[Survivor]:
    program = Survivor(product.api("GET", f"/workspaces/{name}")["id"])
    try:

        def listens() -> bool:
            found = product.api("GET", f"/workspaces/{name}/ports")["items"]
            return any(entry["port"] == program.port for entry in found)

        wait_until(listens, f"port {program.port} of {name} is found")
        yield program
    finally:
        program.close()


@contextlib.contextmanager
def websocket(product: Product, host: str, cookie: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as connection:
        connection.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 101")
        yield connection


def ended(connection: socket.socket) -> bool:
    """Whether the server ends a connection; a timeout fails the test."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(10) == b""
    return True


@pytest.mark.parametrize("deleted", [True, False])
def test_a_workspaces_connections_end_with_it(product: Product, deleted: bool) -> None:
    name = "ends" if deleted else "stops"
    owner = arrive(product, name)
    with survivor(product, name) as program:
        label = f"{program.port}--{name}"
        cookie = enter(product, owner.cookie, label)
        with websocket(product, host_of(product, label), cookie) as connection:
            if deleted:
                product.api("DELETE", f"/workspaces/{name}?purge=true")
            else:
                product.api("POST", f"/workspaces/{name}/stop")
            assert ended(connection)
    product.request("DELETE", f"/api/v1/workspaces/{name}?purge=true")


def test_the_next_owner_of_a_name_is_not_served_by_the_last_ones_program(product: Product) -> None:
    bob = arrive(product, "bob")
    product.api("POST", "/users", {"id": "anna"})
    anna = sign_in(product, "anna")
    with survivor(product, "bob") as program:
        label = f"{program.port}--bob"
        host = host_of(product, label)
        cookie = enter(product, bob.cookie, label)
        assert product.request("GET", "/", token="", host=host, headers={"Cookie": cookie}).body == b"bob"
        product.request("DELETE", "/api/v1/workspaces/bob?purge=true", token="", headers=bob.headers(product))
        headers = {"Cookie": anna, "Origin": product.url}
        assert product.request("POST", "/api/v1/workspaces", {"name": "bob"}, token="", headers=headers).status == 201
        product.wait_for("bob", "running")
        session = enter(product, anna, label)
        program.seen.clear()
        answer = product.request("GET", "/annas-secret", token="", host=host, headers={"Cookie": session})
        assert (answer.status, answer.json["code"]) == (502, "port_closed")
        assert program.seen == []
    product.api("DELETE", "/workspaces/bob?purge=true")
