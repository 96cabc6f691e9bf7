"""Users, sign-in and sessions.

Sessions are kept in memory as well, because the edge asks for one with each request. There is one server for a
database (the data folder is locked), so memory and database agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from vibecode.domain.accounts import (
    LOGIN_LINK_LIFETIME,
    TICKET_LIFETIME,
    OneTimeSecret,
    Role,
    Session,
    SessionKind,
    User,
)
from vibecode.domain.errors import Conflict, Gone, InvalidInput, NotFound
from vibecode.domain.names import validate_name
from vibecode.domain.secrets import hash_secret, new_id, new_secret

TOUCH_INTERVAL: Final = timedelta(minutes=5)
"""How exact the time of a session's last use is."""

_log = structlog.get_logger(__name__)


class AccountStore(Protocol):
    """Where accounts are kept; see :class:`vibecode.database.accounts.AccountRepository`."""

    async def users(self) -> Sequence[User]: ...
    async def add_user(self, user: User) -> None: ...
    async def remove_user(self, user_id: str) -> None: ...
    async def sessions(self) -> Sequence[Session]: ...
    async def add_session(self, session: Session) -> None: ...
    async def touch_session(self, session_id: str, at: datetime) -> None: ...
    async def remove_sessions(self, session_ids: Sequence[str]) -> None: ...
    async def add_secret(self, secret: OneTimeSecret) -> None: ...
    async def take_secret(self, secret_hash: str) -> OneTimeSecret | None: ...
    async def remove_expired(self, now: datetime) -> None: ...


