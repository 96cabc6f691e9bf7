"""What was written last of each object, so that a restart with nothing to do writes nothing and foreign changes show.

For each object the Workspace's ``status.applied`` holds ``<what was wanted>@<what came of it>``: a digest of the
manifest, and the version of the live object after it was written. For kinds that nobody else has reason to write the
version is ``resourceVersion``; a Deployment's status is written all the time, so its is UID and ``generation``, which
grows with each change of the spec. If neither differs from what is now, there is nothing to do. This takes no copy of
the live objects' specs in memory: their metadata is enough.
"""

from __future__ import annotations

from typing import Any, Final

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.pod import digest
from vibecode.runtimes.kubernetes.resources import DEPLOYMENTS, INGRESSES, SERVICES, Object, Resource

_STATUS_IS_WRITTEN: Final = frozenset({DEPLOYMENTS, INGRESSES})
_SPEC_IS_OURS: Final = frozenset({DEPLOYMENTS, INGRESSES, SERVICES})
"""Kinds whose spec is the operator's alone. Others may add to a ServiceAccount, as OpenShift does."""


def version_of(resource: Resource, live: Object) -> str:
    """Return what changes when somebody changes an object, but not when a controller reports on it."""
    metadata = live["metadata"]
    if resource in _STATUS_IS_WRITTEN:
        return f"{metadata['uid'][:8]}.{metadata['generation']}"
    return str(metadata["resourceVersion"])


def mark(resource: Resource, wanted: str, live: Object) -> str:
    """Return what is recorded after ``wanted`` was written and became ``live``."""
    return f"{wanted}@{version_of(resource, live)}"


def wanted_of(manifest: Object, owner: str = "") -> str:
    """Return what stands for a manifest, and for the UID of the Workspace that owns it, in the record."""
    return digest([manifest, owner])


def split_mark(recorded: str | None) -> tuple[str, str]:
    """Return the two parts of a record; empty ones if there is none."""
    wanted, _, version = (recorded or "").rpartition("@")
    return wanted, version


async def apply_strictly(client: Client, resource: Resource, manifest: Object, *, namespace: str) -> Object:
    """Apply a manifest so that what others added to the spec goes, too.

    Server-side apply leaves alone what it isn't told of. So what others own in the spec is first recorded as ours, by
    which the apply that follows drops it.

    Raises
    ------
    KubernetesError
    """
    if resource in _SPEC_IS_OURS:
        name = manifest["metadata"]["name"]
        live = await client.get(resource, name, namespace=namespace)
        managers = taken_over(live["metadata"].get("managedFields") or [], client.field_manager)
        if managers is not None:
            change = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": managers}}
            await client.patch(resource, name, change, namespace=namespace)
    return await client.apply(resource, manifest, namespace=namespace)


def taken_over(managers: list[Object], ours: str) -> list[Object] | None:
    """Return an object's ``managedFields`` with all of its spec moved to our entry; None if nobody else has any.

    Our entry is the one of operation Apply. Entries of subresources (status, scale) stay, but for a scale's replicas.
    """
    moved: list[Any] = []
    rest: list[Object] = []
    own: Object | None = None
    for entry in managers:
        if entry["manager"] == ours and entry["operation"] == "Apply" and not entry.get("subresource"):
            own = entry
            continue
        fields = dict(entry.get("fieldsV1") or {})
        if entry.get("subresource") != "status" and "f:spec" in fields:
            moved.append(fields.pop("f:spec"))
            if not fields:
                continue
        rest.append({**entry, "fieldsV1": fields})
    if own is None or not moved:
        return None
    spec = dict(own["fieldsV1"].get("f:spec") or {})
    for fields in moved:
        spec = _merged(spec, fields)
    return [*rest, {**own, "fieldsV1": {**own["fieldsV1"], "f:spec": spec}}]


def _merged(one: Object, other: Object) -> Object:
    merged = dict(one)
    for key, value in other.items():
        merged[key] = _merged(merged[key], value) if isinstance(merged.get(key), dict) else value
    return merged
