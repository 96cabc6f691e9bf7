"""Which headers pass through the edge, and which it takes out or sets itself."""

from __future__ import annotations

from typing import Final

# What the edge does with a header field. Plain integers: an enum hashes and compares in Python code, and this is asked
# for each header of each message.
PASS: Final = 0
"""Handed on as it came."""
DROP: Final = 1
"""For one connection only (RFC 9110, 7.6.1), or not for a client to say."""
HOST: Final = 2
COOKIE: Final = 3
LENGTH: Final = 4
CODING: Final = 5
CONNECTION: Final = 6
UPGRADE: Final = 7
ORIGIN: Final = 8
ACCEPT: Final = 9
FETCH_MODE: Final = 10
FETCH_SITE: Final = 11
EXPECT: Final = 12
SET_COOKIE: Final = 13
CLEAR_SITE_DATA: Final = 14
FETCH_DEST: Final = 15
REFERER: Final = 16
SERVICE_WORKER: Final = 17
SERVICE_WORKER_ALLOWED: Final = 18

_HOP_BY_HOP: Final = {
    b"connection": CONNECTION,
    b"http2-settings": DROP,
    b"keep-alive": DROP,
    b"proxy-authenticate": DROP,
    b"proxy-authorization": DROP,
    b"proxy-connection": DROP,
    b"te": DROP,
    b"trailer": DROP,
    b"transfer-encoding": CODING,
    b"upgrade": UPGRADE,
    b"content-length": LENGTH,
}

_REQUEST: Final = _HOP_BY_HOP | {
    b"accept": ACCEPT,
    b"cookie": COOKIE,
    b"expect": EXPECT,
    b"host": HOST,
    b"origin": ORIGIN,
    b"referer": REFERER,
    b"sec-fetch-dest": FETCH_DEST,
    b"sec-fetch-mode": FETCH_MODE,
    b"sec-fetch-site": FETCH_SITE,
    b"service-worker": SERVICE_WORKER,
}

_RESPONSE: Final = _HOP_BY_HOP | {
    b"clear-site-data": CLEAR_SITE_DATA,
    b"service-worker-allowed": SERVICE_WORKER_ALLOWED,
    b"set-cookie": SET_COOKIE,
}

_OURS_TO_SAY: Final = (b"x-forwarded-", b"x-vibecode-")
_OURS_TO_SAY_WHOLE: Final = frozenset({b"forwarded", b"x-real-ip"})

# Clients spell the same few names in the same few ways, so what a spelling means is looked up, not worked out. The
# tables have a limit, in number and length, since a client can make up names for ever, each nearly as long as a head.
_TABLE_LIMIT: Final = 2048
_NAME_LIMIT: Final = 64
_request_table: dict[bytes, int] = {}
_response_table: dict[bytes, int] = {}


def request_field(name: bytes) -> int:
    """Return what the edge does with a request's header ``name``, in any spelling."""
    kind = _request_table.get(name)
    if kind is None:
        lower = name.lower()
        kind = _REQUEST.get(lower, PASS)
        # Programs behind CGI-like interfaces can't tell X_Forwarded_For from X-Forwarded-For.
        dashed = lower.replace(b"_", b"-")
        if dashed.startswith(_OURS_TO_SAY) or dashed in _OURS_TO_SAY_WHOLE:
            kind = DROP
        if len(name) <= _NAME_LIMIT and len(_request_table) < _TABLE_LIMIT:
            _request_table[name] = kind
    return kind


def response_field(name: bytes) -> int:
    """Return what the edge does with a response's header ``name``, in any spelling."""
    kind = _response_table.get(name)
    if kind is None:
        kind = _RESPONSE.get(name.lower(), PASS)
        if len(name) <= _NAME_LIMIT and len(_response_table) < _TABLE_LIMIT:
            _response_table[name] = kind
    return kind


def tokens(value: bytes) -> list[bytes]:
    """Return the lower-case members of a comma-separated header value."""
    return [token for part in value.lower().split(b",") if (token := part.strip(b" \t"))]
