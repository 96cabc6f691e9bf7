"""The server's own loop."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """The server runs on uvloop, so it is tested on it."""
    return {"uvloop": uvloop.new_event_loop}
