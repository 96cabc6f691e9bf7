"""Serving ASGI applications in this process, and work that is done again and again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from vibecode.server.strangers import Door, StrangerLimits, StrangerProtocol

KEEP_ALIVE: Final = 5
"""Seconds for which a connection may stay unused; what keeps connections to us gives them up before that."""

_log = structlog.get_logger(__name__)


class _ApiServer(uvicorn.Server):
    """uvicorn without its own handling of signals: the server has one place for that."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, *listeners: socket.socket, strangers: StrangerLimits | None = None
) -> AsyncIterator[None]:
    """Serve an ASGI application on sockets; those that wait for an answer at the end get a second.

    Parameters
    ----------
    app
        The application.
    listeners
        Listening sockets; they are closed at the end.
    strangers
        What those may take who reach the sockets, where code of others does.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE if strangers is None else strangers.idle_timeout,
    )
    server = _ApiServer(config)
    task = asyncio.create_task(server.serve(sockets=list(listeners) if strangers is None else []))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    door = None
    if strangers is not None:
        protocol = partial(StrangerProtocol, strangers, config=config, server_state=server.server_state, app_state={})
        door = Door(listeners, strangers, protocol)
        door.open()
    try:
        yield
    finally:
        if door is not None:
            door.close()
        server.should_exit = True
        await task


def unix_listener(path: Path) -> socket.socket:
    """Return a listening Unix socket that only we can reach, in the place of what an earlier server left there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(1024)
    return listener


async def every(interval: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do ``work`` again and again; a failure is logged and tried again the next time."""
    while True:
        await asyncio.sleep(interval)
        try:
            await work()
        except Exception:  # a boundary: one bad round must not end the watch over all workspaces
            _log.exception("periodic work failed", work=getattr(work, "__qualname__", str(work)))


async def cancel(task: asyncio.Task[None]) -> None:
    """End a task and wait until it has."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
