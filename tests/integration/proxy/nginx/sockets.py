"""What the tests ask of open WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from tests.integration.proxy.raw import PATIENCE


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def closed(message: aiohttp.WSMessage) -> bool:
    return message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def echo(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_str("still here")
    assert await socket.receive_str(timeout=PATIENCE) == "still here"
