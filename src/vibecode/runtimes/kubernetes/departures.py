"""What is left to do when something goes: what no owner reference removes, and pods that must end first."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Final

from vibecode.runtimes.kubernetes.children import NotYet
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.copies import Copies
from vibecode.runtimes.kubernetes.errors import ObjectNotFound, WriteConflict
from vibecode.runtimes.kubernetes.naming import ingress_name, main_name
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    INGRESSES,
    VOLUME_CLAIMS,
    WORKSPACE_LABEL,
    Object,
    Resource,
    labels_of,
)

PATIENCE: Final = 45.0
"""Seconds that pods without a Deployment are waited for: longer than their grace period and the garbage collector."""

_COLLECTORS: Final = frozenset({"foregroundDeletion", "orphan"})
"""Finalizers of the garbage collector's own."""


class Departures:
    """Cleans up after what is gone.

    Parameters
    ----------
    client, copies, config
        As the reconciler's.
    """

    def __init__(self, client: Client, copies: Copies, config: OperatorConfig) -> None:
        self._client = client
        self._copies = copies
        self._config = config
        self._orphaned_since: dict[str, float] = {}

    async def clean_up(self, name: str, present: Object | None) -> None:
        """Remove the Ingress of a workspace that is gone, and its claims if it was to be deleted with them.

        Claims have an owner reference by then, and go with their owner, unless the policy was set and the Workspace
        deleted in one breath.

        Raises
        ------
        KubernetesError
            Not everything is removed; try again.
        """
        if present is None:
            self._orphaned_since.pop(name, None)
            if ingress_name(name) in self._copies.of(INGRESSES):
                with contextlib.suppress(ObjectNotFound):
                    await self._client.delete(INGRESSES, ingress_name(name), namespace=self._config.platform_namespace)
        for gone in self._copies.removed.of(name):
            for claim_name, claim in self._copies.removed.claims(gone).items():
                await self._delete(VOLUME_CLAIMS, claim_name, claim)
            self._copies.removed.done(gone)

    async def hold(self, workspace: Object) -> str:
        """End what runs of a Workspace that is being deleted, if somebody's finalizer keeps it; return whose.

        Nothing is garbage while its owner is there, so a forgotten finalizer would keep the pod running for ever.
        """
        finalizers = [item for item in workspace["metadata"].get("finalizers") or [] if item not in _COLLECTORS]
        name = main_name(workspace["metadata"]["name"])
        live = self._copies.of(DEPLOYMENTS).get(name)
        if finalizers and live is not None:
            await self._delete(DEPLOYMENTS, name, live)
        return ", ".join(finalizers)

    async def _delete(self, resource: Resource, name: str, live: Object) -> None:
        if live["metadata"].get("deletionTimestamp"):
            return
        with contextlib.suppress(ObjectNotFound, WriteConflict):
            await self._client.delete(resource, name, namespace=self._config.namespace, uid=live["metadata"]["uid"])

    def stray_ingresses(self) -> Iterable[str]:
        """Return the workspaces that have an Ingress but are gone: what was deleted while no operator looked."""
        for ingress in self._copies.of(INGRESSES).values():
            workspace = labels_of(ingress).get(WORKSPACE_LABEL)
            if workspace and workspace not in self._copies.workspaces:
                yield workspace

    def wait_for_pods(self, name: str, pods: list[Object]) -> None:
        """Let the pods of a Deployment that is gone end before another makes its own: they hold the same volumes.

        Raises
        ------
        NotYet
            They are there, and have not been for so long that they seem to stay.
        """
        if not pods:
            self._orphaned_since.pop(name, None)
            return
        since = self._orphaned_since.setdefault(name, time.monotonic())
        going = any(pod["metadata"].get("deletionTimestamp") for pod in pods)
        if going or time.monotonic() - since < PATIENCE:
            raise NotYet("Waiting for the previous pod to end.")
