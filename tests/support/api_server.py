"""A namespace on a real API server, for tests of what talks to it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.support.gate import Gate
from tests.support.require import require
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError
from vibecode.runtimes.kubernetes.resources import (
    NAMESPACES,
    SERVICE_ACCOUNTS,
    WORKSPACES,
    Object,
    Resource,
    Selection,
)

# Read when this is imported: tests hide VIBECODE_* from what they start.
_KUBECONFIG = os.environ.get("VIBECODE_TEST_KUBECONFIG", "")
_DEFINITION = Path(__file__).parents[2] / "charts" / "vibecode-platform" / "files" / "workspaces.yaml"
_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
_ROLES = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles")
_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")


def kubeconfig() -> Path:
    """Return the way to the test cluster; the test is left out, or fails, where there is none."""
    if not _KUBECONFIG:
        require("kubernetes", "VIBECODE_TEST_KUBECONFIG names no cluster")
    return Path(_KUBECONFIG)


def connect(field_manager: str) -> Client:
    """Return a client of the test cluster."""
    return Client.connect(field_manager=field_manager, kubeconfig=kubeconfig())


@asynccontextmanager
async def fresh_namespace(client: Client) -> AsyncIterator[str]:
    """Have a namespace of one's own, on a server that knows Workspace objects; it is removed afterwards."""
    await client.apply(_DEFINITIONS, yaml.safe_load(_DEFINITION.read_text()), namespace=None)
    name = f"test-{secrets.token_hex(4)}"
    await client.create(NAMESPACES, {"metadata": {"name": name}}, namespace=None)
    await _until_served(client, name)
    try:
        yield name
    finally:
        await client.delete(NAMESPACES, name, namespace=None)


async def _until_served(client: Client, namespace: str) -> None:
    """Wait until a kind that was defined just now can be asked for."""
    async with asyncio.timeout(30):
        while True:
            try:
                await client.list(Selection(resource=WORKSPACES, namespace=namespace))
            except KubernetesError:
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def gated(field_manager: str, folder: Path) -> AsyncIterator[tuple[Client, Gate]]:
    """Have a client whose way to the API server can be cut."""
    config = yaml.safe_load(kubeconfig().read_text())
    (cluster,) = config["clusters"]
    server = urlsplit(cluster["cluster"]["server"])
    assert server.hostname is not None
    async with Gate(server.hostname, server.port or 443).listening() as gate:
        cluster["cluster"]["server"] = f"{server.scheme}://127.0.0.1:{gate.port}"
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        client = Client.connect(field_manager=field_manager, kubeconfig=path)
        try:
            yield client, gate
        finally:
            await client.close()


@asynccontextmanager
async def service_account(
    client: Client, namespace: str, folder: Path, *, rules: Sequence[Object], field_manager: str
) -> AsyncIterator[Client]:
    """Have a client with the rights of a Role alone.

    Parameters
    ----------
    client
        With all rights.
    namespace
        Where account and Role are made.
    folder
        For a kubeconfig file.
    rules
        Of the Role.
    field_manager
        Of the client.
    """
    metadata = {"metadata": {"name": "limited"}}
    subject = {"kind": "ServiceAccount", "name": "limited", "namespace": namespace}
    role = {"apiGroup": _ROLES.group, "kind": "Role", "name": "limited"}
    await client.create(SERVICE_ACCOUNTS, metadata, namespace=namespace)
    await client.create(_ROLES, {**metadata, "rules": list(rules)}, namespace=namespace)
    await client.create(_BINDINGS, {**metadata, "subjects": [subject], "roleRef": role}, namespace=namespace)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    answer = await client._connection.json(
        "POST",
        SERVICE_ACCOUNTS.path(namespace=namespace, name="limited", subresource="token"),
        kind="TokenRequest",
        body=request,
    )
    config = yaml.safe_load(Path(_KUBECONFIG).read_text())
    config["users"][0]["user"] = {"token": answer["status"]["token"]}
    path = folder / "limited"
    path.write_text(yaml.safe_dump(config))
    limited = Client.connect(field_manager=field_manager, kubeconfig=path)
    try:
        await _until_allowed(limited, namespace, rules)
        yield limited
    finally:
        await limited.close()


async def _until_allowed(client: Client, namespace: str, rules: Sequence[Object]) -> None:
    """Wait until the server goes by a Role: it learns of each by a watch of its own. All rules of one come at once."""
    if not rules:
        return
    (group, *_), (resource, *_), (verb, *_) = (rules[0][key] for key in ("apiGroups", "resources", "verbs"))
    wanted = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
    kind = "SelfSubjectAccessReview"
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": {"resourceAttributes": wanted}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    async with asyncio.timeout(30):
        while not (await client._connection.json("POST", path, kind=kind, body=review))["status"]["allowed"]:
            await asyncio.sleep(0.05)
