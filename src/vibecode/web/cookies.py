"""Setting our cookies: host-only, out of reach of scripts, and with the ``__Host-`` prefix where browsers allow it."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from vibecode.domain.addresses import Addresses
from vibecode.domain.cookies import session_cookie, state_cookie


def set_session(response: Response, secret: str, *, expires_at: datetime, addresses: Addresses) -> None:
    """Sign the browser in to the origin that answers."""
    secure = addresses.secure_cookies
    response.set_cookie(
        session_cookie(secure=secure),
        secret,
        expires=expires_at,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def clear_session(response: Response, *, addresses: Addresses) -> None:
    """Sign the browser out of the origin that answers."""
    secure = addresses.secure_cookies
    response.delete_cookie(session_cookie(secure=secure), path="/", secure=secure, httponly=True, samesite="lax")


def set_state(response: Response, value: str, *, addresses: Addresses) -> None:
    """Remember, for five minutes, that this browser asked for a ticket."""
    secure = addresses.secure_cookies
    response.set_cookie(
        state_cookie(secure=secure), value, max_age=300, path="/", secure=secure, httponly=True, samesite="lax"
    )


def clear_state(response: Response, *, addresses: Addresses) -> None:
    """Forget it."""
    secure = addresses.secure_cookies
    response.delete_cookie(state_cookie(secure=secure), path="/", secure=secure, httponly=True, samesite="lax")
