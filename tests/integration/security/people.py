"""Alice, whose things are attacked, and Mallory, who attacks them; both signed in as browsers do it."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tests.support.product import Product
from tests.support.product_api import Answer, ProductApi, wait_until

_PROGRAM: Final = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.command, self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"preview")

    do_POST = do_GET

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in at the dashboard and has a workspace of the same name that runs."""

    name: str
    cookie: str

    def headers(self, product: ProductApi) -> dict[str, str]:
        """What their dashboard sends with a changing request."""
        return {"Cookie": self.cookie, "Origin": product.url}


def cookie_of(answer: Answer) -> str:
    """Return the session that an answer sets."""
    found = re.search(r"^(__Host-vibecode=[^;]+)", answer.headers["set-cookie"], re.MULTILINE)
    assert found, answer.headers
    return found[1]


def sign_in(product: ProductApi, user: str | None = None) -> str:
    """Sign in as a browser does; return the cookie."""
    token = product.login_link(user).partition("#")[2]
    answer = product.request("POST", "/api/v1/session", {"token": token}, token="", headers={"Origin": product.url})
    assert answer.status == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "domain" not in cookie.lower()
    return cookie_of(answer)


def arrive(product: ProductApi, name: str) -> Person:
    """Add a user, sign them in and start a workspace of theirs."""
    product.api("POST", "/users", {"id": name})
    person = Person(name, sign_in(product, name))
    answer = product.request("POST", "/api/v1/workspaces", {"name": name}, token="", headers=person.headers(product))
    assert answer.status == 201
    product.wait_for(name, "running")
    return person


def enter(product: ProductApi, cookie: str, label: str) -> str:
    """Go from the dashboard to an address of a workspace; return the session there."""
    host = host_of(product, label)
    first = product.request("GET", "/", token="", host=host, headers={"Accept": "text/html"})
    state = re.search(r"^__Host-vibecode-state=[^;]+", first.headers["set-cookie"], re.MULTILINE)
    assert state
    asked = urlsplit(first.headers["location"])
    ticket = product.request("GET", f"{asked.path}?{asked.query}", token="", headers={"Cookie": cookie})
    way_in = urlsplit(ticket.headers["location"])
    answer = product.request("GET", f"{way_in.path}?{way_in.query}", token="", host=host, headers={"Cookie": state[0]})
    return cookie_of(answer)


def host_of(product: ProductApi, label: str) -> str:
    """Return the Host of an address of a workspace."""
    return urlsplit(product.workspace_url(label)).netloc


def status_of(
    product: ProductApi,
    method: str,
    path: str,
    headers: dict[str, str],
    body: object = None,
    *,
    host: str | None = None,
) -> tuple[int, str]:
    """Send a request; return status and media type without reading the answer, which may be an endless stream."""
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    try:
        content = None if body is None else json.dumps(body).encode()
        sent = {"Host": host or f"vibecode.localhost:{product.port}", **headers}
        if content is not None:
            sent["Content-Type"] = "application/json"
        connection.request(method, path, content, sent)
        response = connection.getresponse()
        return response.status, response.headers.get_content_type()
    finally:
        connection.close()


@dataclass(frozen=True)
class Program:
    """A program inside a workspace that listens on a port."""

    port: int
    process: subprocess.Popen[str]

    def requests(self) -> list[str]:
        """End it, and return the method and path of each request that it got."""
        self.process.terminate()
        said, _ = self.process.communicate()
        return said.splitlines()


@contextmanager
def program_in(product: Product, workspace: str) -> Iterator[Program]:
    """Run a program in a workspace as its terminal would: what tells is the mark in its environment."""
    marked = {**os.environ, "VIBECODE_WORKSPACE_ID": product.api("GET", f"/workspaces/{workspace}")["id"]}
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM], env=marked, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        port = int(process.stdout.readline())

        def listens() -> bool:
            found = product.api("GET", f"/workspaces/{workspace}/ports")["items"]
            return any(entry["port"] == port for entry in found)

        try:
            wait_until(listens, f"port {port} of {workspace} is found")
            yield Program(port, process)
        finally:
            process.terminate()
