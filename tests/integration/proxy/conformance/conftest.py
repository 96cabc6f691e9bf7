"""The edges that the suite runs against. A further one is a further parameter: it has to serve a :class:`Site`."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.integration.proxy.conftest import StartEdge
from tests.integration.proxy.site import Site
from vibecode.proxy.limits import Limits


@pytest_asyncio.fixture
async def embedded(start_edge: StartEdge) -> Site:
    return Site(host="127.0.0.1", port=(await start_edge(Limits(tick=0.05))).port)


@pytest.fixture(params=["embedded"])
def site(request: pytest.FixtureRequest, embedded: Site) -> Site:
    return {"embedded": embedded}[request.param]
