"""Workspaces that are gone and whose volumes are to go too."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vibecode.runtimes.kubernetes.naming import USER_ANNOTATION
from vibecode.runtimes.kubernetes.resources import Object, annotations_of
from vibecode.runtimes.kubernetes.volumes import belongs_to

SETTLED: Final = 60.0
"""Seconds after which all claims of a workspace that is gone are known, if it had any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What has to be known of one to find its volumes."""

    uid: str
    name: str
    owner: str
    since: float


class RemovedWorkspaces:
    """Remembers them until somebody has seen to it.

    That is the leader, on every replica: so one is forgotten once no claim is left that it was the last to use.

    Parameters
    ----------
    claims
        All claims of the namespace by name.
    now
        A clock in seconds that never goes back.
    """

    def __init__(self, claims: Mapping[str, Object], *, now: Callable[[], float] = time.monotonic) -> None:
        self._claims = claims
        self._now = now
        self._by_uid: dict[str, Removed] = {}

    def __len__(self) -> int:
        return len(self._by_uid)

    def add(self, workspace: Object) -> None:
        """Remember one that has gone just now."""
        now = self._now()
        if any(now - old.since > SETTLED for old in self._by_uid.values()):
            used = {annotations_of(claim).get(USER_ANNOTATION) for claim in self._claims.values()}
            self._by_uid = {uid: old for uid, old in self._by_uid.items() if uid in used or now - old.since <= SETTLED}
        metadata = workspace["metadata"]
        uid = metadata["uid"]
        self._by_uid[uid] = Removed(uid=uid, name=metadata["name"], owner=workspace["spec"]["owner"], since=now)

    def names(self) -> set[str]:
        """Return the names that they had."""
        return {removed.name for removed in self._by_uid.values()}

    def of(self, name: str) -> list[Removed]:
        """Return those of a name, which several may have had one after the other."""
        return [removed for removed in self._by_uid.values() if removed.name == name]

    def claims(self, removed: Removed) -> dict[str, Object]:
        """Return its claims by name: not those that another workspace of this name and owner has taken over since."""
        return {
            name: claim
            for name, claim in self._claims.items()
            if annotations_of(claim).get(USER_ANNOTATION) == removed.uid
            and belongs_to(claim, workspace=removed.name, owner=removed.owner)
        }

    def done(self, removed: Removed) -> None:
        """Forget one whose claims are gone or going."""
        self._by_uid.pop(removed.uid, None)
