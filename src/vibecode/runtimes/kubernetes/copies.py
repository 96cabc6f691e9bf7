"""The operator's copies of all objects that matter to it, and which workspace a change is about."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.model import trim_workspace
from vibecode.runtimes.kubernetes.naming import INGRESS_OWNER
from vibecode.runtimes.kubernetes.pods import has_ended, trim_pod
from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.removed import RemovedWorkspaces
from vibecode.runtimes.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    INGRESSES,
    MANAGED,
    NETWORK_POLICIES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOLUME_CLAIMS,
    WORKSPACE_LABEL,
    WORKSPACES,
    Object,
    Resource,
    Selection,
    labels_of,
)
from vibecode.runtimes.kubernetes.status import operators_part
from vibecode.runtimes.kubernetes.volumes import trim_claim

CHILDREN: Final = (SERVICE_ACCOUNTS, SECRETS, NETWORK_POLICIES, SERVICES)
"""Kinds of which metadata says enough."""


def trim_metadata(obj: Object) -> Object:
    """Return what is kept of an object whose metadata says enough."""
    metadata = obj["metadata"]
    kept: Object = {
        key: metadata[key]
        for key in ("name", "uid", "resourceVersion", "generation", "deletionTimestamp")
        if key in metadata
    }
    kept["labels"] = {key: value for key, value in labels_of(obj).items() if key == WORKSPACE_LABEL}
    owners = metadata.get("ownerReferences") or ()
    kept["controller"] = next((owner["uid"] for owner in owners if owner.get("controller")), "")
    return {"metadata": kept}


def trim_deployment(obj: Object) -> Object:
    """Return what is kept of a Deployment: metadata, and why it can't make its pod."""
    kept = trim_metadata(obj)
    conditions = (obj.get("status") or {}).get("conditions") or []
    refusals = (item for item in conditions if item["type"] == "ReplicaFailure" and item["status"] == "True")
    kept["refusal"] = next((item.get("message") or item.get("reason") or "" for item in refusals), "")
    return kept