class Accounts:
    """Users, sign-in and sessions.

    Parameters
    ----------
    store
        Where they are kept.
    now
        The wall clock.
    session_lifetime
        How long a browser stays signed in.
    """

    def __init__(self, store: AccountStore, *, now: Callable[[], datetime], session_lifetime: timedelta) -> None:
        self._store = store
        self._now = now
        self._lifetime = session_lifetime
        self._users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._by_hash: dict[str, Session] = {}
        self._endings: dict[str, asyncio.Event] = {}
        self._revoked: list[Callable[[str], None]] = []
        self._background: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Read what is kept."""
        await self._store.remove_expired(self._now())
        self._users = {user.id: user for user in await self._store.users()}
        for session in await self._store.sessions():
            self._remember(session)

    def on_revoked(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with the id of each session that ends, so that its open connections end too."""
        self._revoked.append(callback)

    # Users

    def users(self) -> Sequence[User]:
        """Return all users by id."""
        return sorted(self._users.values(), key=lambda user: user.id)

    def user(self, user_id: str) -> User:
        """Return a user.

        Raises
        ------
        NotFound
        """
        try:
            return self._users[user_id]
        except KeyError:
            raise NotFound(f"There is no user {user_id}: `vibecode user list` shows them.") from None

    async def add_user(self, user_id: str, *, email: str | None, role: Role) -> User:
        """Add a user.

        Raises
        ------
        InvalidName, InvalidInput, NameTaken
        """
        validate_name(user_id, kind="user")
        if email is not None and ("@" not in email.strip("@") or len(email) > 254 or any(c.isspace() for c in email)):
            raise InvalidInput("That is not an email address: give one such as alice@example.org.", field="email")
        user = User(id=user_id, email=email, role=role, created_at=self._now())
        await self._store.add_user(user)
        self._users[user_id] = user
        return user

    async def remove_user(self, user_id: str) -> None:
        """Remove a user and end all their sessions.

        Raises
        ------
        NotFound
        Conflict
            They are the last admin: nobody could manage users any more.
        """
        user = self.user(user_id)
        if user.is_admin and sum(other.is_admin for other in self._users.values()) == 1:
            raise Conflict(f"{user_id} is the only admin: make another first, with `vibecode user add NAME --admin`.")
        await self._store.remove_user(user_id)
        self._users.pop(user_id, None)
        self._forget([session for session in self._sessions.values() if session.user == user_id])

    # Sessions

    def find(self, secrets: Iterable[str], *, origin: str) -> Session | None:
        """Return the session that a request's cookies prove for an origin.

        A workspace's page can set cookies for its parent domain, so a request may bring several of our name. If they
        prove different sessions, one may have been planted: none counts.
        """
        found: Session | None = None
        for secret in secrets:
            session = self._valid(secret)
            if session is None or session.kind is SessionKind.TOKEN or session.origin != origin:
                continue
            if found is not None and found.id != session.id:
                return None
            found = session
        if found is not None:
            self._touch(found)
        return found

    def find_token(self, secret: str) -> Session | None:
        """Return the session that a bearer token proves."""
        session = self._valid(secret)
        if session is None or session.kind is not SessionKind.TOKEN:
            return None
        self._touch(session)
        return session

    def ending(self, session_id: str) -> asyncio.Event:
        """Return an event that is set when a session has ended, so that what streams for it can end too."""
        event = self._endings.get(session_id)
        if event is None:
            event = asyncio.Event()
            if session_id in self._sessions:
                self._endings[session_id] = event
            else:
                event.set()
        return event

    def session(self, session_id: str) -> Session | None:
        """Return a session by its public id."""
        return self._sessions.get(session_id)

    def sessions_of(self, user_id: str) -> Sequence[Session]:
        """Return a user's sign-ins, the latest first; those made from one for a workspace's address are part of it."""
        own = [s for s in self._sessions.values() if s.user == user_id and s.kind is not SessionKind.ORIGIN]
        return sorted(own, key=lambda session: session.created_at, reverse=True)

    async def revoke(self, session_id: str) -> None:
        """End a session and those made from it; ending one that isn't there does nothing."""
        ending = [s for s in self._sessions.values() if session_id in (s.id, s.parent)]
        if ending:
            await self._store.remove_sessions([session.id for session in ending])
            self._forget(ending)

    async def expire(self) -> None:
        """End the sessions whose time is over, with their open connections."""
        now = self._now()
        over = [session for session in self._sessions.values() if session.expires_at <= now]
        await self._store.remove_expired(now)
        self._forget(over)

    async def create_token(self, user_id: str, *, lifetime: timedelta, user_agent: str) -> str:
        """Return a new bearer token for programs of a user."""
        secret, _ = await self._create(SessionKind.TOKEN, user_id, origin="", lifetime=lifetime, user_agent=user_agent)
        return secret

    # Sign-in

    async def create_login_link(self, user_id: str, *, origin: str, maker: str) -> tuple[str, datetime]:
        """Return the token of a one-time link, and when it expires.

        Parameters
        ----------
        maker
            Id of the session that asks for it. When that ends, so does the link: whoever had got hold of the session
            has no way back.
        """
        self.user(user_id)
        token = new_secret()
        expires_at = self._now() + LOGIN_LINK_LIFETIME
        await self._store.add_secret(
            OneTimeSecret(
                secret_hash=hash_secret(token),
                user=user_id,
                origin=origin,
                session=maker,
                binding_hash="",
                expires_at=expires_at,
            )
        )
        return token, expires_at

    async def sign_in(self, token: str, *, origin: str, user_agent: str) -> tuple[str, Session]:
        """Use up a login link's token; return a new session and its secret.

        Raises
        ------
        Gone
            It was used, has expired, or never was.
        """
        link = await self._store.take_secret(hash_secret(token))
        if (
            link is None
            or link.binding_hash
            or link.session not in self._sessions
            or link.expires_at <= self._now()
            or link.origin != origin
        ):
            raise Gone("This sign-in link was used or has expired: get a new one with `vibecode login-link`.")
        return await self._create(
            SessionKind.BROWSER, link.user, origin=origin, lifetime=self._lifetime, user_agent=user_agent
        )

    async def create_ticket(self, session: Session, *, origin: str, binding_hash: str) -> str:
        """Return a one-time ticket that brings a browser session to another origin.

        Parameters
        ----------
        binding_hash
            Hash of a value that only the asking browser has, in a cookie of that origin: a ticket that somebody
            else made can't be slipped to it.
        """
        ticket = new_secret()
        await self._store.add_secret(
            OneTimeSecret(
                secret_hash=hash_secret(ticket),
                user=session.user,
                origin=origin,
                session=session.id,
                binding_hash=binding_hash,
                expires_at=self._now() + TICKET_LIFETIME,
            )
        )
        return ticket

    async def redeem_ticket(
        self, ticket: str, *, origin: str, bindings: Iterable[str], user_agent: str
    ) -> tuple[str, Session]:
        """Use up a ticket; return a new session of that origin and its secret.

        Raises
        ------
        Gone
            It was used, has expired, or is for another origin or browser.
        """
        entry = await self._store.take_secret(hash_secret(ticket))
        parent = self._sessions.get(entry.session) if entry is not None and entry.session is not None else None
        if (
            entry is None
            or parent is None
            or entry.expires_at <= self._now()
            or not entry.binding_hash
            or entry.origin != origin
            or entry.binding_hash not in {hash_secret(value) for value in bindings}
        ):
            raise Gone("This way in was used or has expired: open the workspace again.")
        return await self._create(
            SessionKind.ORIGIN,
            entry.user,
            origin=origin,
            lifetime=parent.expires_at - self._now(),
            user_agent=user_agent,
            parent=parent.id,
        )

    async def _create(
        self,
        kind: SessionKind,
        user_id: str,
        *,
        origin: str,
        lifetime: timedelta,
        user_agent: str,
        parent: str | None = None,
    ) -> tuple[str, Session]:
        secret = new_secret()
        now = self._now()
        session = Session(
            id=new_id("s"),
            secret_hash=hash_secret(secret),
            user=user_id,
            kind=kind,
            origin=origin,
            parent=parent,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
            user_agent=user_agent[:300],
        )
        gone = Gone("The sign-in behind this has just ended: sign in again.")
        try:
            await self._store.add_session(session)
        except Conflict:
            raise gone from None
        # It may have been revoked, or the user removed, while the record was written.
        if user_id not in self._users or (parent is not None and parent not in self._sessions):
            await self._store.remove_sessions([session.id])
            raise gone
        self._remember(session)
        _log.info("session created", session=session.id, kind=kind.value, user=user_id)
        return secret, session

    def _valid(self, secret: str) -> Session | None:
        session = self._by_hash.get(hash_secret(secret))
        return None if session is None or session.expires_at <= self._now() else session

    def _remember(self, session: Session) -> None:
        self._sessions[session.id] = session
        self._by_hash[session.secret_hash] = session

    def _forget(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            self._sessions.pop(session.id, None)
            self._by_hash.pop(session.secret_hash, None)
            if (ending := self._endings.pop(session.id, None)) is not None:
                ending.set()
            _log.info("session ended", session=session.id, user=session.user)
            for callback in self._revoked:
                callback(session.id)

    def _touch(self, session: Session) -> None:
        """Note that a session is in use, at most every :data:`TOUCH_INTERVAL`, without making the request wait."""
        now = self._now()
        if now - session.last_seen_at < TOUCH_INTERVAL:
            return
        self._remember(replace(session, last_seen_at=now))
        task = asyncio.get_running_loop().create_task(self._store.touch_session(session.id, now))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
