"""The edge's own answers: problem documents (RFC 9457) as complete HTTP/1.1 responses."""

from __future__ import annotations

import json
from http import HTTPStatus


class Rejected(Exception):
    """A message that is answered by the edge itself.

    Parameters
    ----------
    status
        HTTP status.
    code
        Stable code for programs.
    detail
        One sentence for people.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def response(
    status: int, code: str, detail: str, *, retry_after: int | None = None, close: bool = False, body: bool = True
) -> bytes:
    """Build a whole response that carries a problem document.

    Parameters
    ----------
    status, code, detail
        As in :class:`Rejected`.
    retry_after
        Seconds, for the Retry-After header.
    close
        Whether to say that the connection ends with this response.
    body
        False for the answer to a HEAD request: the headers are the same, nothing follows them.
    """
    reason = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": reason, "status": status, "detail": detail, "code": code}
    content = json.dumps(document, ensure_ascii=False).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
    )
    if retry_after is not None:
        head += f"Retry-After: {retry_after}\r\n"
    if close:
        head += "Connection: close\r\n"
    return head.encode() + b"\r\n" + (content if body else b"")
