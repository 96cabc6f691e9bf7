"""Our cookies, told from those of workspaces.

Every edge uses these functions: the embedded one, and the check behind NGINX. A workspace runs its user's programs, so
it never sees a session cookie, and it can't set one: neither by name, nor for a parent domain ("cookie tossing"), where
it would reach the dashboard and other people's workspaces.
"""

from __future__ import annotations

from typing import Final

SESSION_NAMES: Final = ("__Host-vibecode", "vibecode")
"""Cookies that hold a session: with the prefix over https, without it on plain-http localhost."""

STATE_NAMES: Final = ("__Host-vibecode-state", "vibecode-state")
"""Cookies that hold the state of a sign-in under way."""

OUR_NAMES: Final = frozenset((*SESSION_NAMES, *STATE_NAMES))
"""Every cookie that is ours."""

_BLANK: Final = " \t"


def strip(cookie_header: str) -> str | None:
    """Return a Cookie header without our cookies, or None if nothing is left.

    A header without any of ours comes back unchanged, byte for byte.
    """
    pairs = cookie_header.split(";")
    kept = [pair for pair in pairs if _name(pair) not in OUR_NAMES]
    if len(kept) == len(pairs):
        return cookie_header
    return ";".join(kept).strip(_BLANK) or None


def may_set(set_cookie: str, host: str) -> bool:
    """Tell whether a workspace may send this Set-Cookie.

    Parameters
    ----------
    set_cookie
        The header's value.
    host
        The request's Host, with or without a port. A Domain attribute has to name exactly it; browsers accept nothing
        else but its parents, which are not the workspace's.
    """
    first, *attributes = set_cookie.split(";")
    if _name(first) in OUR_NAMES:
        return False
    own = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    for attribute in attributes:
        key, _, value = attribute.partition("=")
        if key.strip(_BLANK).lower() != "domain":
            continue
        domain = value.strip(_BLANK).removeprefix(".").lower()
        if domain and domain != own.lower():
            return False
    return True


def _name(pair: str) -> str:
    """Return the name that a server would read.

    A browser sends a cookie that has no name (``=vibecode=x``) as its bare value, ``vibecode=x``, so leading equals
    signs are no part of the name.
    """
    return pair.lstrip(" \t=").partition("=")[0].rstrip(_BLANK)


def session_cookie(*, secure: bool) -> str:
    """Return the name of the session cookie.

    Parameters
    ----------
    secure
        Whether browsers accept Secure cookies here: over https, and below localhost. Then it's only the prefixed one,
        which a page of a workspace can neither plant nor push out.
    """
    return SESSION_NAMES[0] if secure else SESSION_NAMES[1]


def state_cookie(*, secure: bool) -> str:
    """Return the name of the cookie that binds a ticket to the browser that asked for it."""
    return STATE_NAMES[0] if secure else STATE_NAMES[1]


def values_of(name: str, cookie_headers: list[str]) -> list[str]:
    """Return every value of one cookie, in the order received; empty ones are left out."""
    pairs = (pair.partition("=") for header in cookie_headers for pair in header.split(";"))
    return [value.strip(_BLANK) for key, _, value in pairs if key.strip(_BLANK) == name and value.strip(_BLANK)]
