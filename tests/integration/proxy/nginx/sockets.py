"""What the tests ask of open WebSockets."""

from __future__ import annotations

import aiohttp

from tests.integration.proxy.raw import PATIENCE


def closed(message: aiohttp.WSMessage) -> bool:
    return message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def echo(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_str("still here")
    assert await socket.receive_str(timeout=PATIENCE) == "still here"
