"""Workspaces that are gone and whose volumes are to go too."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vibecode.runtimes.kubernetes.naming import USER_ANNOTATION
from vibecode.runtimes.kubernetes.resources import Object, annotations_of
from vibecode.runtimes.kubernetes.volumes import belongs_to, possible_names

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
        self._by_name: dict[str, dict[str, Removed]] = {}
        """By name, and then by uid."""
        self._looked_at = now()

    def __len__(self) -> int:
        return sum(len(each) for each in self._by_name.values())

    def add(self, workspace: Object) -> None:
        """Remember one that has gone just now."""
        now = self._now()
        if now - self._looked_at > SETTLED:
            self._looked_at = now
            self._forget(now)
        metadata = workspace["metadata"]
        uid, name = metadata["uid"], metadata["name"]
        removed = Removed(uid=uid, name=name, owner=workspace["spec"]["owner"], since=now)
        self._by_name.setdefault(name, {})[uid] = removed

    def _forget(self, now: float) -> None:
        """Forget those whose claims are gone, whoever has seen to it."""
        used = {annotations_of(claim).get(USER_ANNOTATION) for claim in self._claims.values()}
        for removed in [removed for each in self._by_name.values() for removed in each.values()]:
            if removed.uid not in used and now - removed.since > SETTLED:
                self.done(removed)

    def names(self) -> set[str]:
        """Return the names that they had."""
        return set(self._by_name)

    def of(self, name: str) -> list[Removed]:
        """Return those of a name, which several may have had one after the other."""
        return list(self._by_name.get(name, {}).values())

    def claims(self, removed: Removed) -> dict[str, Object]:
        """Return what has to be deleted of its claims, by name.

        Not those that another workspace of this name and owner has taken over since, nor those that the garbage
        collector takes because it owned them.
        """
        return {
            name: claim
            for name in possible_names(removed.name, removed.owner)
            if (claim := self._claims.get(name)) is not None
            and annotations_of(claim).get(USER_ANNOTATION) == removed.uid
            and belongs_to(claim, workspace=removed.name, owner=removed.owner)
            and not any(owner["uid"] == removed.uid for owner in claim["metadata"].get("ownerReferences", []))
        }

    def done(self, removed: Removed) -> None:
        """Forget one whose claims are gone or going."""
        of_name = self._by_name.get(removed.name, {})
        of_name.pop(removed.uid, None)
        if not of_name:
            self._by_name.pop(removed.name, None)
