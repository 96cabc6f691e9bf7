"""Work that must neither be left half done nor go on alone when whoever asked for it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def finish(work: Awaitable[T]) -> T:
    """Return what comes of work. If this is cancelled, it is so only when the work is done."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait({task})


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread and be done only when it is: a thread can't be cancelled."""
    return await finish(asyncio.to_thread(function, *args, **kwargs))
