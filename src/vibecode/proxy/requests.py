"""Heads of requests."""

from __future__ import annotations

from typing import Final

from httptools import HttpRequestParser

from vibecode.domain.cookies import strip
from vibecode.domain.edges import EdgeRequest
from vibecode.proxy import headers
from vibecode.proxy.heads import Head, feed
from vibecode.proxy.problems import Rejected

IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
"""Methods that may be sent again (RFC 9110, 9.2.2)."""

_NOTED: Final = frozenset(
    {
        headers.HOST,
        headers.ORIGIN,
        headers.ACCEPT,
        headers.FETCH_DEST,
        headers.FETCH_MODE,
        headers.FETCH_SITE,
        headers.REFERER,
        headers.SERVICE_WORKER,
        headers.EXPECT,
        headers.UPGRADE,
    }
)
"""Fields whose value matters here; all but Accept come once."""
_NOT_PASSED: Final = frozenset({headers.HOST, headers.EXPECT, headers.UPGRADE})
"""Those of them that the edge writes itself."""


class RequestHead(Head):
    """A request's head."""

    def __init__(self) -> None:
        super().__init__()
        self.method = b""
        self.target = b""
        """Path and query."""
        self.host = b""
        self.http11 = True
        self.upgrade = False
        """Whether it asks for a WebSocket."""
        self.expect = False
        """Whether the client waits for 100 Continue."""
        self.cookies: list[bytes] = []
        self._noted: dict[int, bytes] = {}

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Sort a field in."""
        kind = headers.request_field(name)
        if kind:
            if kind in _NOTED:
                if kind in self._noted and kind != headers.ACCEPT:
                    raise Rejected(400, "duplicate_header", f"The header {name.decode('latin-1')} may come only once.")
                self._noted[kind] = value.strip(b" \t")
                if kind in _NOT_PASSED:
                    return
            elif kind == headers.COOKIE:
                self.cookies.append(value)
            else:
                self.frame(kind, value)
                return
        self.passed.append((kind, name, value))

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.chunked or bool(self.length)

    @property
    def wants_close(self) -> bool:
        """Whether the client wants the connection to end with the response."""
        return not self.http11 or b"close" in self.connection

    def settle(self) -> None:
        """Check what only the whole head can tell, and work out what the client asks for."""
        self.check_framing()
        noted = self._noted
        if headers.HOST not in noted:
            raise Rejected(400, "no_host", "The request has no Host header.")
        self.host = noted[headers.HOST]
        if self.chunked and not self.http11:
            raise Rejected(400, "bad_coding", "HTTP/1.0 knows no transfer codings.")
        if not self.target.startswith(b"/"):
            self.target = _origin_form(self.target, self.host)
        if headers.EXPECT in noted:
            if noted[headers.EXPECT].lower() != b"100-continue":
                raise Rejected(417, "unknown_expectation", "The only expectation understood here is 100-continue.")
            self.expect = self.http11
        if headers.UPGRADE in noted:
            # A server may ignore Upgrade (RFC 9110, 7.8), and then it isn't handed on.
            self.upgrade = (
                noted[headers.UPGRADE].lower() == b"websocket"
                and b"upgrade" in self.connection
                and self.method == b"GET"
                and self.http11
                and not self.has_body
            )

    def edge_request(self) -> EdgeRequest:
        """Return what the routing decision may see."""
        noted = self._noted
        return EdgeRequest(
            method=self.method.decode("latin-1"),
            host=self.host.decode("latin-1"),
            path=self.target.partition(b"?")[0].decode("latin-1"),
            origin=noted.get(headers.ORIGIN, b"").decode("latin-1"),
            upgrade="websocket" if self.upgrade else "",
            accept=noted.get(headers.ACCEPT, b"").decode("latin-1"),
            fetch_mode=noted.get(headers.FETCH_MODE, b"").decode("latin-1"),
            fetch_site=noted.get(headers.FETCH_SITE, b"").decode("latin-1"),
            fetch_dest=noted.get(headers.FETCH_DEST, b"").decode("latin-1"),
            referer=noted.get(headers.REFERER, b"").decode("latin-1"),
            service_worker=noted.get(headers.SERVICE_WORKER, b"").decode("latin-1"),
        )

    def forwarded(self, client: bytes, *, to_workspace: bool) -> bytes:
        """Return the head that goes to an upstream.

        Parameters
        ----------
        client
            Complete header lines about the client's connection (X-Forwarded-For, -Proto).
        to_workspace
            Whether our cookies are taken out.
        """
        parts = [self.method, b" ", self.target, b" HTTP/1.1\r\nHost: ", self.host, b"\r\n"]
        named = self.connection
        for kind, name, value in self.passed:
            if kind == headers.COOKIE and to_workspace and b"vibecode" in value:
                kept = strip(value.decode("latin-1"))
                if kept is None:
                    continue
                value = kept.encode("latin-1")
            if named and name.lower() in named:
                continue
            parts += (name, b": ", value, b"\r\n")
        if self.chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        elif self.length is not None:
            parts.append(b"Content-Length: %d\r\n" % self.length)
        if self.expect:
            parts.append(b"Expect: 100-continue\r\n")
        if self.upgrade:
            parts.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
        parts += (b"X-Forwarded-Host: ", self.host, b"\r\n", client, b"\r\n")
        return b"".join(parts)


def parse_request(data: bytes) -> RequestHead:
    """Read a request's head, which ends with its empty line.

    Raises
    ------
    Rejected
        If it is broken, ambiguous, or asks for what no edge does.
    """
    head = RequestHead()
    parser = HttpRequestParser(head)
    feed(parser, data)
    head.method = parser.get_method()
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise Rejected(505, "unknown_version", "Speak HTTP/1.1.")
    head.http11 = version == "1.1"
    if head.method in (b"CONNECT", b"TRACE"):
        raise Rejected(405, "method_refused", f"{head.method.decode()} is not served here.")
    head.settle()
    return head


def _origin_form(target: bytes, host: bytes) -> bytes:
    """Turn an absolute-form target into a path, if it names the same host as the Host header."""
    scheme, separator, rest = target.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    if not separator or scheme.lower() not in (b"http", b"https") or b"?" in authority:
        raise Rejected(400, "bad_target", "The request's target is not a path.")
    if authority.lower() != host.lower():
        raise Rejected(400, "two_hosts", "The request's target and its Host header name different hosts.")
    return slash + path or b"/"
