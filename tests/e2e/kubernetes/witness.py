"""Somebody who works in an editor while things around it break."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.e2e.kubernetes.edge import WebSocket, get, send, status, websocket
from tests.e2e.kubernetes.inhabitants import Listener
from tests.e2e.kubernetes.nodes import workspace_pod
from tests.integration.security.people import Person
from tests.support.cluster import PATIENCE, ClusterProduct
from tests.support.product_api import wait_until

_HELD: Final = 120.0
"""Seconds for an answer: a request is held for up to a minute while a workspace starts."""


@dataclass(frozen=True)
class Witness:
    """An open WebSocket into a workspace, and a session there."""

    cluster: ClusterProduct
    listener: Listener
    session: str
    socket: WebSocket
    container: str

    def is_connected(self) -> bool:
        """Tell whether what is typed still arrives, by the connection that was opened at first."""
        return self.socket.echoes(f"{time.monotonic()}")

    def is_served(self) -> bool:
        """Tell whether new requests get through as well."""
        return self.is_connected() and self.status() == 200

    def status(self) -> int:
        """Return the status of a new request to the workspace."""
        return status_of(self.cluster, self.listener.host, self.session)

    def is_undisturbed(self) -> bool:
        """Tell whether its container is the very one that it was."""
        return container_of(self.cluster, self.listener.workspace) == self.container


@contextlib.contextmanager
def at_work(cluster: ClusterProduct, person: Person, listener: Listener) -> Iterator[Witness]:
    """Connect somebody to a program in their workspace."""
    session = listener.session(person)
    with websocket(cluster, listener.host, session) as connection:
        witness = Witness(cluster, listener, session, connection, container_of(cluster, listener.workspace))
        assert witness.is_served()
        yield witness


def status_of(cluster: ClusterProduct, host: str, session: str, *, target: str = "/") -> int:
    """Return the status of a request with a session; 0 if the connection ends without an answer."""
    answer = send(cluster, get(host, f"Cookie: {session}", target=target), limit=_HELD)
    return status(answer) if answer else 0


def container_of(cluster: ClusterProduct, workspace: str) -> str:
    """Return the id of a workspace's container."""
    pod = workspace_pod(cluster, workspace)
    found: str = pod["status"]["containerStatuses"][0]["containerID"]
    return found


def holds(check: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Check again and again for a time, and fail as soon as it isn't so."""
    until = time.monotonic() + seconds

    def look() -> bool:
        assert check(), f"no longer: {what}"
        return time.monotonic() > until

    wait_until(look, what, limit=seconds + PATIENCE)
