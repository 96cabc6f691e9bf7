"""People, and how they sign in."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from vibecode.domain import accounts
from vibecode.web.schemas.base import Line, Model


class User(Model):
    """A person."""

    id: str
    email: str | None
    role: accounts.Role
    created_at: datetime
    name: str

    @classmethod
    def of(cls, value: accounts.User) -> User:
        """Make it from the domain's."""
        return cls(id=value.id, name=value.id, email=value.email, role=value.role, created_at=value.created_at)


class UserList(Model):
    """All users."""

    items: list[User]
    next_cursor: None = None


class NewUser(Model):
    """A person to add."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "bob", "email": "bob@example.org"}]})

    id: Line = Field(max_length=200)
    email: Line | None = Field(None, max_length=254)
    role: accounts.Role = accounts.Role.MEMBER


class LoginLink(Model):
    """A one-time sign-in link."""

    url: str = Field(description="Its secret is in the fragment, which browsers don't send or log.")
    expires_at: datetime


class NewLoginLink(Model):
    """For whom to make a sign-in link."""

    user: Line | None = Field(None, max_length=200, description="Id of the user; the caller if left out.")


class Session(Model):
    """A sign-in."""

    id: str
    kind: accounts.SessionKind
    origin: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str
    current: bool

    @classmethod
    def of(cls, value: accounts.Session, *, current: str) -> Session:
        """Make it from the domain's; ``current`` is the id of the caller's own."""
        return cls(
            id=value.id,
            kind=value.kind,
            origin=value.origin,
            created_at=value.created_at,
            last_seen_at=value.last_seen_at,
            expires_at=value.expires_at,
            user_agent=value.user_agent,
            current=value.id == current,
        )


class SessionList(Model):
    """The caller's sign-ins, latest first."""

    items: list[Session]
    next_cursor: None = None


class SignIn(Model):
    """A one-time link's secret."""

    token: str = Field(max_length=200)


class SignedIn(Model):
    """Where to go now."""

    next: str


class Me(Model):
    """The caller, and what the dashboard has to know."""

    user: User
    session: Session
    runtime: str
    version: str
    domain: str
    default_idle_timeout: int | None
