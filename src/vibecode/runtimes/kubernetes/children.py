"""Bringing the objects of a workspace to what they should be, one at a time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from vibecode.runtimes.kubernetes.announce import Announcer
from vibecode.runtimes.kubernetes.applied import apply_strictly, mark, split_mark, version_of, wanted_of
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.copies import Copies
from vibecode.runtimes.kubernetes.errors import (
    NotPermitted,
    ObjectExists,
    ObjectInvalid,
    ObjectNotFound,
    QuotaExceeded,
    WriteConflict,
)
from vibecode.runtimes.kubernetes.manifests import ingress, owner_reference
from vibecode.runtimes.kubernetes.naming import INGRESS_OWNER
from vibecode.runtimes.kubernetes.resources import CONFIG_MAPS, INGRESSES, VOLUME_CLAIMS, Object, Resource
from vibecode.runtimes.kubernetes.volumes import claim, growth_patch, tie_patch, wanted_size


class NotYet(Exception):
    """Something has to go first: its end will be noticed, and the workspace looked at again. Says what, in words."""


@dataclass(slots=True)
class Work:
    """One workspace while it is reconciled."""

    workspace: Object
    applied: dict[str, str]
    """What is recorded in ``status.applied``; grows as objects are written."""
    resize_refusals: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The workspace's name."""
        return str(self.workspace["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The Workspace object's UID."""
        return str(self.workspace["metadata"]["uid"])


class Children:
    """Writes objects where they differ from what is wanted."""

    def __init__(self, client: Client, copies: Copies, announcer: Announcer, config: OperatorConfig) -> None:
        self._client = client
        self._copies = copies
        self._announcer = announcer
        self._config = config

    async def ensure(
        self, work: Work, resource: Resource, manifest: Object, *, wanted: str, namespace: str, owned: bool = True
    ) -> None:
        """Apply a manifest unless the live object is known to be what it says.

        Parameters
        ----------
        work
            The workspace; what was written is recorded there.
        resource, manifest, namespace
            The object.
        wanted
            Stands for the manifest in the record.
        owned
            Whether it goes with the Workspace by an owner reference.

        Raises
        ------
        NotYet
            The object that is there has to go first.
        KubernetesError
        """
        name = manifest["metadata"]["name"]
        live = self._copies.of(resource).get(name)
        if live is not None:
            await self._check_owner(work, resource, live)
        if not self.differs(work, resource, name, wanted):
            return
        recorded, version = split_mark(work.applied.get(resource.kind))
        if owned:
            metadata = {**manifest["metadata"], "ownerReferences": [owner_reference(work.workspace)]}
            manifest = {**manifest, "metadata": metadata}
        changed = live is not None and recorded != "" and version_of(resource, live) != version
        write = apply_strictly if changed else _apply
        answer = await write(self._client, resource, manifest, namespace=namespace)
        self._copies.note(resource, answer)
        work.applied[resource.kind] = mark(resource, wanted, answer)
        if live is None and recorded:
            self._announcer.tell(
                work.workspace, "Recreated", f"The {resource.kind} {name} was gone, and is made again."
            )
        elif changed and live is not None and version_of(resource, live) != version_of(resource, answer):
            self._announcer.tell(
                work.workspace, "Reverted", f"A foreign change of the {resource.kind} {name} was undone."
            )

    async def ensure_ingress(self, work: Work) -> None:
        """Apply its Ingress in the platform's namespace.

        Raises
        ------
        NotYet
            What it is to go with isn't there: without that, the garbage collector would remove it at once.
        KubernetesError
        """
        owner = self._copies.of(CONFIG_MAPS).get(INGRESS_OWNER)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            raise NotYet(f"Waiting for the ConfigMap {INGRESS_OWNER} of the platform's chart, which Ingresses go with.")
        manifest = ingress(work.workspace, self._config, owner=owner)
        namespace = self._config.platform_namespace
        await self.ensure(work, INGRESSES, manifest, wanted=wanted_of(manifest), namespace=namespace, owned=False)

    def differs(self, work: Work, resource: Resource, name: str, wanted: str) -> bool:
        """Tell whether an object is gone, or not as it was when ``wanted`` was written."""
        live = self._copies.of(resource).get(name)
        recorded, version = split_mark(work.applied.get(resource.kind))
        return live is None or recorded != wanted or version_of(resource, live) != version

    async def _check_owner(self, work: Work, resource: Resource, live: Object) -> None:
        """Have an object removed that belongs to an earlier workspace of this name."""
        metadata = live["metadata"]
        name = metadata["name"]
        if metadata.get("deletionTimestamp"):
            raise NotYet(f"Waiting for the {resource.kind} {name} to go.")
        controller: str = metadata.get("controller") or ""
        if controller and controller != work.uid:
            # The garbage collector is on its way, too, but may take its time.
            with contextlib.suppress(ObjectNotFound, WriteConflict):
                await self._client.delete(resource, name, namespace=self._config.namespace, uid=metadata["uid"])
            raise NotYet(f"Waiting for the {resource.kind} {name} of an earlier workspace of this name to go.")

    async def ensure_claim(self, work: Work, volume: str, name: str) -> None:
        """Create the claim of a volume, tie or untie it, and let it grow.

        Raises
        ------
        NotYet
            A claim of that name is going.
        WriteConflict, KubernetesError
            Somebody made a claim of that name just now; look again.
        """
        existing = self._copies.of(VOLUME_CLAIMS).get(name)
        namespace = self._config.namespace
        if existing is None:
            manifest = claim(name, volume, work.workspace, self._config)
            try:
                answer = await self._client.create(VOLUME_CLAIMS, manifest, namespace=namespace)
            except ObjectExists as error:
                # Not known to be ours: it has to be read before anything is done with it.
                self._copies.note(VOLUME_CLAIMS, await self._client.get(VOLUME_CLAIMS, name, namespace=namespace))
                raise WriteConflict(error.message, status=error.status) from error
            self._copies.note(VOLUME_CLAIMS, answer)
            return
        if existing["metadata"].get("deletionTimestamp"):
            raise NotYet(f"Waiting for the volume {name} to go, which was deleted.")
        if patch := tie_patch(existing, work.workspace):
            existing = await self._patch_claim(name, patch)
        await self._grow(work, volume, name, existing)

    async def _grow(self, work: Work, volume: str, name: str, existing: Object) -> None:
        size = wanted_size(volume, work.workspace["spec"], self._config)
        patch = growth_patch(existing, size)
        record = f"resize/{volume}"
        if patch is None:
            work.applied.pop(record, None)
            return
        if existing["status"]["phase"] != "Bound":
            return  # Only what is bound can grow; that it is will be noticed.
        asked, _, why = work.applied.get(record, "").partition(" ")
        if asked == size:
            work.resize_refusals.append(why)
            return
        try:
            await self._patch_claim(name, patch)
        except (NotPermitted, ObjectInvalid, QuotaExceeded) as error:
            why = f"{name} can't grow to {size}: {error.message}"
            work.applied[record] = f"{size} {why}"
            work.resize_refusals.append(why)
            self._announcer.tell(work.workspace, "ResizeRefused", why)
        else:
            work.applied.pop(record, None)
            self._announcer.tell(work.workspace, "Growing", f"The volume {name} grows to {size}.")

    async def _patch_claim(self, name: str, patch: Object) -> Object:
        answer = await self._client.patch(VOLUME_CLAIMS, name, patch, namespace=self._config.namespace)
        self._copies.note(VOLUME_CLAIMS, answer)
        return self._copies.of(VOLUME_CLAIMS).get(name, answer)


async def _apply(client: Client, resource: Resource, manifest: Object, *, namespace: str) -> dict[str, Any]:
    return await client.apply(resource, manifest, namespace=namespace)
