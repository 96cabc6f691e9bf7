"""Idempotency keys in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from vibecode.database.engine import Database
from vibecode.database.tables import IdempotencyRow

LIFETIME: Final = timedelta(hours=24)
"""How long a key is remembered, as usual for such APIs."""


class IdempotencyRepository:
    """Remembers which workspace a key has created."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, user: str, key: str, *, request_hash: str, workspace: str, now: datetime
    ) -> tuple[str, str] | None:
        """Claim a key for a request.

        Returns
        -------
        tuple of str or None
            None if the key is now the caller's; else request hash and workspace of the request that had it first.
        """
        async with self._database.write() as transaction:
            await transaction.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at <= now - LIFETIME))
        try:
            async with self._database.write() as transaction:
                transaction.add(
                    IdempotencyRow(user=user, key=key, request_hash=request_hash, workspace=workspace, created_at=now)
                )
        except IntegrityError:
            async with self._database.read() as transaction:
                row = await transaction.get(IdempotencyRow, (user, key))
                return None if row is None else (row.request_hash, row.workspace)
        return None

    async def release(self, user: str, key: str) -> None:
        """Forget a key whose request failed, so that it can be tried again."""
        async with self._database.write() as transaction:
            await transaction.execute(
                delete(IdempotencyRow).where(IdempotencyRow.user == user, IdempotencyRow.key == key)
            )
