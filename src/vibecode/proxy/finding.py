"""Finding who answers a request, where that takes waiting: for a workspace to start, or for a connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from vibecode.domain.routing import (
    HOLD_LIMIT,
    Decision,
    ForwardToControlPlane,
    ForwardToEditor,
    ForwardToPort,
    Hold,
    Refuse,
    Router,
)
from vibecode.proxy.pool import UpstreamPool
from vibecode.proxy.upstream import Key, UpstreamConnection

_log = structlog.get_logger(__name__)

Forward = ForwardToEditor | ForwardToPort | ForwardToControlPlane

FAILED: Final = Refuse(status=500, code="error", detail="Something went wrong here. The server's log says what.")

TOO_LARGE: Final = Refuse(status=413, code="body_too_large", detail="That is more than a request here may bring.")

_HOLD_ROUNDS: Final = 3
"""A workspace that keeps being "ready" and then isn't is not waited for any longer."""


def key_of(decision: Forward) -> Key:
    """Return whom a request leads to."""
    match decision:
        case ForwardToEditor(workspace_id=workspace_id):
            return (workspace_id, None)
        case ForwardToPort(workspace_id=workspace_id, port=port):
            return (workspace_id, port)
        case ForwardToControlPlane():
            return (None, None)


def name_of(decision: Forward) -> str:
    """Return whom a request leads to, in words that begin a sentence."""
    match decision:
        case ForwardToPort(workspace=workspace, port=port):
            return f"The program on port {port} of workspace {workspace}"
        case ForwardToEditor(workspace=workspace):
            return f"The editor of workspace {workspace}"
        case ForwardToControlPlane():
            return "The server behind this address"


async def connect(router: Router, pool: UpstreamPool, decision: Forward) -> UpstreamConnection | Refuse:
    """Make a connection to whom the decision names, or say why there is none."""
    try:
        address = await router.upstream(decision)
        if address is None:
            return nothing_listens(decision)
        return await pool.connect(address, key_of(decision))
    except TimeoutError:
        detail = f"{name_of(decision)} did not answer in time."
        return Refuse(status=504, code="upstream_timeout", detail=detail, retry_after=5)
    except OSError:
        return nothing_listens(decision)
    except Exception:  # The boundary of a task: nobody else would see it.
        _log.exception("connecting to an upstream failed")
        return FAILED


async def wait(
    router: Router, hold: Hold, route: Callable[[], Decision], *, limit: float = HOLD_LIMIT
) -> Forward | Refuse:
    """Wait until a workspace is ready, and decide again then, since much may have changed.

    Parameters
    ----------
    router, hold
        Who is asked, and what it said.
    route
        Decides again.
    limit
        Seconds after which the request is refused.
    """
    until = time.monotonic() + limit
    for _ in range(_HOLD_ROUNDS):
        left = until - time.monotonic()
        try:
            ready = await router.wait_ready(hold.workspace, wake=hold.wake, timeout=left)
        except Exception:  # The boundary of a task: nobody else would see it.
            _log.exception("waiting for a workspace failed")
            break
        if not ready:
            break
        decision = route()
        if not isinstance(decision, Hold):
            return decision
        hold = decision
    detail = f"Workspace {hold.workspace} is not ready. Try again shortly."
    return Refuse(status=503, code="workspace_not_ready", detail=detail, retry_after=5)


def nothing_listens(decision: Forward) -> Refuse:
    """Say that whom a request leads to can't be reached."""
    if isinstance(decision, ForwardToPort):
        place = f"port {decision.port} in workspace {decision.workspace}"
        detail = f"Nothing listens on {place}. Start your program there and reload."
        return Refuse(status=502, code="port_closed", detail=detail)
    detail = f"{name_of(decision)} does not answer right now."
    return Refuse(status=503, code="upstream_unavailable", detail=detail, retry_after=5)
