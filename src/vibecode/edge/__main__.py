"""Entry of the tunnel: ``python -m vibecode.edge``. It is set by the environment alone.

==============================  ==================================================  =========================
VIBECODE_EDGE_LISTEN            ``host:port`` or the path of a Unix socket          127.0.0.1:8090
VIBECODE_EDGE_CONTROL_PLANE     URL of the control plane's edge API                 http://control-plane:8082
VIBECODE_EDGE_DRAIN             seconds that open WebSockets get after SIGTERM      10
VIBECODE_EDGE_SESSION_LIMIT     WebSockets of one session to one workspace          200
VIBECODE_EDGE_WORKSPACE_LIMIT   WebSockets to one workspace                         500
VIBECODE_EDGE_MEMORY            bytes that it may use: sets how many it carries     none
VIBECODE_LOG_LEVEL              ``debug``, ``info``, ``warning`` or ``error``       info
==============================  ==================================================  =========================
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Mapping

import structlog
import uvloop

from vibecode.edge.limits import TunnelLimits, fitting
from vibecode.edge.reports import HttpReports
from vibecode.edge.server import TunnelServer
from vibecode.logs import configure_logging

_log = structlog.get_logger(__name__)


async def serve(listen: str, control_plane: str, *, drain: float, limits: TunnelLimits) -> None:
    """Run a tunnel until SIGTERM or SIGINT.

    Parameters
    ----------
    listen
        Where, as in :class:`~vibecode.edge.server.TunnelServer`.
    control_plane
        URL of its edge API.
    drain
        Seconds that open WebSockets get at the end.
    limits
        Sizes and times.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = TunnelServer(listen, HttpReports(control_plane), limits=limits)
    await server.start()
    _log.info("tunnel started", listen=listen, control_plane=control_plane, connections=limits.connections)
    await stop.wait()
    _log.info("tunnel ends", websockets=server.connections)
    await server.stop(drain)


def main() -> int:
    """Run a tunnel; return the exit code."""
    environment = os.environ
    configure_logging(environment.get("VIBECODE_LOG_LEVEL", "info"))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    listen = environment.get("VIBECODE_EDGE_LISTEN", "127.0.0.1:8090")
    control_plane = environment.get("VIBECODE_EDGE_CONTROL_PLANE", "http://control-plane:8082")
    try:
        drain = float(environment.get("VIBECODE_EDGE_DRAIN", "10"))
        uvloop.run(serve(listen, control_plane, drain=drain, limits=_limits(environment)))
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _limits(environment: Mapping[str, str]) -> TunnelLimits:
    """Read the limits; raise ValueError if one is no number above 0."""
    values = {}
    for name, field in (("SESSION_LIMIT", "per_session"), ("WORKSPACE_LIMIT", "per_workspace"), ("MEMORY", "memory")):
        text = environment.get(f"VIBECODE_EDGE_{name}", "")
        if text:
            values[field] = int(text)
            if values[field] < 1:
                raise ValueError(f"VIBECODE_EDGE_{name} has to be 1 or more.")
    memory = values.pop("memory", None)
    if memory is not None:
        values["connections"] = min(TunnelLimits().connections, fitting(memory))
    return TunnelLimits(**values)


if __name__ == "__main__":
    sys.exit(main())
