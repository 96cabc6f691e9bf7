"""Names and labels of a workspace's objects."""

from __future__ import annotations

import hashlib
from typing import Final

from vibecode.runtimes.kubernetes.resources import GROUP, MANAGED_BY_LABEL, OPERATOR, OWNER_LABEL, WORKSPACE_LABEL

CONTAINER: Final = "code-server"
"""The one container of a workspace's pod."""

VOLUMES: Final = ("workspace", "home")
"""Its volumes: the files at /workspace, and the home directory at /home/coder."""

TEMPLATE_ANNOTATION: Final = f"{GROUP}/template"
"""On a pod: which form of the pod template it was made from."""

USER_ANNOTATION: Final = f"{GROUP}/workspace-id"
"""On a claim: UID of the Workspace that uses it, or did last. Only that one's deletion may take it along."""

INGRESS_OWNER: Final = "workspace-ingresses"
"""The ConfigMap in the platform's namespace that the Ingresses of workspaces go with. It is the release's, and there
only while each workspace is to have an Ingress."""


def main_name(workspace: str) -> str:
    """Return the name of its Deployment, Service, ServiceAccount and NetworkPolicy."""
    return f"code-server-{workspace}"


def agent_secret_name(workspace: str) -> str:
    """Return the name of the Secret that its agent reports with."""
    return f"agent-{workspace}"


def ingress_name(workspace: str) -> str:
    """Return the name of its Ingress in the platform's namespace, where it has one."""
    return f"workspace-{workspace}"


def claim_name(volume: str, workspace: str) -> str:
    """Return the name that the claim of a volume usually has."""
    return f"{volume}-{workspace}"


def claim_name_for_owner(volume: str, workspace: str, owner: str) -> str:
    """Return the name of the claim where the usual one is another owner's, left from a workspace of theirs."""
    return f"{volume}-{workspace}-{hashlib.sha256(owner.encode()).hexdigest()[:8]}"


def labels(workspace: str, owner: str) -> dict[str, str]:
    """Return the labels that each object of a workspace has."""
    return {
        "app": "code-server",
        "user": owner,
        "app.kubernetes.io/name": "code-server",
        MANAGED_BY_LABEL: OPERATOR,
        WORKSPACE_LABEL: workspace,
        OWNER_LABEL: owner,
    }
