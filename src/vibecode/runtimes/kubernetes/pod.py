"""The Deployment of a workspace, and the template of its pod."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.naming import (
    CONTAINER,
    TEMPLATE_ANNOTATION,
    agent_secret_name,
    labels,
    main_name,
)
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT, HOLD_SECONDS, READY_PORT
from vibecode.runtimes.kubernetes.quantities import bytes_of
from vibecode.runtimes.kubernetes.resources import GROUP, WORKSPACE_LABEL, Object

AGENT_FOLDER: Final = "/run/vibecode"
AGENT_FILE: Final = "agent.json"
DISK: Final = "ephemeral-storage"
"""Kubernetes' name for what a container may have of its node's own disk."""
STARTUP_SECONDS: Final = 1800
"""How long a start may take before the kubelet begins it anew: a clone can be large."""


def pod_template(workspace: Object, config: OperatorConfig, *, claims: dict[str, str]) -> Object:
    """Return the pod template, without what changes from start to start.

    Parameters
    ----------
    workspace
        The Workspace object.
    config
        What the operator of the platform decides.
    claims
        Names of the claims by volume.
    """
    name, spec = workspace["metadata"]["name"], workspace["spec"]
    defaults = config.workspace
    security = defaults.security
    pod: dict[str, Any] = {
        "serviceAccountName": main_name(name),
        "automountServiceAccountToken": False,
        # The namespace's Services as variables would tell each workspace of all the others.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": security.run_as_user,
            "runAsGroup": security.run_as_group,
            "fsGroup": security.fs_group,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(workspace, config)],
        "volumes": [
            *({"name": volume, "persistentVolumeClaim": {"claimName": claims[volume]}} for volume in claims),
            {"name": "tmp", "emptyDir": {"sizeLimit": tmp} if (tmp := defaults.ephemeral_storage.tmp) else {}},
            {"name": "agent", "secret": {"secretName": agent_secret_name(name), "defaultMode": 0o440}},
        ],
    }
    optional = {
        "imagePullSecrets": [{"name": secret} for secret in defaults.image_pull_secrets],
        "nodeSelector": defaults.node_selector,
        "tolerations": defaults.tolerations,
        "affinity": defaults.affinity,
        "runtimeClassName": defaults.runtime_class_name,
        "priorityClassName": defaults.priority_class_name,
    }
    pod |= {key: value for key, value in optional.items() if value}
    return {"metadata": {"labels": labels(name, spec["owner"])}, "spec": pod}


def _container(workspace: Object, config: OperatorConfig) -> Object:
    name, spec = workspace["metadata"]["name"], workspace["spec"]
    source = spec.get("source")
    health = {"httpGet": {"path": "/healthz", "port": EDITOR_PORT}, "timeoutSeconds": 5}
    environment = {
        "VIBECODE_WORKSPACE": name,
        "VIBECODE_WORKSPACE_ID": workspace["metadata"]["uid"],
        "WORKSPACE_ID": name,
        "VIBECODE_SOURCE": to_json(source) if source else "",
        "VIBECODE_EXTENSIONS": to_json(config.workspace.extensions),
        "VIBECODE_AGENT_FILE": f"{AGENT_FOLDER}/{AGENT_FILE}",
        "VSCODE_PROXY_URI": config.addresses.addresses.preview_template(name),
    }
    return {
        "name": CONTAINER,
        "image": spec.get("image") or config.workspace.image,
        "imagePullPolicy": config.workspace.image_pull_policy,
        "ports": [{"name": "http", "containerPort": EDITOR_PORT, "protocol": "TCP"}],
        # Kubernetes expands $(NAME) in values, and a source may hold that; $$ stands for a dollar.
        "env": [{"name": key, "value": value.replace("$", "$$")} for key, value in environment.items()],
        "resources": resources_of(workspace, config),
        # A question is held until the editor answers, so the start is noticed when it happens.
        "startupProbe": {
            "httpGet": {"path": "/", "port": READY_PORT},
            "timeoutSeconds": HOLD_SECONDS + 1,
            "periodSeconds": 1,
            "failureThreshold": STARTUP_SECONDS // HOLD_SECONDS,
        },
        "readinessProbe": {**health, "periodSeconds": 10, "failureThreshold": 3},
        # No livenessProbe: an editor that is busy must not be killed for it.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "volumeMounts": [
            {"name": "workspace", "mountPath": "/workspace"},
            {"name": "home", "mountPath": "/home/coder"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "agent", "mountPath": AGENT_FOLDER, "readOnly": True},
        ],
    }


def resources_of(workspace: Object, config: OperatorConfig) -> Object:
    """Return requests and limits of its container: its own or the platform's.

    What it may have of its node's disk is limited in either case: one that fills it gets its neighbours ended.
    """
    resources = workspace["spec"].get("resources") or config.workspace.resources
    disk = config.workspace.ephemeral_storage
    limits, requests = dict(resources.get("limits") or {}), dict(resources.get("requests") or {})
    if DISK in limits or not disk.limit:
        return {**resources}
    asked = str(requests.get(DISK) or disk.request or "0")
    limits[DISK] = disk.limit if bytes_of(disk.limit) >= bytes_of(asked) else asked
    if DISK not in requests and disk.request:
        requests[DISK] = disk.request
    return {**resources, "limits": limits, **({"requests": requests} if requests else {})}


def deployment(workspace: Object, template: Object, *, replicas: int) -> Object:
    """Return the Deployment around a pod template of :func:`pod_template`.

    A changed ``spec.restartedAt`` changes an annotation of the template, and so makes a new pod.
    """
    name, spec = workspace["metadata"]["name"], workspace["spec"]
    annotations = {TEMPLATE_ANNOTATION: start_digest(workspace, template)}
    if spec.get("restartedAt"):
        annotations[f"{GROUP}/restarted-at"] = spec["restartedAt"]
    metadata = {**template["metadata"], "annotations": annotations}
    return {
        "metadata": {"name": main_name(name), "labels": labels(name, spec["owner"])},
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            # Its volumes can be mounted once only, so the old pod goes before the new one comes.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {WORKSPACE_LABEL: name}},
            "template": {"metadata": metadata, "spec": template["spec"]},
        },
    }


def start_digest(workspace: Object, template: Object) -> str:
    """Return what tells one start of a workspace from another: its template's digest and what asked for it."""
    return f"{digest(template)}-{digest(workspace['spec'].get('restartedAt') or '')}"


def request_of(start: str) -> str:
    """Return the part of :func:`start_digest` that stands for what asked for it, not for its template."""
    return start.partition("-")[2]


def digest(value: object) -> str:
    """Return eight hexadecimal digits that stand for a JSON value, whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:8]


def to_json(value: object) -> str:
    """Return a value as compact JSON."""
    return msgspec.json.encode(value).decode()
