"""Streams of events that end with the session they were opened by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

Item = TypeVar("Item")


async def until(ended: asyncio.Event, items: AsyncIterator[Item]) -> AsyncIterator[Item]:
    """Yield ``items`` until ``ended`` is set, also while waiting for the next one."""
    over = asyncio.ensure_future(ended.wait())
    following: asyncio.Future[Item] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(items))
            await asyncio.wait({over, following}, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                return
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        over.cancel()
        if following is not None:
            following.cancel()
