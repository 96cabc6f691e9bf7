"""Users; for admins."""

from __future__ import annotations

from fastapi import APIRouter

from vibecode.domain.errors import Conflict
from vibecode.web.dependencies import AdminDependency, ServicesDependency
from vibecode.web.schemas.people import LoginLink, NewUser, User, UserList

router = APIRouter(prefix="/users", tags=["users"])


@router.get("")
async def list_users(_admin: AdminDependency, services: ServicesDependency) -> UserList:
    """List all users."""
    return UserList(items=[User.of(user) for user in services.accounts.users()])


@router.post("", status_code=201)
async def add_user(body: NewUser, _admin: AdminDependency, services: ServicesDependency) -> User:
    """Add a user; make them a sign-in link next."""
    return User.of(await services.accounts.add_user(body.id, email=body.email, role=body.role))


@router.delete("/{user_id}", status_code=204)
async def remove_user(user_id: str, admin: AdminDependency, services: ServicesDependency) -> None:
    """Remove a user who has no workspaces and no kept files, and end their sessions."""
    services.accounts.user(user_id)
    workspaces = await services.workspaces.list(admin.user, owner=user_id)
    if workspaces:
        names = ", ".join(workspace.name for workspace in workspaces)
        raise Conflict(f"{user_id} still has workspaces ({names}): delete them first.")
    kept = await services.workspaces.list_kept(admin.user, owner=user_id)
    if kept:
        names = ", ".join(workspace.name for workspace in kept)
        raise Conflict(
            f"Files of deleted workspaces of {user_id} are kept ({names}): remove them first, with "
            f"`vibecode workspace delete NAME --purge --owner {user_id}`."
        )
    await services.accounts.remove_user(user_id)


@router.post("/{user_id}/login-links", status_code=201)
async def create_user_login_link(user_id: str, admin: AdminDependency, services: ServicesDependency) -> LoginLink:
    """Make a one-time sign-in link for a user."""
    origin = services.addresses().dashboard
    token, expires_at = await services.accounts.create_login_link(user_id, origin=origin, maker=admin.session.id)
    return LoginLink(url=f"{origin}/sign-in#{token}", expires_at=expires_at)
