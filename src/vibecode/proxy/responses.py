"""Heads of responses."""

from __future__ import annotations

from typing import Final

from httptools import HttpResponseParser

from vibecode.domain.cookies import may_set
from vibecode.proxy import headers
from vibecode.proxy.heads import Head, feed
from vibecode.proxy.problems import Rejected

_JUDGED: Final = frozenset({headers.SET_COOKIE, headers.CLEAR_SITE_DATA, headers.SERVICE_WORKER_ALLOWED})
"""Fields that pass or not by who answers."""


class ResponseHead(Head):
    """A response's head."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.reason = b""
        self.http11 = True
        self.upgrade = b""

    def on_status(self, reason: bytes) -> None:
        """Take a piece of the reason."""
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Sort a field in."""
        kind = headers.response_field(name)
        if kind and kind not in _JUDGED:
            if kind == headers.UPGRADE:
                self.upgrade = value.strip(b" \t").lower()
            else:
                self.frame(kind, value)
            return
        self.passed.append((kind, name, value))

    @property
    def keep_alive(self) -> bool:
        """Whether the upstream keeps the connection after this response."""
        if b"close" in self.connection:
            return False
        return self.http11 or b"keep-alive" in self.connection

    def forwarded(self, extra: bytes, *, workspace_host: bytes | None, preview: bool = False) -> bytes:
        """Return the head that goes to the client.

        Parameters
        ----------
        extra
            Complete header lines on framing and connection.
        workspace_host
            The request's Host if a workspace answered. Such a response sets no cookie of ours and none for a parent
            domain, and clears no site data: Clear-Site-Data reaches a whole domain's cookies, so it would sign out.
        preview
            Whether a program of the workspace answered, rather than its editor. It widens no service worker's reach.
        """
        parts = [b"HTTP/1.1 %d " % self.status, self.reason, b"\r\n"]
        named = self.connection
        for kind, name, value in self.passed:
            if kind and workspace_host is not None:
                if kind == headers.CLEAR_SITE_DATA or (preview and kind == headers.SERVICE_WORKER_ALLOWED):
                    continue
                if kind == headers.SET_COOKIE and not may_set(
                    value.decode("latin-1"), workspace_host.decode("latin-1")
                ):
                    continue
            if named and name.lower() in named:
                continue
            parts += (name, b": ", value, b"\r\n")
        parts += (extra, b"\r\n")
        return b"".join(parts)


def parse_response(data: bytes) -> ResponseHead:
    """Read a response's head, which ends with its empty line.

    Raises
    ------
    Rejected
        If it is broken or ambiguous; the status in it is for a request and means nothing here.
    """
    head = ResponseHead()
    parser = HttpResponseParser(head)
    feed(parser, data)
    head.status = parser.get_status_code()
    head.http11 = parser.get_http_version() == "1.1"
    head.check_framing()
    if head.status < 100:
        raise Rejected(400, "bad_head", "That is not HTTP/1.1.")
    return head
