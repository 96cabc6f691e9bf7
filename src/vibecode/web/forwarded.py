"""Which scheme a request came by, where both http and https are served by an edge in front."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_https: Final[ContextVar[bool]] = ContextVar("https", default=False)


def came_by_https() -> bool:
    """Tell whether the request that is being answered came by https; False outside of a request."""
    return _https.get()


class ForwardedScheme:
    """Notes what X-Forwarded-Proto says, for an app that only the edge can reach: it sets the header itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with its scheme noted."""
        if scope["type"] == "http":
            values = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
            token = _https.set(values == [b"https"])
            try:
                await self._app(scope, receive, send)
            finally:
                _https.reset(token)
        else:
            await self._app(scope, receive, send)
