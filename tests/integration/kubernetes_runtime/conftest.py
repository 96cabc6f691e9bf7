"""The runtime over a namespace of its own on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.api_server import connect, fresh_namespace
from tests.support.kubernetes_runtime import opened
from tests.support.status_setter import StatusSetter, setting_status
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = connect("vibecode-control-plane")
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def operator_client() -> AsyncIterator[Client]:
    client = connect("vibecode-operator")
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def namespace(operator_client: Client) -> AsyncIterator[str]:
    async with fresh_namespace(operator_client) as name:
        yield name


@pytest.fixture
async def setter(operator_client: Client, namespace: str) -> AsyncIterator[StatusSetter]:
    async with setting_status(operator_client, namespace) as setter:
        yield setter


@pytest.fixture
async def runtime(client: Client, namespace: str, setter: StatusSetter) -> AsyncIterator[KubernetesRuntime]:
    async with opened(client, namespace) as runtime:
        yield runtime
