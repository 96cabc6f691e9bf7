"""An operator on a real cluster, and a user beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support import api_server
from tests.support.operators import Surface, kubeconfig, load_image, make_config, namespaces, operating
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.controller import Controller


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Namespaces of a test, and a client of the user's."""

    client: Client
    workspaces: str
    platform: str

    @property
    def user(self) -> Surface:
        return Surface(self.client, self.workspaces)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of an image whose pods answer, in the cluster."""
    kubeconfig()
    return load_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
async def places() -> AsyncIterator[Places]:
    client = api_server.connect("kubectl")
    try:
        async with namespaces(client) as (workspaces, platform):
            yield Places(client=client, workspaces=workspaces, platform=platform)
    finally:
        await client.close()


@pytest.fixture
def user(places: Places) -> Surface:
    return places.user


@pytest.fixture
async def operator(places: Places, image: str) -> AsyncIterator[Controller]:
    """Have an operator at work."""
    config = make_config(places.workspaces, places.platform, image=f"{image}:1")
    async with operating(config) as (controller, _):
        yield controller
