"""Users and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LOGIN_LINK_LIFETIME: Final = timedelta(minutes=10)
"""How long a one-time sign-in link may be used."""

TICKET_LIFETIME: Final = timedelta(seconds=30)
"""How long a one-time ticket into a workspace's address may be used."""


class Role(StrEnum):
    """What a user may do."""

    MEMBER = "member"
    """Their own workspaces."""
    ADMIN = "admin"
    """Everybody's workspaces, and the users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person."""

    id: str
    """Their name: a valid name after :func:`vibecode.domain.names.validate_name`."""
    email: str | None
    role: Role
    created_at: datetime

    @property
    def is_admin(self) -> bool:
        """Whether they may do everything."""
        return self.role is Role.ADMIN


class SessionKind(StrEnum):
    """Where a session is valid."""

    BROWSER = "browser"
    """A cookie of the dashboard's origin."""
    ORIGIN = "origin"
    """A cookie of one workspace's origin, made from a browser session by a ticket; ends with it."""
    TOKEN = "token"  # noqa: S105 - the kind's name, not a secret
    """A bearer token for programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A sign-in. Its secret is known to the client alone; the record holds a hash."""

    id: str
    """Public id, to list and revoke it by."""
    secret_hash: str
    user: str
    kind: SessionKind
    origin: str
    """The one origin whose cookie it is; empty for a token."""
    parent: str | None
    """Id of the session it was made from and ends with."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeSecret:
    """A login link or a ticket: good once, for a short time, for one purpose."""

    secret_hash: str
    user: str
    origin: str
    """The origin it signs in to."""
    session: str | None
    """The session that it was made by: it is of no use any more once that has ended."""
    binding_hash: str
    """Hash of the value in the cookie of the browser that asked for a ticket; empty for a login link."""
    expires_at: datetime
