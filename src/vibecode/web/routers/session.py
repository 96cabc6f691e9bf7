"""Signing in and out, and the caller's sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from vibecode import __version__
from vibecode.domain.errors import NotFound
from vibecode.web.cookies import clear_session, set_session
from vibecode.web.dependencies import CallerDependency, ServicesDependency, browser_session, check_origin
from vibecode.web.schemas.people import LoginLink, Me, NewLoginLink, Session, SessionList, SignedIn, SignIn, User

router = APIRouter(tags=["session"])


@router.get("/me")
async def get_me(caller: CallerDependency, services: ServicesDependency) -> Me:
    """Show who is signed in, and the product's version and addresses."""
    return Me(
        user=User.of(caller.user),
        session=Session.of(caller.session, current=caller.session.id),
        runtime=services.runtime,
        version=__version__,
        domain=services.addresses().domain,
        default_idle_timeout=services.default_idle_timeout,
    )


@router.post("/session", responses={410: {"description": "The link was used or has expired"}})
async def sign_in(body: SignIn, request: Request, response: Response, services: ServicesDependency) -> SignedIn:
    """Use up a one-time link's secret and sign the browser in by a cookie."""
    check_origin(request, services)
    addresses = services.addresses()
    earlier = browser_session(request, services)
    secret, session = await services.accounts.sign_in(
        body.token, origin=addresses.dashboard, user_agent=request.headers.get("user-agent", "")
    )
    if earlier is not None:
        await services.accounts.revoke(earlier.id)  # the browser forgets it, so nobody could end it any more
    set_session(response, secret, expires_at=session.expires_at, addresses=addresses)
    return SignedIn(next="/")


@router.delete("/session", status_code=204)
async def sign_out(caller: CallerDependency, response: Response, services: ServicesDependency) -> None:
    """End the caller's session, with its open connections."""
    await services.accounts.revoke(caller.session.id)
    clear_session(response, addresses=services.addresses())


@router.get("/sessions")
async def list_sessions(caller: CallerDependency, services: ServicesDependency) -> SessionList:
    """List the caller's sign-ins, latest first."""
    sessions = services.accounts.sessions_of(caller.user.id)
    return SessionList(items=[Session.of(session, current=caller.session.id) for session in sessions])


@router.delete("/sessions/{session_id}", status_code=204)
async def revoke_session(session_id: str, caller: CallerDependency, services: ServicesDependency) -> None:
    """End a sign-in, with its open connections; an admin may end anybody's."""
    session = services.accounts.session(session_id)
    if session is None or not (caller.user.is_admin or session.user == caller.user.id):
        raise NotFound(f"There is no session {session_id}: `vibecode session list` shows yours.")
    await services.accounts.revoke(session_id)


@router.post("/login-links", status_code=201)
async def create_login_link(body: NewLoginLink, caller: CallerDependency, services: ServicesDependency) -> LoginLink:
    """Make a one-time sign-in link for the caller; an admin may make one for another user."""
    user = body.user or caller.user.id
    if user != caller.user.id and not caller.user.is_admin:
        raise NotFound(f"There is no user {user} that you may sign in.")
    origin = services.addresses().dashboard
    token, expires_at = await services.accounts.create_login_link(user, origin=origin, maker=caller.session.id)
    return LoginLink(url=f"{origin}/sign-in#{token}", expires_at=expires_at)
