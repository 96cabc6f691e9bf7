"""Edges under test, with their upstreams."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.integration.proxy.site import MemoryRouter, Site
from tests.integration.proxy.upstreams import GoodUpstream, OddUpstream
from vibecode.domain.edges import Upstream
from vibecode.proxy.edge import EmbeddedEdge
from vibecode.proxy.limits import Limits

StartEdge = Callable[[Limits], Awaitable[EmbeddedEdge]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The edge runs on uvloop, so it is tested on it."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A short path, since a Unix socket's may have 107 bytes only."""
    with tempfile.TemporaryDirectory(prefix="vp-") as folder:
        yield Path(folder)


@pytest_asyncio.fixture
async def good(socket_folder: Path) -> AsyncIterator[GoodUpstream]:
    upstream = GoodUpstream()
    async with upstream.serve(str(socket_folder / "good.sock")):
        yield upstream


@pytest_asyncio.fixture
async def odd() -> AsyncIterator[OddUpstream]:
    upstream = OddUpstream()
    async with upstream.serve():
        yield upstream


@pytest.fixture
def router(good: GoodUpstream, odd: OddUpstream, socket_folder: Path) -> MemoryRouter:
    editor = Upstream(path=str(socket_folder / "good.sock"))
    return MemoryRouter(
        upstreams={
            ("alice", None): editor,
            ("alice", 3000): Upstream(host="127.0.0.1", port=odd.port),
            ("alice", 3001): editor,
            (None, None): editor,
        }
    )


@pytest_asyncio.fixture
async def start_edge(router: MemoryRouter) -> AsyncIterator[StartEdge]:
    """Starts embedded edges with limits of the test's own."""
    edges: list[EmbeddedEdge] = []

    async def start(limits: Limits) -> EmbeddedEdge:
        edge = EmbeddedEdge(router, port=0, limits=limits)
        await edge.start()
        edges.append(edge)
        return edge

    yield start
    for edge in edges:
        await edge.stop(grace=0)


@pytest_asyncio.fixture
async def edge(start_edge: StartEdge) -> EmbeddedEdge:
    return await start_edge(Limits(tick=0.05))


@pytest.fixture
def site(edge: EmbeddedEdge) -> Site:
    return Site(host="127.0.0.1", port=edge.port)
