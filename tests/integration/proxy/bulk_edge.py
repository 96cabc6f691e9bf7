"""An edge in a process of its own, so that its memory can be watched. The argument is the upstream's socket."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.integration.proxy.site import MemoryRouter
from vibecode.domain.edges import Upstream
from vibecode.proxy.edge import EmbeddedEdge


async def main(path: str) -> None:
    edge = EmbeddedEdge(MemoryRouter(upstreams={("alice", None): Upstream(path=path)}), port=0)
    await edge.start()
    print(edge.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
