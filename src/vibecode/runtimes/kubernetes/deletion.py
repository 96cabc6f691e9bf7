"""Deleting a workspace, with its files or without."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from vibecode.domain.errors import Unavailable, WorkspaceNotFound
from vibecode.runtimes.finishing import finish
from vibecode.runtimes.kubernetes.cache import WorkspaceCache
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectNotFound, WriteConflict
from vibecode.runtimes.kubernetes.kept import GONE_LIMIT, KeptVolumes, labels_of_one, wait_until_none
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.refusals import refusals
from vibecode.runtimes.kubernetes.resources import PODS, WORKSPACES, Selection

POLICY_LIMIT: Final = 30.0
"""Seconds within which the operator has to take up whether the files go too."""

_log = structlog.get_logger(__name__)


class Deletion:
    """Deletes workspaces.

    The operator makes the volumes belong to the object, so that they go with it, or not; it never acts after the
    object has gone. So what happens to the files has to be settled while the object is there.

    Parameters
    ----------
    client
        Of the API server.
    namespace
        Where workspaces are.
    cache
        All workspaces.
    kept
        Their volumes.
    policy_limit
        See :data:`POLICY_LIMIT`.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        cache: WorkspaceCache,
        kept: KeptVolumes,
        policy_limit: float = POLICY_LIMIT,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._cache = cache
        self._kept = kept
        self._policy_limit = policy_limit

    async def delete(self, observed: Observed, *, purge: bool) -> None:
        """Delete a workspace; see :meth:`gone` for what follows.

        Raises
        ------
        Unavailable
            Nothing was deleted.
        """
        if observed.is_gone:
            # Somebody else's request was before this one.
            if purge:
                with contextlib.suppress(WorkspaceNotFound):
                    await self._kept.purge(observed.name, observed.workspace.owner)
            return
        was_leaving = observed.is_leaving
        observed.set_leaving(True)
        try:
            with refusals(observed.name):
                await self._delete(observed, "Delete" if purge else "Retain", settle=not was_leaving)
        except BaseException:
            observed.set_leaving(False)
            raise
        if not await self._cache.gone(observed, timeout=GONE_LIMIT):
            _log.warning("the object is not gone yet", workspace=observed.name)

    async def gone(self, observed: Observed, *, purge: bool) -> None:
        """Wait until the pod of a workspace that was deleted is gone, and with ``purge`` its volumes.

        Not for ever: on a node that is lost they stay for long. Nor if somebody takes the name again.
        """
        name, owner = observed.name, observed.workspace.owner
        pods = Selection(
            resource=PODS, namespace=self._namespace, labels=labels_of_one(name, owner), metadata_only=True
        )
        try:
            await wait_until_none(self._client, pods, unless=lambda: name in self._cache.observed)
            if purge:
                await self._kept.gone(name, owner)
        except KubernetesError as error:
            _log.warning("the end of a deletion could not be watched", workspace=name, error=error.message)

    async def _delete(self, observed: Observed, policy: str, *, settle: bool) -> None:
        try:
            if settle:
                await self._settle(observed, policy)
            await self._client.delete(WORKSPACES, observed.name, namespace=self._namespace, uid=observed.id)
        except (ObjectNotFound, WriteConflict):
            # Somebody else has deleted it. Under its name may be another by now, which stays.
            _log.info("it was deleted already", workspace=observed.name)

    async def _settle(self, observed: Observed, policy: str) -> None:
        """Have the operator take up what happens to the volumes."""
        before = observed.obj["spec"].get("deletionPolicy") or "Retain"
        if before == policy == "Retain":
            return
        try:
            if before != policy:
                # A request that is given up may arrive all the same, and must not do so after the one that undoes it.
                await finish(self._set_policy(observed, policy))
            await self._cache.taken_up(observed, timeout=self._policy_limit)
        except (TimeoutError, asyncio.CancelledError) as error:
            # Else a later deletion would do to the files what was asked for now.
            if before != policy:
                await self._put_back(observed, before)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise Unavailable(
                f"The operator is not answering, so workspace {observed.name} was not deleted: try again when it is "
                "back."
            ) from None

    async def _set_policy(self, observed: Observed, policy: str) -> None:
        change = {"metadata": {"uid": observed.id}, "spec": {"deletionPolicy": policy}}
        written = await self._client.patch(WORKSPACES, observed.name, change, namespace=self._namespace)
        await self._cache.seen(written)

    async def _put_back(self, observed: Observed, policy: str) -> None:
        try:
            await self._set_policy(observed, policy)
        except KubernetesError as error:
            _log.warning("the deletion policy could not be put back", workspace=observed.name, error=error.message)
