"""The whole product in processes of its own, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from tests.support.require import require

LIMIT = 60.0
"""Seconds to wait for anything."""


def editors_folder() -> Path:
    """Return the folder of installed editors; the test is left out, or fails, without one."""
    from vibecode.settings import default_data_dir

    base = Path(os.environ.get("VIBECODE_TEST_DATA_DIR") or default_data_dir())
    if not (base / "editors" / "current").exists():
        require("editor", f"there is no editor in {base}; `make test` installs one")
    return base / "editors"


@dataclass(frozen=True)
class Answer:
    """A response of the API."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Product:
    """A server on a free port, with a data folder of its own."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""

    def start(self) -> None:
        """Start the server and wait until it answers; again on the port it had before."""
        reader, writer = os.pipe()
        log = (self.data_dir.parent / "server.log").open("ab")
        port = self.url.rpartition(":")[2] or "0"
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vibecode.server"],
            pass_fds=[writer],
            stdout=log,
            stderr=log,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("VIBECODE_")},
                "VIBECODE_DATA_DIR": str(self.data_dir),
                "VIBECODE_PORT": port,
                "VIBECODE_READY_FD": str(writer),
                **self.environment,
            },
        )
        os.close(writer)
        log.close()
        with os.fdopen(reader) as pipe:
            message = json.loads(pipe.readline() or "{}")
        if "url" not in message:
            self.process.wait()
            raise AssertionError(f"the server did not start: {message} {self.log()}")
        self.url = message["url"]

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server; workspaces go on."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(LIMIT)
            self.process = None

    def log(self) -> str:
        """Return the server's log."""
        return (self.data_dir.parent / "server.log").read_text()

    @property
    def port(self) -> int:
        """The public port."""
        return int(self.url.rpartition(":")[2])

    @property
    def token(self) -> str:
        """The command line's token."""
        return (self.data_dir / "run" / "cli.token").read_text()

    def workspace_url(self, name: str) -> str:
        """Return a workspace's origin."""
        return f"http://{name}.vibecode.localhost:{self.port}"

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        host: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request through the edge as a program would; ``token`` is the command line's if not given."""
        sent = {"Host": host or f"vibecode.localhost:{self.port}"}
        if token != "":
            sent["Authorization"] = f"Bearer {token or self.token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={**sent, **(headers or {})},
        )
        try:
            with _OPENER.open(request, timeout=LIMIT) as response:
                return Answer(response.status, _headers(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _headers(error.headers), error.read())

    def api(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """Call the API and return its JSON; any failure fails the test."""
        answer = self.request(method, f"/api/v1{path}", body, **options)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.body.decode()}"
        return answer.json if answer.body else None

    def create(self, name: str, **body: Any) -> Any:
        """Create a workspace and wait until it runs."""
        self.api("POST", "/workspaces", {"name": name, **body})
        return self.wait_for(name, "running")

    def wait_for(self, name: str, status: str) -> Any:
        """Wait until a workspace has a status."""

        def look() -> Any:
            workspace = self.api("GET", f"/workspaces/{name}")
            assert workspace["status"] == status or workspace["status"] != "failed", workspace["reason"]
            return workspace if workspace["status"] == status else None

        return wait_until(look, f"{name} is {status}")

    def login_link(self, user: str | None = None) -> str:
        """Return a one-time sign-in link."""
        link: str = self.api("POST", "/login-links", {"user": user})["url"]
        return link


def _headers(message: Message) -> dict[str, str]:
    """Return headers by lower-case name; several of one name are joined by line ends."""
    return {name.lower(): "\n".join(message.get_all(name, [])) for name in message}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def wait_until(look: Callable[[], Any], what: str, *, limit: float = LIMIT) -> Any:
    """Return what ``look`` returns once that is true; look often, and fail after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit:.0f} s in vain until {what}")
        time.sleep(0.05)


@contextmanager
def running_product(folder: Path, **environment: str) -> Iterator[Product]:
    """Run a product in ``folder``; at the end no process of it is left."""
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "editors").symlink_to(editors_folder())
    product = Product(data_dir, {"VIBECODE_ALLOW_LOCAL_SOURCES": "true", **environment})
    product.start()
    try:
        yield product
    finally:
        if product.process is None or product.process.poll() is not None:
            product.start()  # only a server knows its workspaces' processes
        names = [workspace["name"] for workspace in product.api("GET", "/workspaces?limit=200")["items"]]
        for name in names:
            product.request("DELETE", f"/api/v1/workspaces/{name}?purge=true")
        product.stop()
