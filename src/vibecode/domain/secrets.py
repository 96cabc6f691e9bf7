"""Secrets: made here, given to the client once, kept only as a hash or not at all.

Those of sign-in carry 256 random bits, so a plain SHA-256 can't be searched, and a look-up by hash leaks nothing by its
time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

_AGENT_TOKEN: Final = re.compile(r"vcw_(?P<id>[A-Za-z0-9-]{1,63})_[0-9a-f]{64}")


def new_secret() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def new_id(prefix: str) -> str:
    """Return a public id such as ``w-3f9c0a4be1d27a58``: 64 random bits behind a prefix that tells what it names."""
    return f"{prefix}-{secrets.token_hex(8)}"


def hash_secret(secret: str) -> str:
    """Return what is stored of a secret: SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def agent_token(key: bytes, workspace_id: str) -> str:
    """Return the token by which a workspace on Kubernetes reports: HMAC-SHA256 (RFC 2104) of its id, so none is stored.

    Parameters
    ----------
    key
        At least 32 random bytes that operator and control plane share.
    workspace_id
        The UID of the Workspace object; it never comes back, so neither does the token.
    """
    proof = hmac.new(key, f"agent:{workspace_id}".encode(), hashlib.sha256).hexdigest()
    return f"vcw_{workspace_id}_{proof}"


def agent_token_workspace(key: bytes, token: str) -> str | None:
    """Return the id of the workspace that a token of :func:`agent_token` is for; None if it isn't one."""
    match = _AGENT_TOKEN.fullmatch(token)
    if match is None or not hmac.compare_digest(token, agent_token(key, match["id"])):
        return None
    return match["id"]
