"""The edges that the suite runs against. A further one is a further parameter: it has to serve a :class:`Site`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.proxy.conftest import StartEdge
from tests.integration.proxy.nginx.running import nginx_edge
from tests.integration.proxy.site import MemoryRouter, Site
from vibecode.proxy.limits import Limits


@pytest_asyncio.fixture(params=["embedded", "nginx"])
async def site(
    request: pytest.FixtureRequest, start_edge: StartEdge, router: MemoryRouter, socket_folder: Path
) -> AsyncIterator[Site]:
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "embedded":
            yield Site(host="127.0.0.1", port=(await start_edge(Limits(tick=0.05))).port)
        else:
            edge = await stack.enter_async_context(nginx_edge(router, socket_folder))
            yield edge.site
