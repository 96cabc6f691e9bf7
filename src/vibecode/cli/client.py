"""The API's client of the command line: a server or cluster on this machine, or one elsewhere.

It uses the standard library alone: a command line that imports an HTTP framework answers a quarter of a second later.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from vibecode.domain.errors import ApiFailure, ServerUnreachable

if TYPE_CHECKING:
    from vibecode.cluster.access import Access

_TIMEOUT = 60.0
"""Seconds for an answer. What takes longer is told as a stream."""


class NotRunning(ServerUnreachable):
    """There is no server on this machine, not even one that doesn't answer."""

    def __init__(self) -> None:
        super().__init__("No server is running on this machine: start it with `vibecode up`.")


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, host: str) -> None:
        super().__init__(host)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One server-sent event."""

    event: str
    data: Any


class Client:
    """Calls the API.

    Parameters
    ----------
    data_dir
        Data folder of the server on this machine; it tells where the server listens. Not used where the variables
        VIBECODE_URL and VIBECODE_TOKEN name a server elsewhere.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def get(self, path: str, *, timeout: float = _TIMEOUT) -> Any:
        """Return the JSON of a resource."""
        return self._call("GET", path, timeout=timeout)

    def post(self, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> Any:
        """Send JSON and return the answer's."""
        return self._call("POST", path, body, headers=headers)

    def patch(self, path: str, body: object, *, headers: dict[str, str]) -> Any:
        """Change a resource and return the answer's JSON."""
        return self._call("PATCH", path, body, headers=headers)

    def delete(self, path: str) -> None:
        """Delete a resource."""
        self._call("DELETE", path)

    def items(self, path: str) -> list[Any]:
        """Return all items of a list, page by page."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            separator = "&" if "?" in path else "?"
            page = self.get(path + (f"{separator}cursor={quote(cursor)}" if cursor else ""))
            items += page["items"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return items

    def stream(self, path: str) -> Iterator[ServerEvent]:
        """Yield the server-sent events of a resource."""
        connection, response = self._send("GET", path, timeout=None)
        try:
            name, data = "message", ""
            for raw in response:
                line = raw.decode().rstrip("\r\n")
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    name = value
                elif field == "data":
                    data += value
                elif not line and data:
                    yield ServerEvent(event=name, data=json.loads(data))
                    name, data = "message", ""
        except (OSError, http.client.HTTPException):
            raise ServerUnreachable(f"The connection to the server was lost: {how_it_is()}") from None
        finally:
            connection.close()

    def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> Any:
        connection, response = self._send(method, path, body, headers=headers, timeout=timeout)
        try:
            content = response.read()
        except (OSError, http.client.HTTPException):
            raise ServerUnreachable("The server went away while it answered: try again.") from None
        finally:
            connection.close()
        return json.loads(content) if content else None

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float | None = _TIMEOUT,
        renewed: bool = False,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection, token = self._connect()
        connection.timeout = timeout
        sent = {"Authorization": f"Bearer {token}", "Accept": "*/*", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, f"/api/v1{path}", content, sent)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if url := _remote():
                why = getattr(error, "strerror", None) or error
                raise ServerUnreachable(
                    f"{url}, which VIBECODE_URL names, can't be reached ({why}): {how_it_is()}"
                ) from None
            raise self._no_answer(error) from None
        if response.status == 401 and not renewed and self._renew_token():
            connection.close()
            return self._send(method, path, body, headers=headers, timeout=timeout, renewed=True)
        if response.status >= 400:
            try:
                raise _failure(response)
            finally:
                connection.close()
        return connection, response

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        if url := _remote():
            return _remote_connection(url)
        server = running_server(self._data_dir)
        if server is not None:
            return _UnixConnection(server.socket, server.domain), _read_token(server.token_file)
        access = self._cluster()
        if access is None:
            raise NotRunning
        return access.connection(), _read_token(access.token_file)

    def _cluster(self) -> Access | None:
        from vibecode.cluster import access

        return access.in_use(self._data_dir)

    def _renew_token(self) -> bool:
        """Get anew what each start of a cluster's control plane makes anew; tell whether there is a cluster."""
        if _remote() or running_server(self._data_dir) is not None:
            return False
        from vibecode.cluster.access import renew_token

        return renew_token(self._data_dir)

    def _no_answer(self, error: Exception) -> ServerUnreachable:
        """Tell a server that hangs or is overloaded from one that has gone and left its file behind."""
        from vibecode.runtimes.local.layout import DataFolder

        server = running_server(self._data_dir)
        access = None if server is not None else self._cluster()
        if access is not None:
            return ServerUnreachable(
                f"The cluster {access.cluster} does not answer at {access.url} ({_why(error)}): `vibecode up` starts "
                "it if it is stopped, and `vibecode status` tells more."
            )
        # Its pid may be another program's by now; the lock can be nobody else's.
        if server is None or not DataFolder(self._data_dir).in_use():
            return NotRunning()
        return ServerUnreachable(
            f"The server (pid {server.pid}) does not answer ({_why(error)}): try again in a moment. "
            f"If that doesn't help, {self._data_dir / 'logs' / 'server.log'} may say why."
        )


def _read_token(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        raise ServerUnreachable(f"{path} can't be read: use the account that started the server.") from None


def _why(error: Exception) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else str(getattr(error, "strerror", None) or error)


def _remote() -> str:
    """Return the address of a server elsewhere that is meant; empty if it is this machine's."""
    return os.environ.get("VIBECODE_URL", "")


def _remote_connection(url: str) -> tuple[http.client.HTTPConnection, str]:
    token = os.environ.get("VIBECODE_TOKEN", "")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # of a port that is no number, or of half an IPv6 address
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host or not token:
        raise ServerUnreachable("VIBECODE_URL is an address such as https://code.example.org, with VIBECODE_TOKEN.")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ServerUnreachable(
            "VIBECODE_URL would send VIBECODE_TOKEN unencrypted through the network: use an address with https://."
        )
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(host, port), token


def _is_this_machine(host: str) -> bool:
    name = host.lower().rstrip(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def how_it_is() -> str:
    """Say what to do about a server that doesn't answer."""
    return "check the address and the network." if _remote() else "`vibecode status` tells more."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """What a running server leaves in its data folder for the command line."""

    pid: int
    url: str
    domain: str
    socket: str
    token_file: str
    version: str


def running_server(data_dir: Path) -> RunningServer | None:
    """Return what the server of a data folder left, None if none runs."""
    try:
        content = json.loads((data_dir / "run" / "server.json").read_text())
        server = RunningServer(**content)
        os.kill(server.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return server


def _failure(response: http.client.HTTPResponse) -> ApiFailure:
    """Turn a problem document into an error."""
    try:
        problem = json.loads(response.read())
        detail, code, status = str(problem["detail"]), str(problem["code"]), int(problem["status"])
    except (ValueError, KeyError, OSError, http.client.HTTPException):
        detail, code, status = f"The server answered with status {response.status}.", "http_error", response.status
    failure = ApiFailure(detail)
    failure.reported_code = code
    failure.reported_status = status
    return failure
