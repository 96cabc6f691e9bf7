"""What people do with the dashboard, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.e2e.dashboard.mock import Mock

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

# How Chromium logs a stream that ends in the middle.
CUT = ("ERR_INCOMPLETE_CHUNKED_ENCODING",)


async def test_create_with_the_keyboard_alone(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await mock.command("hold")
    await tab.goto("/")
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    await tab.keyboard.press("n")
    await expect(tab.get_by_role("textbox", name="Name")).to_be_focused()
    await tab.keyboard.press("Control+A")
    await tab.keyboard.type("Night-Shift")
    await expect(tab.get_by_text("try night-shift")).to_be_visible()
    await tab.keyboard.press("Enter")
    await expect(tab.get_by_role("textbox", name="Name")).to_be_focused()
    await tab.keyboard.press("Control+A")
    await tab.keyboard.type("night-shift")
    await tab.keyboard.press("Enter")

    await expect(tab).to_have_url(re.compile(r"/workspaces/night-shift/log$"))
    await expect(tab.get_by_role("button", name="Open night-shift")).to_be_disabled()
    await expect(tab.get_by_role("log")).to_contain_text("Waiting for the editor to answer")
    await mock.command("go")
    await expect(tab.get_by_text("night-shift is ready")).to_be_visible()
    await expect(tab.get_by_role("link", name="Open it")).to_have_attribute(
        "href", "http://night-shift.vibecode.localhost:8000/"
    )
    await expect(tab.get_by_role("link", name="Open night-shift in a new tab")).to_be_visible()
    assert "night-shift" in await mock.names()


async def test_find_and_open_with_the_keyboard_alone(tab: Page, context: BrowserContext, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/")
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    await tab.keyboard.press("/")
    await tab.keyboard.type("bill")
    await expect(tab.locator("[data-item]")).to_have_count(1)
    async with context.expect_page() as opened:
        await tab.keyboard.press("Enter")
    assert (await opened.value).url == "http://billing-api.vibecode.localhost:8000/"

    await tab.keyboard.press("Control+A")
    await tab.keyboard.press("Delete")
    await expect(tab.locator("[data-item]")).to_have_count(6)
    await tab.keyboard.press("ArrowDown")
    await expect(tab.locator('[data-item="alice"]')).to_be_focused()
    await tab.keyboard.press("ArrowDown")
    await tab.keyboard.press("ArrowUp")
    async with context.expect_page() as opened:
        await tab.keyboard.press("Enter")
    assert (await opened.value).url == "http://alice.vibecode.localhost:8000/"


async def test_start_and_open_a_stopped_workspace(tab: Page, context: BrowserContext, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/")
    docs = tab.locator('[data-item="docs"]')
    async with context.expect_page() as opened:
        await docs.get_by_role("link", name="Start and open docs").click()
    assert (await opened.value).url == "http://docs.vibecode.localhost:8000/"
    await expect(docs.get_by_text("Running", exact=True)).to_be_visible()
    await expect(docs.get_by_role("link", name="Open docs in a new tab")).to_be_visible()


async def test_changes_appear_by_themselves(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/")
    alice = tab.locator('[data-item="alice"]')
    await expect(alice.get_by_text("Running", exact=True)).to_be_visible()
    await mock.change("alice", status="failed", reason="failed: the disk is full")
    await expect(alice.get_by_text("Failed", exact=True)).to_be_visible()
    await expect(alice.get_by_text("the disk is full")).to_be_visible()
    await expect(alice.get_by_role("link", name="See why alice failed")).to_be_visible()


async def test_what_was_missed_appears_after_a_break(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.extend(["503", *CUT])
    await mock.reset("few")
    await tab.goto("/")
    alice = tab.locator('[data-item="alice"]')
    await expect(alice.get_by_text("Running", exact=True)).to_be_visible()
    await mock.fail({"method": "GET", "path": "/events", "status": 503})
    await mock.command("cut")
    await expect(tab.get_by_text("Reconnecting…")).to_be_visible()
    await mock.change("alice", status="stopped", reason="stopped: idle for 30 min")
    await mock.fail()
    await expect(alice.get_by_text("Stopped", exact=True)).to_be_visible()
    await expect(tab.get_by_text("Reconnecting…")).to_be_hidden()


async def test_a_server_that_is_away_is_named_and_waited_for(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.extend(["ERR_EMPTY_RESPONSE", *CUT])
    await mock.reset("few")
    await tab.goto("/")
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    banner = await _away(tab, mock)
    # What was known stays on the screen.
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    await mock.fail()
    await expect(banner).to_be_hidden()


async def test_nobody_has_to_wait_for_the_next_attempt(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.extend(["ERR_EMPTY_RESPONSE", *CUT])
    await mock.reset("few")
    await tab.clock.install()
    await tab.goto("/")
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    banner = await _away(tab, mock)
    # From here on the page's own next attempt never comes.
    await tab.clock.pause_at(await tab.evaluate("Date.now()") + 1)
    async with tab.expect_request("**/api/v1/events"):
        await banner.get_by_role("button", name="Try again").click()
    await mock.fail()
    await tab.clock.resume()
    await expect(banner).to_be_hidden()


async def _away(tab: Page, mock: Mock) -> Locator:
    """The server goes away under the page `tab`: the banner that says so."""
    await mock.fail(*({"method": "GET", "path": path, "status": 0} for path in ("/me", "/events", "/workspaces")))
    await mock.command("cut")
    banner = tab.get_by_role("alert")
    await expect(banner).to_contain_text("The server does not answer")
    return banner


async def test_a_server_that_is_away_from_the_start(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.append("ERR_EMPTY_RESPONSE")
    await mock.reset("few")
    await mock.fail({"method": "GET", "path": "/me", "status": 0})
    await tab.goto("/account")
    await expect(tab.get_by_role("heading", name="The server does not answer")).to_be_visible()
    await mock.fail()
    await tab.get_by_role("button", name="Try again").click()
    await expect(tab.get_by_role("heading", name="Account")).to_be_visible()


async def test_delete_with_its_files(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/")
    await tab.get_by_role("button", name="More for docs").click()
    await tab.get_by_role("menuitem", name="Delete…").click()
    dialog = tab.get_by_role("alertdialog", name="Delete docs?")
    await expect(dialog).to_contain_text("stay on the server")
    await dialog.get_by_role("checkbox", name="Also delete its files").check()
    await expect(dialog.get_by_role("button", name="Delete it and its files")).to_be_disabled()
    await dialog.get_by_role("textbox").fill("docs")
    await dialog.get_by_role("button", name="Delete it and its files").click()
    await expect(tab.get_by_text("Deleted docs and its files.")).to_be_visible()
    await expect(tab.locator('[data-item="docs"]')).to_have_count(0)
    assert "docs" not in await mock.names()


async def test_escape_closes_the_dialog_and_the_focus_returns(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/users")
    button = tab.get_by_role("button", name="Add user")
    await button.focus()
    await tab.keyboard.press("Enter")
    await expect(tab.get_by_role("dialog")).to_be_visible()
    for _ in range(12):  # more than it has controls: the focus stays inside
        await tab.keyboard.press("Tab")
        assert await tab.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    await tab.keyboard.press("Escape")
    await expect(tab.get_by_role("dialog")).to_be_hidden()
    await expect(button).to_be_focused()


async def test_signing_in_by_a_link(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.append("401 (Unauthorized)")
    await mock.reset("few", signedIn=False)
    await tab.goto("/workspaces/alice")
    await expect(tab.get_by_text("vibecode login-link")).to_be_visible()
    await tab.goto("/sign-in?next=%2Fworkspaces%2Falice#good")
    await expect(tab.get_by_role("heading", name="alice", exact=True)).to_be_visible()
    # Back does not lead to the token.
    await tab.go_back()
    assert "good" not in tab.url


async def test_a_link_asks_before_it_ends_the_sign_in_of_another(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/sign-in?next=%2Fusers#good")
    await expect(tab.get_by_text("ends your present sign-in as alice")).to_be_visible()
    assert (await mock.command("state"))["signIns"] == 0
    await tab.get_by_role("button", name="Cancel").click()
    await expect(tab.get_by_role("heading", name="Users")).to_be_visible()
    assert (await mock.command("state"))["signIns"] == 0
    await tab.goto("/sign-in#good")
    await tab.get_by_role("button", name="Continue").click()
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    assert (await mock.command("state"))["signIns"] == 1


async def test_kept_files_are_brought_back_and_deleted(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/")
    await tab.get_by_text("Kept files (2)").click()
    await tab.get_by_role("button", name="Bring back old-shop of alice").click()
    await expect(tab.get_by_role("heading", name="old-shop")).to_be_visible()
    await tab.goto("/")
    await tab.get_by_text("Kept files (1)").click()
    await tab.get_by_role("button", name="Delete for good: the kept files of thesis of bob").click()
    dialog = tab.get_by_role("alertdialog", name="Delete the files of thesis?")
    await dialog.get_by_role("textbox").fill("thesis")
    await dialog.get_by_role("button", name="Delete for good").click()
    await expect(tab.get_by_text("The files of thesis are deleted.")).to_be_visible()
    await expect(tab.get_by_text("Kept files")).to_have_count(0)
    assert (await mock.command("state"))["kept"] == []
    # What is deleted without its files appears at once.
    await tab.get_by_role("button", name="More for docs").click()
    await tab.get_by_role("menuitem", name="Delete…").click()
    await tab.get_by_role("alertdialog").get_by_role("textbox").fill("docs")
    await tab.get_by_role("button", name="Delete workspace").click()
    await expect(tab.get_by_text("Kept files (1)")).to_be_visible()


async def test_a_link_never_leads_to_another_origin(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.append("401 (Unauthorized)")
    await mock.reset("few", signedIn=False)
    await tab.goto("/sign-in?next=%2F%2Fevil.example#good")
    await expect(tab.get_by_text("billing-api").first).to_be_visible()
    assert tab.url == f"{mock.url}/"


async def test_signing_out(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    await mock.reset("few")
    await tab.goto("/account")
    await tab.get_by_role("button", name="Sign out").click()
    await expect(tab.get_by_role("heading", name="You are signed out")).to_be_visible()
    expected_errors.append("401 (Unauthorized)")
    await tab.goto("/")
    await expect(tab.get_by_text("vibecode login-link")).to_be_visible()


async def test_ending_a_session_elsewhere(tab: Page, mock: Mock) -> None:
    await mock.reset("few")
    await tab.goto("/account")
    await tab.get_by_role("button", name=re.compile("End the session Safari on iPhone")).click()
    await expect(tab.get_by_text("The session is ended.")).to_be_visible()
    await expect(tab.get_by_text("Safari on iPhone")).to_have_count(0)
    assert "two" not in [each["id"] for each in (await mock.command("state"))["sessions"]]


async def test_a_new_user_gets_a_link_to_copy(
    tab: Page, context: BrowserContext, mock: Mock, expected_errors: list[str]
) -> None:
    expected_errors.append("409 (Conflict)")
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await mock.reset("few")
    await tab.goto("/users")
    await tab.get_by_role("button", name="Add user").click()
    dialog = tab.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Name").fill("bob")
    await dialog.get_by_role("button", name="Add user").click()
    await expect(dialog.get_by_text("There is already a user bob.")).to_be_visible()
    await dialog.get_by_role("textbox", name="Name").fill("frida")
    await dialog.get_by_role("button", name="Add user").click()
    link = tab.get_by_role("dialog", name="Sign-in link for frida")
    await expect(link.get_by_text("expires in 10 min")).to_be_visible()
    await link.get_by_role("button", name="Copy the link").click()
    copied = await tab.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"http://vibecode\.localhost:8000/sign-in#[0-9a-f-]{36}", copied)
    await link.get_by_role("button", name="Done").click()
    await expect(tab.get_by_text("frida").first).to_be_visible()


async def test_sixty_workspaces_come_as_a_table_that_sorts(tab: Page, mock: Mock) -> None:
    await mock.reset("many")
    await tab.goto("/")
    rows = tab.locator("tbody tr")
    await expect(rows).to_have_count(60)
    await tab.get_by_role("button", name="Storage").click()
    await expect(rows.first).to_have_attribute("data-item", "editor-emeka-59")
    await expect(tab.get_by_role("columnheader", name="Storage")).to_have_attribute("aria-sort", "descending")
    await tab.get_by_role("combobox", name="Show").select_option("failed")
    await expect(rows).to_have_count(4)
