"""Each view of the dashboard, and how to get there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Page, expect

from tests.e2e.dashboard.mock import Mock


async def nothing(_tab: Page) -> None:
    """Change nothing: the address alone shows the view."""


def click(name: str) -> Callable[[Page], Awaitable[None]]:
    """Press the button of that name."""

    async def press(tab: Page) -> None:
        await tab.get_by_role("button", name=name, exact=True).click()

    return press


async def unfold_kept(tab: Page) -> None:
    """Show what deleted workspaces left."""
    await tab.get_by_text("Kept files (2)").click()


async def purge_kept(tab: Page) -> None:
    """Ask for kept files to be deleted."""
    await unfold_kept(tab)
    await tab.get_by_role("button", name="Delete for good: the kept files of thesis of bob").click()


async def choose_python(tab: Page) -> None:
    """Choose a template that has parameters."""
    await tab.get_by_role("radio", name="Python").check()


async def refused_form(tab: Page) -> None:
    """Send a form with mistakes."""
    await tab.get_by_role("textbox", name="Name").fill("Not a name")
    await tab.get_by_role("button", name="Create workspace").click()


async def as_table(tab: Page) -> None:
    """Switch to the table."""
    await tab.get_by_role("radio", name="Table").check()


async def search_nothing(tab: Page) -> None:
    """Search for what is not there."""
    await tab.get_by_role("searchbox").fill("zzz")


async def add_user(tab: Page) -> None:
    """Add a user and get a link for them."""
    await tab.get_by_role("button", name="Add user").click()
    await tab.get_by_role("dialog").get_by_role("textbox", name="Name").fill("frida")
    await tab.get_by_role("dialog").get_by_role("button", name="Add user").click()


async def shortcuts(tab: Page) -> None:
    """Ask for the list of keys."""
    await tab.keyboard.press("?")


@dataclass(frozen=True, kw_only=True)
class View:
    """A view: its address, what to do there, and a text that shows that it is complete."""

    path: str
    text: str
    scenario: str = "few"
    act: Callable[[Page], Awaitable[None]] = nothing
    before: str = ""
    """Text to wait for before acting; ``text`` if empty."""
    signed_in: bool = True
    failing: str = ""
    """A path below /api/v1 that answers with an error."""

    async def open(self, tab: Page, mock: Mock) -> None:
        """Go there and wait until it is complete."""
        # A full load also when only the fragment differs from the view before, and no stream that the reset cuts.
        await tab.goto("about:blank")
        await mock.reset(self.scenario, signedIn=self.signed_in)
        if self.failing:
            await mock.fail({"method": "GET", "path": self.failing, "status": 503, "detail": "The disk is full."})
        await tab.goto(self.path)
        await expect(tab.get_by_text(self.before or self.text).first).to_be_visible()
        await self.act(tab)
        await expect(tab.get_by_text(self.text).first).to_be_visible()


VIEWS = {
    "cards": View(path="/", text="kept: terminal is running npm test"),
    "table": View(path="/", text="billing-api", act=as_table),
    "many": View(path="/", text="api-alice-0", scenario="many"),
    "kept files": View(path="/", text="Deleted on 2026-11-20", before="Kept files (2)", act=unfold_kept),
    "kept files, delete": View(path="/", text="What bob had in it", before="Kept files (2)", act=purge_kept),
    "empty": View(path="/", text="Create your first workspace", scenario="empty"),
    "nothing found": View(path="/", text="No workspace matches", before="billing-api", act=search_nothing),
    "menu": View(path="/", text="Copy link", before="billing-api", act=click("More for alice")),
    "theme menu": View(path="/", text="System", before="billing-api", act=click("Theme: system")),
    "shortcuts": View(path="/", text="Show this list", before="billing-api", act=shortcuts),
    "create blank": View(path="/?new=blank", text="Its address will be"),
    "create from Git": View(path="/?new=git", text="Repository"),
    "create from a template": View(
        path="/?new=template", text="Add an example test", before="Python", act=choose_python
    ),
    "create with mistakes": View(path="/?new=git", text="to git clone", before="Repository", act=refused_form),
    "overview": View(path="/workspaces/alice", text="A newer editor is ready"),
    "overview, failed": View(path="/workspaces/legacy-shop", text="legacy-shop failed"),
    "overview, starting": View(path="/workspaces/data-notebook", text="Waiting for the editor to answer"),
    "log": View(path="/workspaces/alice/log", text="The editor answers after"),
    "events": View(path="/workspaces/legacy-shop/events", text="Crashed"),
    "ports": View(path="/workspaces/alice/ports", text="postgres"),
    "no ports": View(path="/workspaces/billing-api/ports", text="Nothing listens yet"),
    "settings": View(path="/workspaces/alice/settings", text="Stop when idle"),
    "delete": View(
        path="/workspaces/alice/settings", text="stay on the server", before="Stop when idle", act=click("Delete…")
    ),
    "no such workspace": View(path="/workspaces/nobody", text="No workspace nobody"),
    "list that fails": View(path="/", text="The disk is full.", failing="/workspaces"),
    "workspace that fails": View(path="/workspaces/alice", text="The disk is full.", failing="/workspaces"),
    "events that fail": View(
        path="/workspaces/alice/events", text="The disk is full.", failing="/workspaces/alice/events"
    ),
    "dashboard that fails": View(path="/", text="The disk is full.", failing="/me"),
    "account": View(path="/account", text="Safari on iPhone"),
    "users": View(path="/users", text="chandra@example.com"),
    "new user": View(path="/users", text="Sign-in link for frida", before="chandra@example.com", act=add_user),
    "users, not for members": View(path="/users", text="Only administrators see the users", scenario="member"),
    "sign in": View(path="/sign-in", text="vibecode login-link"),
    "signed out": View(path="/account", text="vibecode login-link", signed_in=False),
    "sign in as another": View(path="/sign-in#good", text="ends your present sign-in as"),
    "used link": View(path="/sign-in#used", text="This link no longer works", signed_in=False),
    "not found": View(path="/nowhere", text="There is no such page"),
}
