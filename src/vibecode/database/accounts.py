"""Users, sessions and one-time secrets in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from vibecode.database.engine import Database
from vibecode.database.tables import OneTimeSecretRow, SessionRow, UserRow
from vibecode.domain.accounts import OneTimeSecret, Role, Session, SessionKind, User
from vibecode.domain.errors import Conflict, NameTaken


class AccountRepository:
    """Keeps accounts; implements the port of :mod:`vibecode.services.accounts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self) -> Sequence[User]:
        """Return all users by id."""
        async with self._database.read() as transaction:
            rows = await transaction.scalars(select(UserRow).order_by(UserRow.id))
            return [_user(row) for row in rows]

    async def add_user(self, user: User) -> None:
        """Add a user.

        Raises
        ------
        NameTaken
            The id is in use.
        """
        row = UserRow(id=user.id, email=user.email, role=user.role.value, created_at=user.created_at)
        try:
            async with self._database.write() as transaction:
                transaction.add(row)
        except IntegrityError:
            raise NameTaken(f"There is a user {user.id} already: choose another name.", field="id") from None

    async def remove_user(self, user_id: str) -> None:
        """Remove a user with all sessions and links."""
        async with self._database.write() as transaction:
            await transaction.execute(delete(UserRow).where(UserRow.id == user_id))

    async def sessions(self) -> Sequence[Session]:
        """Return all sessions, expired ones too."""
        async with self._database.read() as transaction:
            return [_session(row) for row in await transaction.scalars(select(SessionRow))]

    async def add_session(self, session: Session) -> None:
        """Add a session.

        Raises
        ------
        Conflict
            Its user or parent is gone.
        """
        row = SessionRow(
            id=session.id,
            secret_hash=session.secret_hash,
            user=session.user,
            kind=session.kind.value,
            origin=session.origin,
            parent=session.parent,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
            user_agent=session.user_agent,
        )
        try:
            async with self._database.write() as transaction:
                transaction.add(row)
        except IntegrityError:
            raise Conflict("The user or session that this session belongs to is gone.") from None

    async def touch_session(self, session_id: str, at: datetime) -> None:
        """Record when a session was last used."""
        async with self._database.write() as transaction:
            await transaction.execute(update(SessionRow).where(SessionRow.id == session_id).values(last_seen_at=at))

    async def remove_sessions(self, session_ids: Sequence[str]) -> None:
        """Remove sessions and those made from them."""
        async with self._database.write() as transaction:
            await transaction.execute(delete(SessionRow).where(SessionRow.id.in_(session_ids)))

    async def add_secret(self, secret: OneTimeSecret) -> None:
        """Add a login link or a ticket."""
        async with self._database.write() as transaction:
            transaction.add(
                OneTimeSecretRow(
                    secret_hash=secret.secret_hash,
                    user=secret.user,
                    origin=secret.origin,
                    session=secret.session,
                    binding_hash=secret.binding_hash,
                    expires_at=secret.expires_at,
                )
            )

    async def take_secret(self, secret_hash: str) -> OneTimeSecret | None:
        """Return a secret and forget it, in one statement: of two at once, one gets it."""
        statement = delete(OneTimeSecretRow).where(OneTimeSecretRow.secret_hash == secret_hash)
        async with self._database.write() as transaction:
            row = (await transaction.execute(statement.returning(OneTimeSecretRow))).scalar_one_or_none()
            return None if row is None else _secret(row)

    async def remove_expired(self, now: datetime) -> None:
        """Forget expired sessions and secrets."""
        async with self._database.write() as transaction:
            await transaction.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            await transaction.execute(delete(OneTimeSecretRow).where(OneTimeSecretRow.expires_at <= now))


def _user(row: UserRow) -> User:
    return User(id=row.id, email=row.email, role=Role(row.role), created_at=row.created_at)


def _session(row: SessionRow) -> Session:
    return Session(
        id=row.id,
        secret_hash=row.secret_hash,
        user=row.user,
        kind=SessionKind(row.kind),
        origin=row.origin,
        parent=row.parent,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        user_agent=row.user_agent,
    )


def _secret(row: OneTimeSecretRow) -> OneTimeSecret:
    return OneTimeSecret(
        secret_hash=row.secret_hash,
        user=row.user,
        origin=row.origin,
        session=row.session,
        binding_hash=row.binding_hash,
        expires_at=row.expires_at,
    )
