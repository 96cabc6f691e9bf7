"""What people and programs do with workspaces, and who may do it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Protocol

from vibecode.domain.accounts import User
from vibecode.domain.errors import (
    Conflict,
    Forbidden,
    IdempotencyConflict,
    InvalidInput,
    WorkspaceNotFound,
)
from vibecode.domain.names import validate_name
from vibecode.domain.workspace import (
    MAX_IDLE_TIMEOUT,
    MIN_IDLE_TIMEOUT,
    Event,
    ListeningPort,
    Phase,
    Workspace,
    WorkspaceChanges,
    WorkspaceSpec,
)
from vibecode.runtimes.base import Change, LogLine, Runtime
from vibecode.services.activity import Activity


class IdempotencyStore(Protocol):
    """Where Idempotency-Keys are kept; see :class:`vibecode.database.idempotency.IdempotencyRepository`."""

    async def claim(
        self, user: str, key: str, *, request_hash: str, workspace: str, now: datetime
    ) -> tuple[str, str] | None:
        """Claim a key; None if it is the caller's, else request hash and workspace of its first request."""

    async def release(self, user: str, key: str) -> None:
        """Forget a key whose request failed."""


class Workspaces:
    """The use cases. Each takes the acting user first and answers as if what they may not see were not there."""

    def __init__(
        self,
        runtime: Runtime,
        activity: Activity,
        idempotency: IdempotencyStore,
        *,
        user: Callable[[str], User],
        now: Callable[[], datetime],
    ) -> None:
        self._runtime = runtime
        self._activity = activity
        self._idempotency = idempotency
        self._user = user
        self._now = now

    async def list(self, actor: User, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return the workspaces that a user may see, by name."""
        return await self._runtime.list(owner=self._visible_owner(actor, owner))

    async def get(self, actor: User, name: str) -> Workspace:
        """Return a workspace.

        Raises
        ------
        WorkspaceNotFound
            There is none, or it belongs to somebody else: the answers are alike, so that names can't be probed.
        """
        try:
            workspace = await self._runtime.get(name)
        except WorkspaceNotFound:
            workspace = None
        if workspace is None or not (actor.is_admin or workspace.owner == actor.id):
            raise _not_found(name)
        return workspace

    def by_id(self, workspace_id: str) -> Workspace | None:
        """Return the workspace of an id; for a caller that proved to be that workspace."""
        return self._runtime.peek_id(workspace_id)

    async def create(self, actor: User, spec: WorkspaceSpec, *, idempotency_key: str | None = None) -> Workspace:
        """Create a workspace and begin to start it.

        Raises
        ------
        InvalidName, InvalidInput, NameTaken, TemplateNotFound, Forbidden
        IdempotencyConflict
            The key came before, with another request.
        """
        validate_name(spec.name)
        check_idle_timeout(spec.idle_timeout)
        if spec.owner != actor.id:
            if not actor.is_admin:
                raise Forbidden("Only an admin creates workspaces for others.")
            self._user(spec.owner)
        if idempotency_key is None:
            return await self._runtime.create(spec)
        return await self._create_once(actor, spec, idempotency_key)

    async def _create_once(self, actor: User, spec: WorkspaceSpec, key: str) -> Workspace:
        request_hash = hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode()).hexdigest()
        earlier = await self._idempotency.claim(
            actor.id, key, request_hash=request_hash, workspace=spec.name, now=self._now()
        )
        if earlier is not None:
            if earlier[0] != request_hash:
                raise IdempotencyConflict("This Idempotency-Key came with another request before: use a new one.")
            return await self.get(actor, earlier[1])
        try:
            return await self._runtime.create(spec)
        except BaseException:
            await self._idempotency.release(actor.id, key)
            raise

    async def update(self, actor: User, name: str, changes: WorkspaceChanges, *, revision: int) -> Workspace:
        """Change a workspace's settings.

        Raises
        ------
        WorkspaceNotFound, InvalidInput
        RevisionMismatch
            Somebody changed it since ``revision`` was read.
        """
        await self.get(actor, name)
        check_idle_timeout(changes.idle_timeout)
        workspace = await self._runtime.update(name, changes, revision=revision)
        if workspace.phase is Phase.RUNNING:
            await self._activity.verdict(name)
            workspace = await self._runtime.get(name)
        return workspace

    async def start(self, actor: User, name: str) -> Workspace:
        """Ask for it to run."""
        await self.get(actor, name)
        return await self._runtime.start(name)

    async def stop(self, actor: User, name: str) -> Workspace:
        """Ask for it to stop."""
        await self.get(actor, name)
        return await self._runtime.stop(name, reason=f"Stopped by {actor.id}.")

    async def restart(self, actor: User, name: str) -> Workspace:
        """Stop it if it runs, then start it."""
        await self.get(actor, name)
        return await self._runtime.restart(name)

    async def keep_running(self, actor: User, name: str) -> Workspace:
        """Let its idle timeout start anew.

        Raises
        ------
        Conflict
            It doesn't run.
        """
        workspace = await self.get(actor, name)
        if workspace.phase is not Phase.RUNNING:
            raise Conflict(f"Workspace {name} is {workspace.phase.value}, so there is nothing to keep: start it first.")
        self._activity.keep_running(name)
        await self._activity.verdict(name)
        return await self._runtime.get(name)

    async def list_kept(self, actor: User, *, owner: str | None = None) -> Sequence[Workspace]:
        """Return the deleted workspaces whose files are kept and that a user may see, by name."""
        return await self._runtime.list_kept(owner=self._visible_owner(actor, owner))

    async def delete(self, actor: User, name: str, *, purge: bool, owner: str | None = None) -> None:
        """Delete it; its files only with ``purge``. For a deleted one whose files are kept, ``purge`` removes those.

        Parameters
        ----------
        actor
            Who asks.
        name
            Of the workspace.
        purge
            Whether its files go too.
        owner
            Whose it is; needed where files of several users' workspaces of that name are kept.

        Raises
        ------
        WorkspaceNotFound
            There is none that the actor may see.
        InvalidInput
            It isn't clear whose is meant.
        """
        try:
            workspace = await self.get(actor, name)
        except WorkspaceNotFound:
            workspace = None
        if workspace is not None and owner in (None, workspace.owner):
            await self._runtime.delete(name, purge=purge)
            return
        visible = await self._runtime.list_kept(owner=None if actor.is_admin else actor.id)
        owners = [kept.owner for kept in visible if kept.name == name and owner in (None, kept.owner)]
        if not owners:
            raise _not_found(name)
        if not purge:
            raise WorkspaceNotFound(
                f"Workspace {name} is deleted already, and its files are kept: "
                f"`vibecode workspace delete {name} --purge` removes them."
            )
        if len(owners) > 1 and actor.id not in owners:
            raise InvalidInput(
                f"Files of {len(owners)} users' workspaces {name} are kept ({', '.join(owners)}): "
                "say whose with --owner.",
                field="owner",
            )
        await self._runtime.purge_kept(name, owner=actor.id if actor.id in owners else owners[0])

    async def events(self, actor: User, name: str) -> Sequence[Event]:
        """Return what happened to it, newest first."""
        await self.get(actor, name)
        return await self._runtime.events(name)

    async def ports(self, actor: User, name: str) -> Sequence[ListeningPort]:
        """Return the ports its processes listen on."""
        await self.get(actor, name)
        return await self._runtime.ports(name)

    async def logs(self, actor: User, name: str, *, follow: bool) -> AsyncIterator[LogLine]:
        """Return the log of its latest start."""
        await self.get(actor, name)
        return self._runtime.logs(name, follow=follow)

    @staticmethod
    def _visible_owner(actor: User, owner: str | None) -> str | None:
        """Return whose workspaces a user gets to see who asked for those of ``owner``; None is everybody's."""
        if actor.is_admin:
            return owner
        if owner not in (None, actor.id):
            raise Forbidden("Only an admin sees the workspaces of others.")
        return actor.id

    def watch(self, actor: User) -> AsyncIterator[Change]:
        """Return the changes, from now on, of the workspaces that a user may see.

        Not from the first that is asked for: who reads how things are in between would miss what changes meanwhile.
        """
        return _visible(actor, self._runtime.watch())


async def _visible(actor: User, changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
    async for change in changes:
        if actor.is_admin or change.owner == actor.id:
            yield change


def _not_found(name: str) -> WorkspaceNotFound:
    return WorkspaceNotFound(f"There is no workspace {name}: `vibecode workspace list` shows yours.")


def check_idle_timeout(seconds: int | None) -> None:
    """Refuse an idle timeout out of bounds; None (never, or unchanged) passes.

    Raises
    ------
    InvalidInput
    """
    if seconds is not None and not MIN_IDLE_TIMEOUT <= seconds <= MAX_IDLE_TIMEOUT:
        raise InvalidInput(
            f"An idle timeout is {MIN_IDLE_TIMEOUT} seconds to {MAX_IDLE_TIMEOUT // 86400} days, or off.",
            field="idleTimeout",
        )
