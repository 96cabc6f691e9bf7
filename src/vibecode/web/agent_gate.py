"""Who gets in at the port where workspaces report: it is reached by code that nobody vouches for.

The token is looked at before anything of the body is read, and so is how often a workspace comes. Whoever is turned
away loses the connection too: how many of those there may be is limited where they are accepted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vibecode.domain.errors import TooManyRequests, Unauthenticated, VibeCodeError
from vibecode.services.rates import Rates
from vibecode.web import problems
from vibecode.web.dependencies import Services
from vibecode.web.routers.agent import authenticate

MAX_REPORT: Final = 128 * 1024
"""Bytes of a report: what an editor window says of 100 terminals, tasks and debug sessions with the longest names."""

PER_SECOND: Final = 2.0
"""Requests of one workspace, on average: its first process reports once a second at most, a window every 5 seconds."""
BURST: Final = 20
"""Requests at once of a workspace that was quiet: many windows that open together."""


class AgentGate:
    """Lets workspaces with a valid token through, each so often.

    Parameters
    ----------
    app
        What is behind.
    services
        Know the tokens.
    now
        A clock that never jumps, in seconds.
    """

    def __init__(self, app: ASGIApp, services: Services, *, now: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._services = services
        self._rates = Rates(per_second=PER_SECOND, burst=BURST, now=now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            return
        if scope["path"] in ("/healthz", "/readyz"):
            await _last(PlainTextResponse("ok\n"))(scope, receive, send)
            return
        try:
            self._admit(Headers(scope=scope))
        except VibeCodeError as error:
            await _last(problems.problem_response(error))(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, headers: Headers) -> None:
        said = headers.getlist("authorization")
        if len(said) != 1:
            raise Unauthenticated("Send the workspace's token: `Authorization: Bearer …`.")
        workspace = authenticate(said[0], self._services)
        wait = self._rates.wait(workspace.id)
        if wait:
            raise TooManyRequests(
                "This workspace reports too often: wait a moment, then go on.", retry_after=math.ceil(wait)
            )


def _last(response: Response) -> Response:
    """Let the connection end with a response."""
    response.headers["Connection"] = "close"
    return response
