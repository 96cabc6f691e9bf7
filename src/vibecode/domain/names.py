"""Names of workspaces, users and templates.

A workspace's name is a DNS label (RFC 1123, 2.1), because its address is ``<name>.<domain>``. Two limits are ours: at
most 40 characters, so that ``<port>--<name>`` and the names of its Kubernetes objects stay under 63; and no ``--``,
which separates a port from a name and marks punycode (``xn--``) in DNS.
"""

from __future__ import annotations

import re
from typing import Final

from vibecode.domain.errors import InvalidName

MAX_LENGTH: Final = 40
"""Most characters in a name."""

RESERVED: Final = frozenset(
    {
        *("admin", "api", "app", "assets", "auth", "authorize", "cdn", "dashboard", "docs", "edge", "gateway"),
        *("grafana", "health", "healthz", "help", "internal", "kubernetes", "localhost", "login", "logout", "mail"),
        *("metrics", "prometheus", "proxy", "registry", "root-ca", "sign-in", "signin", "sso", "static", "status"),
        *("support", "system", "vibecode", "wildcard", "workspace", "workspaces", "www"),
    }
)
"""Names that would stand in for a part of the product, or fool a reader of the address bar."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def validate_name(value: str, *, kind: str = "workspace") -> str:
    """Return ``value`` if it is a valid name.

    Parameters
    ----------
    value
        The name as the user typed it. It is not trimmed or lower-cased: what is stored is what was typed.
    kind
        What is named, for the message: ``workspace``, ``user`` or ``template``.

    Raises
    ------
    InvalidName
        With one sentence that says which rule is broken and how to mend it.
    """
    subject = f"A {kind} name"
    if not value:
        raise InvalidName(
            f"{subject} can't be empty: use letters, digits and hyphens, such as my-project.", field="name"
        )
    if len(value) > MAX_LENGTH:
        raise InvalidName(
            f"{subject} has at most {MAX_LENGTH} characters, and this one has {len(value)}: shorten it.", field="name"
        )
    if not value.isascii():
        raise InvalidName(
            f"{subject} uses only a-z, 0-9 and hyphens; {_first_foreign(value)!r} looks like a letter of theirs or is "
            "from another alphabet: replace it.",
            field="name",
        )
    if value != value.lower():
        raise InvalidName(f"{subject} is in lower case: try {suggest_name(value)}.", field="name")
    if "--" in value:
        raise InvalidName(
            f"{subject} can't contain two hyphens in a row, because they separate a port from a name in addresses: "
            f"try {suggest_name(value)}.",
            field="name",
        )
    if not _LABEL.fullmatch(value):
        raise InvalidName(
            f"{subject} uses only a-z, 0-9 and hyphens, and starts and ends with a letter or digit: "
            f"try {suggest_name(value)}.",
            field="name",
        )
    if value in RESERVED:
        raise InvalidName(f"The name {value} is reserved for the product itself: choose another.", field="name")
    return value


def is_valid_name(value: str) -> bool:
    """Tell whether :func:`validate_name` accepts ``value``."""
    try:
        validate_name(value)
    except InvalidName:
        return False
    return True


def suggest_name(value: str) -> str:
    """Return a valid name near ``value``; it may still be taken.

    Used for the suggestion in an error message and for the first workspace of a user, which is named after them.
    """
    name = re.sub(r"[^a-z0-9]+", "-", value.lower())[:MAX_LENGTH].strip("-")
    if not name:
        return "workspace-1"
    if name in RESERVED:
        return f"{name[: MAX_LENGTH - 3]}-ws"
    return name


def _first_foreign(value: str) -> str:
    return next(character for character in value if not character.isascii())
