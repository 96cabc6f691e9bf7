"""The volumes of a workspace: whose they are, what they are called, and how they grow.

A claim outlives its workspace unless it was deleted with ``deletionPolicy: Delete``. A new workspace of that name and
owner finds it; one of another owner gets a claim of another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.manifests import owner_reference
from vibecode.runtimes.kubernetes.naming import USER_ANNOTATION, VOLUMES, claim_name, claim_name_for_owner, labels
from vibecode.runtimes.kubernetes.quantities import bytes_of
from vibecode.runtimes.kubernetes.resources import (
    MANAGED_BY_LABEL,
    OPERATOR,
    OWNER_LABEL,
    WORKSPACE_LABEL,
    Object,
    annotations_of,
    labels_of,
)

_PROVISIONER: Final = "volume.kubernetes.io/storage-provisioner"
"""On a claim, by Kubernetes: who makes its volume."""

_ON_ONE_NODE: Final = frozenset(
    {
        "rancher.io/local-path",  # KIND, k3s
        *("openebs.io/local", "local.csi.openebs.io", "zfs.csi.openebs.io", "topolvm.io"),
        *("kubevirt.io.hostpath-provisioner", "hostpath.csi.k8s.io"),
    }
)
"""Provisioners whose volumes are on one node's disk. That stands in the PersistentVolume, for which the operator has no
right: it is of the whole cluster, and so are all others."""


class ClaimTaken(Exception):
    """Both names that a claim may have belong to others."""


def belongs_to(claim: Object, *, workspace: str, owner: str) -> bool:
    """Tell whether a claim is a workspace's own: made by the operator, for that name and that owner."""
    found = labels_of(claim)
    return (
        found.get(MANAGED_BY_LABEL) == OPERATOR
        and found.get(OWNER_LABEL) == owner
        and found.get(WORKSPACE_LABEL) == workspace
    )


def possible_names(workspace: str, owner: str) -> list[str]:
    """Return every name that a claim of a workspace can have."""
    return [
        name
        for volume in VOLUMES
        for name in (claim_name(volume, workspace), claim_name_for_owner(volume, workspace, owner))
    ]


def find_claims(workspace: str, owner: str, claims: Mapping[str, Object]) -> dict[str, str]:
    """Return the name of the claim of each volume, whether it exists or is to be made.

    Parameters
    ----------
    workspace, owner
        Whose.
    claims
        All claims of the namespace by name, also those that the operator didn't make.

    Raises
    ------
    ClaimTaken
        With a sentence that names the claim in the way.
    """
    found = {}
    for volume in VOLUMES:
        usual, other = claim_name(volume, workspace), claim_name_for_owner(volume, workspace, owner)
        present = [name for name in (other, usual) if name in claims]
        owned = [name for name in present if belongs_to(claims[name], workspace=workspace, owner=owner)]
        free = [name for name in (usual, other) if name not in claims]
        if not owned and not free:
            raise ClaimTaken(
                f"The volume claims {usual} and {other} belong to something else: remove or rename one of them."
            )
        found[volume] = (owned or free)[0]
    return found


def wanted_size(volume: str, spec: Object, config: OperatorConfig) -> str:
    """Return the size that a volume should have, as a Kubernetes quantity."""
    asked: str | None = (spec.get("storage") or {}).get(volume)
    return asked or str(getattr(config.workspace.storage, volume))


def claim(name: str, volume: str, workspace: Object, config: OperatorConfig) -> Object:
    """Return the claim to create for a volume."""
    spec = workspace["spec"]
    metadata: Object = {
        "name": name,
        "labels": labels(workspace["metadata"]["name"], spec["owner"]),
        "annotations": {USER_ANNOTATION: workspace["metadata"]["uid"]},
    }
    if spec.get("deletionPolicy") == "Delete":
        metadata["ownerReferences"] = [owner_reference(workspace)]
    body: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": wanted_size(volume, spec, config)}},
    }
    if storage_class := spec.get("storageClassName") or config.workspace.storage_class_name:
        body["storageClassName"] = storage_class
    return {"metadata": metadata, "spec": body}


def is_on_one_node(claim: Object) -> bool:
    """Tell whether a claim's volume is known to be on one node's own disk; of others that isn't known."""
    return annotations_of(claim).get(_PROVISIONER) in _ON_ONE_NODE


def tie_patch(existing: Object, workspace: Object) -> Object | None:
    """Return the merge patch that ties a claim to its Workspace or unties it, as the deletion policy says.

    It also says who uses it, and sets labels again that were changed; None if all is as it should be.
    """
    name, spec = workspace["metadata"]["name"], workspace["spec"]
    wanted = [owner_reference(workspace)] if spec.get("deletionPolicy") == "Delete" else []
    metadata: Object = {}
    if [reference["uid"] for reference in existing["metadata"].get("ownerReferences") or []] != [
        reference["uid"] for reference in wanted
    ]:
        metadata["ownerReferences"] = wanted or None
    right = labels(name, spec["owner"])
    if any(labels_of(existing).get(key) != value for key, value in right.items()):
        metadata["labels"] = right
    if annotations_of(existing).get(USER_ANNOTATION) != workspace["metadata"]["uid"]:
        metadata["annotations"] = {USER_ANNOTATION: workspace["metadata"]["uid"]}
    if not metadata:
        return None
    return {"metadata": {**metadata, "resourceVersion": existing["metadata"]["resourceVersion"]}}


def growth_patch(existing: Object, size: str) -> Object | None:
    """Return the merge patch that makes a claim larger; None if it has the size, or more: volumes can't shrink."""
    if bytes_of(size) <= bytes_of(requested_size(existing)):
        return None
    return {
        "metadata": {"resourceVersion": existing["metadata"]["resourceVersion"]},
        "spec": {"resources": {"requests": {"storage": size}}},
    }


def requested_size(claim: Object) -> str:
    """Return the size that a claim asks for."""
    return str(claim["spec"]["resources"]["requests"]["storage"])


def trim_claim(obj: Object) -> Object:
    """Return what is kept in memory of a claim."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    kept = ("name", "uid", "resourceVersion", "labels", "deletionTimestamp")
    return {
        "metadata": {
            **{key: metadata[key] for key in kept if key in metadata},
            "annotations": {
                key: value for key, value in annotations_of(obj).items() if key in (USER_ANNOTATION, _PROVISIONER)
            },
            "ownerReferences": [{"uid": item["uid"]} for item in metadata.get("ownerReferences") or []],
        },
        "spec": {
            "resources": {"requests": {"storage": spec["resources"]["requests"]["storage"]}},
            "storageClassName": spec.get("storageClassName") or "",
        },
        "status": {
            "phase": status.get("phase") or "Pending",
            "conditions": [
                {"type": item["type"], "status": item["status"], "message": item.get("message") or ""}
                for item in status.get("conditions") or []
            ],
        },
    }
