"""The objects of a workspace, but for its Deployment, NetworkPolicy and volumes."""

from __future__ import annotations

import base64

from vibecode.domain.secrets import agent_token
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.naming import agent_secret_name, ingress_name, labels, main_name
from vibecode.runtimes.kubernetes.pod import AGENT_FILE, to_json
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT
from vibecode.runtimes.kubernetes.resources import CONFIG_MAPS, WORKSPACE_LABEL, WORKSPACES, Object


def owner_reference(workspace: Object, *, controller: bool = True) -> Object:
    """Return what ties an object to its Workspace, so that it goes when that goes.

    It doesn't block the owner's deletion: that would need a right on the finalizers of Workspaces.
    """
    metadata = workspace["metadata"]
    return {
        "apiVersion": WORKSPACES.api_version,
        "kind": WORKSPACES.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": controller,
        "blockOwnerDeletion": False,
    }


def service_account(workspace: Object) -> Object:
    """Return the account of its pod: without any right, and without a token in the pod."""
    name, owner = workspace["metadata"]["name"], workspace["spec"]["owner"]
    return {
        "metadata": {"name": main_name(name), "labels": labels(name, owner)},
        "automountServiceAccountToken": False,
    }


def agent_secret(workspace: Object, config: OperatorConfig, *, key: bytes) -> Object:
    """Return the Secret that tells its agent where to report, and as whom."""
    metadata, owner = workspace["metadata"], workspace["spec"]["owner"]
    content = {
        "url": config.agent_url,
        "token": agent_token(key, metadata["uid"]),
        "dashboardUrl": config.addresses.addresses.dashboard,
    }
    return {
        "metadata": {"name": agent_secret_name(metadata["name"]), "labels": labels(metadata["name"], owner)},
        "type": "Opaque",
        "data": {AGENT_FILE: base64.b64encode(to_json(content).encode()).decode()},
    }


def service(workspace: Object) -> Object:
    """Return the Service in front of its pod. The edge goes by the pod's address; this is for people and scrapers."""
    name, owner = workspace["metadata"]["name"], workspace["spec"]["owner"]
    return {
        "metadata": {"name": main_name(name), "labels": labels(name, owner)},
        "spec": {
            "type": "ClusterIP",
            "selector": {WORKSPACE_LABEL: name},
            "ports": [{"name": "http", "port": EDITOR_PORT, "targetPort": EDITOR_PORT, "protocol": "TCP"}],
        },
    }


def ingress(workspace: Object, config: OperatorConfig, *, owner: Object) -> Object:
    """Return the Ingress that leads a workspace's host name to the edge.

    Never to the workspace itself, which lets in everybody who reaches it. Nothing can tie it to the Workspace, as
    owners are of the same namespace: the operator removes it.

    Parameters
    ----------
    workspace, config
        As for the others.
    owner
        The object :data:`~.naming.INGRESS_OWNER`. When the release is to have no such Ingresses any more, nobody may be
        left who has a right to remove them; the garbage collector has.
    """
    name = workspace["metadata"]["name"]
    settings = config.exposure.ingress
    host = f"{name}.{config.addresses.workspace_domain}"
    backend = {"service": {"name": "edge", "port": {"number": 80}}}
    spec: Object = {
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    }
    if settings.class_name:
        spec["ingressClassName"] = settings.class_name
    if settings.tls:
        spec["tls"] = [{"hosts": [host], "secretName": f"tls-{name}"}]
    annotations = {**settings.annotations, "external-dns.alpha.kubernetes.io/hostname": host}
    return {
        "metadata": {
            "name": ingress_name(name),
            "labels": labels(name, workspace["spec"]["owner"]),
            "annotations": annotations,
            "ownerReferences": [
                {
                    "apiVersion": CONFIG_MAPS.api_version,
                    "kind": CONFIG_MAPS.kind,
                    "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"],
                }
            ],
        },
        "spec": spec,
    }
