"""A running product as a client sees it, whatever runs its workspaces."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any, Protocol

LIMIT = 60.0
"""Seconds to wait for anything."""


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


class Folder(Protocol):
    """A folder inside a workspace, looked at from outside."""

    def read(self, name: str) -> str | None:
        """Return what a file holds; None if it isn't there."""

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file, and the folders on the way to it."""


class ProductApi(ABC):
    """A product that answers on a port of this machine."""

    url: str
    """The dashboard's origin."""
    python: str = "python3"
    """The Python of a workspace's terminal."""
    limit: float = LIMIT
    """Seconds that a workspace may take to start or stop."""

    @property
    @abstractmethod
    def token(self) -> str:
        """The command line's token."""

    @abstractmethod
    def files(self, workspace: str) -> Folder:
        """Return the folder that a workspace's editor shows."""

    @abstractmethod
    def home(self, workspace: str) -> Folder:
        """Return a workspace's home."""

    @abstractmethod
    def is_alive(self, workspace: str, pid: int) -> bool:
        """Tell whether a process of a workspace still runs."""

    @abstractmethod
    def lose_server(self) -> None:
        """Kill the server without a warning, and bring it back."""

    @abstractmethod
    def free_port(self, workspace: str) -> int:
        """Return a port that nothing listens on in a workspace."""

    @property
    def port(self) -> int:
        """The public port."""
        return int(self.url.rpartition(":")[2]) if self.url.count(":") == 2 else 80

    @property
    def _suffix(self) -> str:
        return "" if self.port == 80 else f":{self.port}"

    def connect(self, host: str) -> socket.socket:
        """Return a connection over which ``host`` answers."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)

    def workspace_url(self, name: str) -> str:
        """Return a workspace's origin."""
        return f"http://{name}.vibecode.localhost{self._suffix}"

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
        sent = {"Host": host or f"vibecode.localhost{self._suffix}"}
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
            with _OPENER.open(request, timeout=self.limit) as response:
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

        return wait_until(look, f"{name} is {status}", limit=self.limit)

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
