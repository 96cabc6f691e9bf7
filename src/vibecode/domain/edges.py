"""What an edge and the rest of VibeCode tell each other: a request, where it goes, and whose WebSockets are open.

Apart from the decision itself, and with no imports, since the tunnel's image holds it: each change here is another
image, and cuts the WebSockets of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RequestKind(Enum):
    """What a request is to the person behind it."""

    PAGE = "page"
    """A navigation: it can be answered with a page of ours."""
    FETCH = "fetch"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRequest:
    """The parts of a request that the decision may see. Header values are as received; absent is an empty string."""

    method: str
    host: str
    path: str
    """Path without the query."""
    origin: str = ""
    upgrade: str = ""
    accept: str = ""
    fetch_mode: str = ""
    """Sec-Fetch-Mode."""
    fetch_site: str = ""
    """Sec-Fetch-Site."""
    fetch_dest: str = ""
    """Sec-Fetch-Dest."""
    referer: str = ""
    service_worker: str = ""
    """Service-Worker: ``script`` where a browser fetches the program of a service worker."""

    @property
    def kind(self) -> RequestKind:
        """Tell a navigation from a fetch.

        ``Sec-Fetch-Mode: navigate`` is sent by every current browser to trustworthy origins; elsewhere (plain http) the
        Accept header has to do.
        """
        if self.upgrade.lower() == "websocket":
            return RequestKind.WEBSOCKET
        if self.method not in ("GET", "HEAD"):
            return RequestKind.FETCH
        if self.fetch_mode:
            return RequestKind.PAGE if self.fetch_mode == "navigate" else RequestKind.FETCH
        return RequestKind.PAGE if "text/html" in self.accept.lower() else RequestKind.FETCH

    @property
    def from_open_page(self) -> bool:
        """Whether a page that is open already sent it, rather than a person or a program that wants in."""
        return self.kind is not RequestKind.PAGE and bool(self.fetch_site or self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where a request goes: a Unix socket or a TCP address."""

    path: str | None = None
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """Whose WebSockets: all that one session holds to one workspace."""

    session: str
    """Id of the session's record."""
    workspace: str
    """Id of the workspace."""
