"""The kinds of objects that are read or written, and their paths in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]
"""A Kubernetes object as JSON has it. Plain dictionaries, as there are ten thousand of some kinds in memory."""

GROUP: Final = "vibecode.dev"
"""API group of our own kinds, and prefix of our labels and annotations."""

OPERATOR: Final = "vibecode-operator"
"""The operator's field manager, and the ``managed-by`` of what it makes."""

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
WORKSPACE_LABEL: Final = f"{GROUP}/workspace"
OWNER_LABEL: Final = f"{GROUP}/owner"

MANAGED: Final = f"{MANAGED_BY_LABEL}={OPERATOR}"
"""Selects the objects that the operator made."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of objects."""

    group: str
    """API group; empty for the core group."""
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, *, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the path of one object or, without a name, of the collection.

        Parameters
        ----------
        namespace
            None reads a namespaced kind in all namespaces, and is right for a kind without them.
        name, subresource
            Such as ``alice`` and ``status``.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects to read."""

    resource: Resource
    namespace: str | None
    """None reads all namespaces."""
    labels: str = ""
    """Label selector as the API spells it (``a=b,c``); empty selects all."""
    fields: str = ""
    """Field selector, such as ``metadata.name=alice``."""
    metadata_only: bool = False
    """Asks for ``metadata`` alone: a tenth of the bytes, and no right to see secrets' data is used."""

    @property
    def query(self) -> dict[str, str]:
        """The selectors as parameters of a request; empty ones too."""
        return {"labelSelector": self.labels, "fieldSelector": self.fields}


WORKSPACES: Final = Resource(GROUP, "v1alpha1", "Workspace", "workspaces")
DEPLOYMENTS: Final = Resource("apps", "v1", "Deployment", "deployments")
PODS: Final = Resource("", "v1", "Pod", "pods")
SERVICES: Final = Resource("", "v1", "Service", "services")
VOLUME_CLAIMS: Final = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SECRETS: Final = Resource("", "v1", "Secret", "secrets")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "ServiceAccount", "serviceaccounts")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
INGRESSES: Final = Resource("networking.k8s.io", "v1", "Ingress", "ingresses")
CONFIG_MAPS: Final = Resource("", "v1", "ConfigMap", "configmaps")
EVENTS: Final = Resource("", "v1", "Event", "events")
NAMESPACES: Final = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
LEASES: Final = Resource("coordination.k8s.io", "v1", "Lease", "leases")


def labels_of(obj: Object) -> dict[str, str]:
    """Return an object's labels; an empty dictionary if it has none."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> dict[str, str]:
    """Return an object's annotations; an empty dictionary if it has none."""
    return obj["metadata"].get("annotations") or {}
