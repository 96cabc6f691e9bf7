"""A server process that has a local runtime and nothing else, to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.local_runtime import build, running
from tests.support.stores import MemoryStore


async def main() -> None:
    root = Path(sys.argv[1])
    runtime = build(root / "data", store=MemoryStore(root / "store"))
    await runtime.open()
    workspace = await running(runtime)
    print(workspace.id, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
