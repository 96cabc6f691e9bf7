"""NGINX as an edge, in the place of the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.proxy.nginx.running import NginxEdge, nginx_edge
from tests.integration.proxy.site import MemoryRouter, Site


@pytest_asyncio.fixture
async def edge(router: MemoryRouter, socket_folder: Path) -> AsyncIterator[NginxEdge]:
    async with nginx_edge(router, socket_folder) as running:
        yield running


@pytest.fixture
def site(edge: NginxEdge) -> Site:
    return edge.site
