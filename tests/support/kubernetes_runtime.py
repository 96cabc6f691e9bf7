"""A runtime of a cluster, and what tests wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.local_runtime import HelperProvisioner
from vibecode.domain.workspace import Phase, Source, Workspace, WorkspaceSpec
from vibecode.runtimes.base import Runtime
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.resources import VOLUME_CLAIMS, WORKSPACES, Object
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime

LIMIT = 90.0


def build(client: Client, namespace: str, **options: Any) -> KubernetesRuntime:
    """Return a runtime that isn't open yet."""
    return KubernetesRuntime(client, namespace=namespace, provisioner=HelperProvisioner(), **options)


@asynccontextmanager
async def opened(client: Client, namespace: str, **options: Any) -> AsyncIterator[KubernetesRuntime]:
    """Have a runtime open."""
    runtime = build(client, namespace, **options)
    await runtime.open()
    try:
        yield runtime
    finally:
        await runtime.close()


def spec(name: str = "alice", *, owner: str = "u-alice", source: Source = None) -> WorkspaceSpec:
    """Return a spec."""
    return WorkspaceSpec(name=name, owner=owner, source=source)


async def reach(
    runtime: Runtime, name: str, condition: Phase | Callable[[Workspace], bool], *, timeout: float = LIMIT
) -> Workspace:
    """Wait until a workspace is in a phase or something about it is so."""

    def is_so(workspace: Workspace) -> bool:
        return workspace.phase is condition if isinstance(condition, Phase) else condition(workspace)

    changes = runtime.watch()
    workspace = runtime.peek(name)
    async with asyncio.timeout(timeout):
        # None: one of its name is gone, and the next not there yet.
        while workspace is None or not is_so(workspace):
            change = await anext(changes)
            if change.name == name and change.workspace is not None:
                workspace = change.workspace
    return workspace


async def running(runtime: Runtime, name: str = "alice", *, owner: str = "u-alice") -> Workspace:
    """Create a workspace and wait until it runs."""
    await runtime.create(spec(name, owner=owner))
    assert await runtime.wait_ready(name, timeout=LIMIT), (await runtime.get(name)).reason
    return await runtime.get(name)


async def make_claims(
    client: Client, namespace: str, workspace: str, owner: str, *, owned: Object | None = None
) -> None:
    """Make a workspace's volume claims as the operator leaves them; with ``owned`` they go with that object."""
    for kind, size in (("workspace", "10Gi"), ("home", "2Gi")):
        metadata: Object = {
            "name": f"{kind}-{workspace}-{owner}",
            "labels": {
                "app.kubernetes.io/managed-by": "vibecode-operator",
                "vibecode.dev/workspace": workspace,
                "vibecode.dev/owner": owner,
            },
        }
        if owned is not None:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": WORKSPACES.api_version,
                    "kind": WORKSPACES.kind,
                    "name": workspace,
                    "uid": owned["metadata"]["uid"],
                }
            ]
        claim = {
            "metadata": metadata,
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        }
        await client.create(VOLUME_CLAIMS, claim, namespace=namespace)
