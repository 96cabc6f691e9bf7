"""What a person does first: sign in by a link, and make a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def arrive(page: Page, link: str) -> None:
    """Open a sign-in link, and wait for the dashboard of somebody who has no workspace yet."""
    page.goto(link)
    sign_in = page.get_by_role("button", name="Sign in")
    first = page.get_by_text("Create your first workspace")
    sign_in.or_(first).first.wait_for()
    if sign_in.is_visible():
        sign_in.click()
    first.wait_for()


def make_workspace(dashboard: Page, name: str) -> Locator:
    """Make a blank workspace, and wait for the link that opens it."""
    dashboard.get_by_role("link", name="Blank").click()
    dialog = dashboard.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Create").click()
    link = dashboard.get_by_role("link", name=f"Open {name} in a new tab")
    link.wait_for()
    return link
