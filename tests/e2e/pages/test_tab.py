"""The script in the editor's tab, with a workbench that behaves like VS Code's where it matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages.scripted import DASHBOARD, Control, control, eventually

pytestmark = pytest.mark.browser


async def open_workbench(tab: Page, server: Control) -> None:
    await tab.goto(server.url)
    await tab.wait_for_function("document.title === 'connected'")


async def test_an_open_tab_says_that_its_workspace_stopped_and_starts_it_again(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await server.stop("stopped: nobody used it for 30 minutes")
        dialog = tab.get_by_role("dialog", name="alice has stopped")
        await expect(dialog).to_be_visible()
        await expect(dialog).to_contain_text("Nobody used it for 30 minutes.")
        await expect(dialog.get_by_role("link", name="Open dashboard")).to_have_attribute("href", DASHBOARD)
        await dialog.get_by_role("button", name="Start again").click()
        await eventually(lambda: server.starts == 1)
        await server.say("Starting the editor")
        await expect(tab.get_by_role("dialog", name="Starting alice…")).to_contain_text("Starting the editor")
        await server.set(phase="running", run="run-2")
        await expect(tab.get_by_role("dialog")).to_have_count(0)
        await tab.wait_for_function("document.title === 'connected'")
        assert server.starts == 1


async def test_the_dialog_has_the_keyboard_and_the_editor_below_has_not(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await tab.locator("#dialog").focus()
        await server.stop("stopped: by you")
        button = tab.get_by_role("button", name="Start again")
        await expect(button).to_be_focused()
        await tab.evaluate("window.keys = []")
        await tab.keyboard.press("Escape")
        await tab.keyboard.press("Escape")
        await expect(tab.get_by_role("dialog")).to_be_visible()
        await tab.keyboard.press("Tab")
        await expect(tab.get_by_role("link", name="Open dashboard")).to_be_focused()
        await tab.keyboard.press("Shift+Tab")
        await expect(button).to_be_focused()
        # A workbench that pulls the focus back, as VS Code's own dialog does, gets none.
        await tab.evaluate("document.getElementById('dialog').focus()")
        await expect(button).to_be_focused()
        assert await tab.evaluate("window.keys") == []
        await tab.keyboard.press("Enter")
        await eventually(lambda: server.starts == 1)


async def test_a_server_that_restarts_is_left_to_the_editor(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await server.down()
        await tab.wait_for_function("document.title === 'lost'")
        await tab.wait_for_timeout(2500)
        await expect(tab.get_by_role("dialog")).to_have_count(0)
        await server.up()
        await tab.wait_for_function("document.title === 'connected'")
        await expect(tab.get_by_role("dialog")).to_have_count(0)


async def test_a_workspace_that_stopped_while_the_server_was_away_is_noticed(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await server.down()
        await tab.wait_for_function("document.title === 'lost'")
        await server.set(phase="failed", reason="failed: the editor crashed three times")
        await server.up()
        await expect(tab.get_by_role("dialog", name="alice stopped working")).to_contain_text("crashed three times")


async def test_a_session_that_was_revoked_is_said_and_leads_to_signing_in(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await server.set(signed_out=True)
        await server.drop_sockets()
        dialog = tab.get_by_role("dialog", name="You were signed out")
        await dialog.get_by_role("button", name="Sign in").click()
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Sign in to open alice")


async def test_a_workspace_that_was_deleted_is_said(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await server.set(gone=True)
        await server.drop_sockets()
        await expect(tab.get_by_role("dialog", name="alice no longer exists")).to_be_visible()


async def test_an_editor_that_was_restarted_is_offered_by_a_reload(tab: Page) -> None:
    async with control() as server:
        # The script learns which start of the editor it belongs to a moment after the page has loaded.
        async with tab.expect_response("**/.vibecode/status"):
            await open_workbench(tab, server)
        await server.set(run="run-2")
        await server.drop_sockets()
        dialog = tab.get_by_role("dialog", name="alice was restarted")
        async with tab.expect_navigation():
            await dialog.get_by_role("button", name="Reload").click()
        await tab.wait_for_function("document.title === 'connected'")


async def test_a_failed_start_from_the_dialog_shows_the_log_and_can_be_repeated(tab: Page) -> None:
    async with control() as server:
        await open_workbench(tab, server)
        await server.stop("stopped: by you")
        await tab.get_by_role("button", name="Start again").click()
        await expect(tab.get_by_role("dialog", name="Starting alice…")).to_be_visible()
        await server.say("npm error code ENOSPC")
        await server.set(phase="failed", reason="failed: the disk is full")
        dialog = tab.get_by_role("dialog", name="alice did not start")
        await expect(dialog).to_contain_text("The disk is full.")
        await expect(dialog).to_contain_text("npm error code ENOSPC")
        await server.set(refuse_start="The disk is still full.")
        await dialog.get_by_role("button", name="Start again").click()
        await expect(dialog.get_by_role("alert")).to_have_text("The disk is still full.")


async def test_a_start_that_failed_before_it_was_answered_has_failed(tab: Page) -> None:
    async with control() as server:
        await tab.clock.install()
        await open_workbench(tab, server)
        await server.stop("stopped: by you")
        again = tab.get_by_role("button", name="Start again")
        await expect(again).to_be_visible()
        # From here on the page's own timers, which ask for the status at times, put nothing right.
        await tab.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
        async with server.held_answer():
            await again.click()
            await eventually(lambda: server.starts == 1)
            await server.set(phase="failed", reason="failed: the disk is full")
            dialog = tab.get_by_role("dialog", name="alice did not start")
            await expect(dialog).to_contain_text("The disk is full.")
        # The button can be used again when the answer is there, and what it leads to is of another start.
        await again.click()
        await expect(tab.get_by_role("dialog", name="Starting alice…")).to_be_visible()
        assert server.starts == 2


async def test_what_was_typed_just_before_is_not_promised_to_be_kept(tab: Page) -> None:
    async with control() as server:
        await tab.clock.install()
        await open_workbench(tab, server)
        await tab.get_by_label("Editor").press_sequentially("last words")
        await server.stop("stopped: by you")
        await expect(tab.get_by_role("dialog")).to_contain_text("Unsaved changes of the last minute may be lost.")


async def test_what_was_typed_long_before_is_promised_to_be_kept(tab: Page) -> None:
    async with control() as server:
        await tab.clock.install()
        await open_workbench(tab, server)
        await tab.get_by_label("Editor").press_sequentially("old words")
        await tab.clock.fast_forward(61_000)
        await server.stop("stopped: nobody used it")
        await expect(tab.get_by_role("dialog")).to_contain_text("Your unsaved changes are kept")


async def test_a_tab_that_is_used_in_peace_asks_for_nothing(tab: Page) -> None:
    async with control() as server:
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url) if "/.vibecode/" in request.url else None)
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        await open_workbench(tab, server)
        await tab.wait_for_timeout(8000)
        # One status, though the script runs twice.
        assert [url.removeprefix(server.url) for url in asked if not url.endswith("/tab.js")] == ["/.vibecode/status"]
        assert errors == []
        assert await tab.evaluate("window.isSocket")
        assert await tab.evaluate("window.sockets") == 1
