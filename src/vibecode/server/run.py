"""Running a server in this process until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Protocol

import structlog

from vibecode.domain.addresses import Addresses
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.limits import raise_nofile
from vibecode.settings import Settings

_log = structlog.get_logger(__name__)


class Server(Protocol):
    """All parts of a server."""

    def addresses(self) -> Addresses:
        """Return the public addresses."""

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Start all parts; ``stack`` ends them in reverse order."""


async def serve(settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Run a server until SIGTERM or SIGINT. Workspaces go on running after it.

    Parameters
    ----------
    settings
        What the operator set.
    on_ready
        Is called with the dashboard's address once everything answers.

    Raises
    ------
    DataFolderUnusable
        The data folder is read-only, full, damaged, of a newer version, or another server uses it.
    PortTaken
        Another program listens on the port.
    """
    raise_nofile()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    folder.lock(url=settings.addresses(listening_port=settings.port).dashboard)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(folder.release)
        server = _server(settings, folder)
        await server.start(stack)
        if on_ready is not None:
            on_ready(server.addresses().dashboard)
        await stop.wait()
        _log.info("server ends", reason="signal")


def _server(settings: Settings, folder: DataFolder) -> Server:
    """Return the server for the runtime that is set; the other one's libraries are not even loaded."""
    if settings.runtime == "kubernetes":
        from vibecode.server.kubernetes import KubernetesServer

        return KubernetesServer(settings, folder)
    from vibecode.server.local import LocalServer

    return LocalServer(settings, folder)
