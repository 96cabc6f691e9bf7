"""The floor: a workspace's objects, written by a client that does nothing else."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.operator_cluster import FLOOR, PLATFORM
from tests.support.operators import KEY, make_config
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.manifests import agent_secret, service, service_account
from vibecode.runtimes.kubernetes.naming import VOLUMES, claim_name
from vibecode.runtimes.kubernetes.pod import deployment, pod_template
from vibecode.runtimes.kubernetes.policy import network_policy
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOLUME_CLAIMS,
    Object,
    Resource,
)
from vibecode.runtimes.kubernetes.volumes import claim

WRITES_A_WORKSPACE: Final = 7


def floors_config() -> OperatorConfig:
    """Return what the operator's configuration would be in the floor's namespace."""
    return make_config(FLOOR, PLATFORM, image="vibecode/workspace:1", workspace={"storageClassName": "simulated"})


async def write_objects(client: Client, name: str, config: OperatorConfig) -> None:
    """Create the objects of a workspace as the operator does: what the pod needs at once, then the Deployment."""
    workspace = {"metadata": {"name": name, "uid": name}, "spec": {"owner": "alice"}}
    claims = {volume: claim_name(volume, name) for volume in VOLUMES}
    policy = network_policy(name, "alice", platform_namespace=PLATFORM, network=config.network)
    objects: list[tuple[Resource, Object]] = [
        (SERVICE_ACCOUNTS, service_account(workspace)),
        (SECRETS, agent_secret(workspace, config, key=KEY)),
        (NETWORK_POLICIES, policy),
        (SERVICES, service(workspace)),
        *((VOLUME_CLAIMS, claim(found, volume, workspace, config)) for volume, found in claims.items()),
    ]
    await asyncio.gather(*(client.create(kind, obj, namespace=FLOOR) for kind, obj in objects))
    made = deployment(workspace, pod_template(workspace, config, claims=claims), replicas=1)
    await client.create(DEPLOYMENTS, made, namespace=FLOOR)
