"""The volumes of workspaces that were deleted with their files kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from vibecode.domain.errors import WorkspaceNotFound
from vibecode.domain.workspace import Phase, Usage, Workspace, WorkspaceSpec
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import ObjectNotFound, WriteConflict
from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.quantities import bytes_of
from vibecode.runtimes.kubernetes.refusals import refusals
from vibecode.runtimes.kubernetes.resources import (
    MANAGED,
    OWNER_LABEL,
    VOLUME_CLAIMS,
    WORKSPACE_LABEL,
    WORKSPACES,
    Object,
    Selection,
    labels_of,
)

GONE_LIMIT: Final = 60.0
"""Seconds to wait until volumes are gone. What is left after that goes by itself: its deletion is recorded."""

_LOOK_EVERY: Final = 0.25
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Kept:
    """The volume claims that are kept of one deleted workspace."""

    name: str
    owner: str
    claims: list[Object] = field(default_factory=list)


class KeptVolumes:
    """Finds and removes kept volumes.

    Parameters
    ----------
    client
        Of the API server.
    namespace
        Where workspaces are.
    lives
        Tells whether a workspace of a name and owner exists.
    """

    def __init__(self, client: Client, *, namespace: str, lives: Callable[[str, str], bool]) -> None:
        self._client = client
        self._namespace = namespace
        self._lives = lives

    async def views(self, *, owner: str | None) -> Sequence[Workspace]:
        """Return the deleted workspaces whose volumes are kept, by name and owner, of one owner or all."""
        with refusals("?"):
            found = await self._find(
                f"{MANAGED},{OWNER_LABEL}" if owner is None else f"{MANAGED},{OWNER_LABEL}={owner}"
            )
        return [kept_view(kept) for kept in found]

    async def exist(self, name: str, owner: str) -> bool:
        """Tell whether volumes of a deleted workspace are kept."""
        with refusals(name):
            return bool(await self._find(labels_of_one(name, owner)))

    async def purge(self, name: str, owner: str) -> None:
        """Remove what is kept of a workspace, for good.

        Raises
        ------
        WorkspaceNotFound
            Nothing is.
        Unavailable
            The API server can't be asked.
        """
        with refusals(name):
            found = await self._find(labels_of_one(name, owner))
            if not found:
                raise WorkspaceNotFound(f"No files of a workspace {name} of {owner} are kept.")
            for claim in found[0].claims:
                metadata = claim["metadata"]
                try:
                    await self._client.delete(
                        VOLUME_CLAIMS, metadata["name"], namespace=self._namespace, uid=metadata["uid"]
                    )
                except (ObjectNotFound, WriteConflict):
                    continue  # gone by itself; another of that name isn't meant
            await self.gone(name, owner)

    async def gone(self, name: str, owner: str) -> None:
        """Wait until no volume of a workspace that was removed is left, or the name is taken again."""
        selection = Selection(resource=VOLUME_CLAIMS, namespace=self._namespace, labels=labels_of_one(name, owner))
        await wait_until_none(self._client, selection, unless=lambda: self._lives(name, owner))

    async def _find(self, labels: str) -> list[Kept]:
        claims = await self._client.list(Selection(resource=VOLUME_CLAIMS, namespace=self._namespace, labels=labels))
        return [kept for kept in group_kept(claims) if not self._lives(kept.name, kept.owner)]


async def wait_until_none(client: Client, selection: Selection, *, unless: Callable[[], bool]) -> None:
    """Wait until a selection is empty or something else is so, for :data:`GONE_LIMIT` seconds at most.

    Notes
    -----
    It is asked again and again: this is seldom, and a watch from an empty list would cost as much.

    Raises
    ------
    KubernetesError
    """
    try:
        async with asyncio.timeout(GONE_LIMIT):
            while True:
                if unless() or not await client.list(selection):
                    return
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        _log.warning("not gone yet", kind=selection.resource.kind, labels=selection.labels)


def group_kept(claims: Sequence[Object]) -> list[Kept]:
    """Return the claims that stay, by name and owner of their workspace; without those that are on their way out."""
    groups: dict[tuple[str, str], Kept] = {}
    for claim in claims:
        labels, metadata = labels_of(claim), claim["metadata"]
        name, owner = labels.get(WORKSPACE_LABEL), labels.get(OWNER_LABEL)
        if not name or not owner or metadata.get("deletionTimestamp") or _is_owned(claim):
            continue
        groups.setdefault((name, owner), Kept(name, owner)).claims.append(claim)
    return [groups[key] for key in sorted(groups)]


def kept_view(kept: Kept) -> Workspace:
    """Return what is shown of a deleted workspace."""
    oldest = min(kept.claims, key=_created)
    return Workspace(
        id=str(oldest["metadata"]["uid"]),
        spec=WorkspaceSpec(name=kept.name, owner=kept.owner),
        phase=Phase.STOPPED,
        reason="Deleted; its files are kept for its owner.",
        created_at=_created(oldest),
        revision=1,
        usage=Usage(storage=sum(_capacity(claim) for claim in kept.claims)),
    )


def labels_of_one(name: str, owner: str) -> str:
    """Return the selector of what the operator made for a workspace."""
    return f"{MANAGED},{WORKSPACE_LABEL}={name},{OWNER_LABEL}={owner}"


def _is_owned(claim: Object) -> bool:
    """Tell whether a claim goes with its workspace, so that it isn't one that is kept."""
    return any(owner.get("kind") == WORKSPACES.kind for owner in claim["metadata"].get("ownerReferences") or [])


def _created(claim: Object) -> datetime:
    return parse_time(claim["metadata"]["creationTimestamp"])


def _capacity(claim: Object) -> int:
    granted = (claim.get("status") or {}).get("capacity") or {}
    asked = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    try:
        return int(bytes_of(str(granted.get("storage") or asked.get("storage") or "0")))
    except ValueError:
        return 0