class Copies:
    """All reflectors of the operator.

    Parameters
    ----------
    client
        Of the API server.
    namespace, platform_namespace
        Of the workspaces, and of their Ingress objects.
    ingresses
        Whether there are Ingress objects to watch.
    on_change
        Called with the name of the workspace that a change is about.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        platform_namespace: str,
        ingresses: bool,
        on_change: Callable[[str], None],
    ) -> None:
        self._on_change = on_change
        self._pods: defaultdict[str, set[str]] = defaultdict(set)

        def reflect(
            resource: Resource,
            trim: Callable[[Object], Object],
            *,
            labels: str = "",
            metadata_only: bool = False,
            where: str = namespace,
        ) -> Reflector:
            selection = Selection(resource=resource, namespace=where, labels=labels, metadata_only=metadata_only)
            return Reflector(client, selection, trim=trim, on_change=self._child_changed)

        self._workspaces = Reflector(
            client,
            Selection(resource=WORKSPACES, namespace=namespace),
            trim=trim_workspace,
            on_change=self._workspace_changed,
        )
        self._of: dict[Resource, Reflector] = {
            WORKSPACES: self._workspaces,
            DEPLOYMENTS: reflect(DEPLOYMENTS, trim_deployment, labels=MANAGED),
            # Without a selector: a claim of somebody else may be in the way.
            VOLUME_CLAIMS: reflect(VOLUME_CLAIMS, trim_claim),
            PODS: Reflector(
                client,
                Selection(resource=PODS, namespace=namespace, labels=MANAGED),
                trim=trim_pod,
                on_change=self._pod_changed,
            ),
        }
        self.removed = RemovedWorkspaces(self._of[VOLUME_CLAIMS].store)
        """Workspaces that are gone and whose volumes are to go; who has seen to it takes them out."""
        for resource in CHILDREN:
            self._of[resource] = reflect(resource, trim_metadata, labels=MANAGED, metadata_only=True)
        if ingresses:
            self._of[INGRESSES] = reflect(
                INGRESSES, trim_metadata, labels=MANAGED, metadata_only=True, where=platform_namespace
            )
            owner = Selection(
                resource=CONFIG_MAPS,
                namespace=platform_namespace,
                fields=f"metadata.name={INGRESS_OWNER}",
                metadata_only=True,
            )
            self._of[CONFIG_MAPS] = Reflector(client, owner, trim=trim_metadata, on_change=self._owner_changed)

    @property
    def workspaces(self) -> Mapping[str, Object]:
        """Workspace objects by name."""
        return self._workspaces.store

    def of(self, resource: Resource) -> Mapping[str, Object]:
        """Return the copies of a kind by name; empty for a kind that isn't watched."""
        reflector = self._of.get(resource)
        return reflector.store if reflector is not None else {}

    def pods(self, workspace: str) -> list[Object]:
        """Return the pods of a workspace that run or are going; not those that ended and are kept for the record."""
        return [pod for pod in self._pods_of(workspace) if not has_ended(pod)]

    def ended_pods(self, workspace: str) -> list[Object]:
        """Return the pods of a workspace that ended and are kept for the record."""
        return [pod for pod in self._pods_of(workspace) if has_ended(pod)]

    def _pods_of(self, workspace: str) -> list[Object]:
        store = self._of[PODS].store
        return [store[name] for name in self._pods.get(workspace, ()) if name in store]

    def note(self, resource: Resource, answer: Object) -> None:
        """Take in the answer to a write, so that the next reconcile reads what this one wrote."""
        if resource in self._of:
            self._of[resource].note(answer)

    def reflectors(self) -> Iterable[tuple[Resource, Reflector]]:
        """Return each kind and its reflector."""
        return self._of.items()

    async def synced(self) -> None:
        """Wait until everything was read once."""
        await asyncio.gather(*(reflector.synced() for reflector in self._of.values()))

    @property
    def is_synced(self) -> bool:
        """Whether everything was read once."""
        return all(reflector.is_synced for reflector in self._of.values())

    async def run(self) -> None:
        """Keep the copies up to date until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for resource, reflector in self._of.items():
                tasks.create_task(reflector.run(), name=f"reflector {resource.plural}")

    def _workspace_changed(self, name: str, new: Object | None, old: Object | None) -> None:
        if new is None and old is not None and old["spec"].get("deletionPolicy") == "Delete":
            self.removed.add(old)
        if new is None or old is None or _relevant(new) != _relevant(old):
            self._on_change(name)

    def _child_changed(self, _name: str, new: Object | None, old: Object | None) -> None:
        if new is not None and old is not None and _same(new, old):
            return
        if workspace := labels_of(new or old or {"metadata": {}}).get(WORKSPACE_LABEL):
            self._on_change(workspace)

    def _owner_changed(self, _name: str, new: Object | None, old: Object | None) -> None:
        """Have all looked at when what their Ingresses go with is another, or there again."""
        if new is not None and (old is None or old["metadata"]["uid"] != new["metadata"]["uid"]):
            for workspace in self.workspaces:
                self._on_change(workspace)

    def _pod_changed(self, name: str, new: Object | None, old: Object | None) -> None:
        workspace = labels_of(new or old or {"metadata": {}}).get(WORKSPACE_LABEL)
        if workspace and new is not None:
            self._pods[workspace].add(name)
        elif workspace and workspace in self._pods:
            self._pods[workspace].discard(name)
            if not self._pods[workspace]:
                del self._pods[workspace]
        self._child_changed(name, new, old)


def _relevant(workspace: Object) -> tuple[object, ...]:
    """Return the parts of a Workspace whose change calls for a look: not what the control plane notes each minute."""
    metadata = workspace["metadata"]
    return (
        metadata["uid"],
        metadata.get("generation"),
        metadata.get("deletionTimestamp"),
        operators_part(workspace["status"]),
    )


def _same(new: Object, old: Object) -> bool:
    """Tell whether two copies differ in nothing but their version; versions count where nobody else writes."""
    if "spec" not in new and "refusal" not in new:
        return False
    return all(
        _without_version(value) == _without_version(old.get(key)) if key == "metadata" else value == old.get(key)
        for key, value in new.items()
    )


def _without_version(metadata: Object | None) -> Object:
    return {key: value for key, value in (metadata or {}).items() if key != "resourceVersion"}
