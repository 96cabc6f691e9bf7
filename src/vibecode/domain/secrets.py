"""Secrets of sign-in: made here, given to the client once, kept only as a hash.

They carry 256 random bits, so a plain SHA-256 can't be searched, and a look-up by hash leaks nothing by its time.
"""

from __future__ import annotations

import hashlib
import secrets


def new_secret() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def new_id(prefix: str) -> str:
    """Return a public id such as ``w-3f9c0a4be1d27a58``: 64 random bits behind a prefix that tells what it names."""
    return f"{prefix}-{secrets.token_hex(8)}"


def hash_secret(secret: str) -> str:
    """Return what is stored of a secret: SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
