"""The tab script and the extension in the real code-server."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages.real import open_notes, open_workbench, real_editor, run_command
from tests.e2e.pages.scripted import AgentEndpoint, control, eventually
from vibecode.editor.model import Editor

pytestmark = [pytest.mark.browser, pytest.mark.editor, pytest.mark.timeout(400)]


async def test_a_tab_whose_editor_was_killed_says_so_and_gets_everything_back(tab: Page, editor: Editor) -> None:
    async with real_editor(editor, settings={"files.autoSave": "off"}) as real, control(upstream=real.socket) as server:
        await open_workbench(tab, server, real)
        await open_notes(tab)
        await tab.locator(".monaco-editor .view-lines").first.click()
        await tab.keyboard.press("Control+End")
        await tab.keyboard.type("never saved")
        # What the dialog promises to keep is kept by the editor: in a backup, which it writes after a while.
        await eventually(lambda: any("never saved" in text for text in real.backups()), seconds=60, what="a backup")
        await server.set(phase="stopped", reason="stopped: nobody used it for 30 minutes")
        await real.kill()
        dialog = tab.get_by_role("dialog", name="alice has stopped")
        await expect(dialog).to_be_visible()
        await expect(dialog).to_contain_text("Nobody used it for 30 minutes.")
        await expect(dialog.get_by_role("button", name="Start again")).to_be_focused()
        # VS Code's own dialog about the connection comes up beneath, and takes neither keyboard nor mouse.
        await expect(tab.locator(".monaco-dialog-box")).to_be_attached(timeout=60_000)
        await expect(dialog.get_by_role("button", name="Start again")).to_be_focused()
        await tab.keyboard.press("Enter")
        await eventually(lambda: server.starts == 1)
        await real.start()
        await server.set(phase="running", run="run-2")
        await expect(dialog).to_have_count(0)
        await expect(tab.locator(".monaco-editor .view-lines").first).to_contain_text("never", timeout=60_000)
        await expect(tab.locator(".monaco-editor .view-lines").first).to_contain_text("first")
        await expect(tab.get_by_role("tab", name="notes.txt")).to_be_visible()
        assert (real.folder / "notes.txt").read_text(encoding="utf-8") == "first line\n"


async def test_a_server_that_restarts_leaves_the_editor_as_it_was(tab: Page, editor: Editor) -> None:
    async with real_editor(editor) as real, control(upstream=real.socket) as server:
        await open_workbench(tab, server, real)
        await open_notes(tab)
        await tab.evaluate("window.still = true")
        await server.down()
        await asyncio.sleep(4)
        await server.up()
        await expect(tab.locator(".notifications-toasts .notification-toast")).to_have_count(0)
        await tab.locator(".monaco-editor .view-lines").first.click()
        await tab.keyboard.type("typed after the restart ")
        await tab.keyboard.press("Control+s")
        path = real.folder / "notes.txt"
        await eventually(lambda: "typed after the restart" in path.read_text(encoding="utf-8"), seconds=45)
        assert await tab.evaluate("window.still")


async def test_the_extension_reports_warns_once_and_keeps_the_workspace_running(
    tab: Page, editor: Editor, tmp_path: Path
) -> None:
    agent, agent_file = AgentEndpoint(), tmp_path / "agent.json"
    extra = {"VIBECODE_AGENT_FILE": str(agent_file)}
    async with real_editor(editor, extra=extra) as real, control(upstream=real.socket, agent=agent) as server:
        agent_file.write_text(json.dumps({"url": f"http://127.0.0.1:{server.port}", "token": agent.token}))
        await open_workbench(tab, server, real)
        await open_notes(tab)
        await tab.locator(".monaco-editor .view-lines").first.click()
        await tab.keyboard.type("hello ")
        await eventually(
            lambda: agent.reports and agent.reports[-1]["windowActive"], seconds=40, what="an active report"
        )
        first = agent.reports[-1]
        assert datetime.now(UTC) - datetime.fromisoformat(first["lastInteraction"]) < timedelta(seconds=20)
        assert first["windowId"]
        assert first["closed"] is False

        await run_command(tab, "Terminal: Create New Terminal")
        await eventually(lambda: agent.reports[-1]["terminals"], what="a terminal in the reports")
        await expect(tab.locator(".terminal-wrapper.active .xterm-screen")).to_be_visible()
        await eventually(lambda: agent.reports[-1]["terminals"][0]["pid"], what="the terminal's pid")
        await tab.locator(".terminal-wrapper.active .xterm-screen").click()
        await asyncio.sleep(2)
        await tab.keyboard.type("sleep 600\n")
        await eventually(
            lambda: agent.reports[-1]["terminals"][0]["command"] == "sleep", what="the command of the terminal"
        )

        # It says so for as long as the test looks, however long it takes until the report comes.
        stops_at = datetime.now(UTC) + timedelta(minutes=5, seconds=25)
        agent.next_answer |= {"reason": "stops in 5 min", "stopsAt": stops_at.isoformat(), "warning": True}
        warning = tab.locator(".notification-toast").filter(has_text="stops in 5 minutes because nobody uses it")
        await expect(warning).to_have_count(1, timeout=30_000)
        # VS Code takes one away after a while that nobody points at.
        await warning.hover()
        await expect(tab.locator(".statusbar-item").filter(has_text="Stops in 5 min")).to_be_visible()
        # Later reports about the same stop say nothing new.
        seen = len(agent.reports)
        await eventually(lambda: len(agent.reports) >= seen + 2)
        await expect(warning).to_have_count(1)
        await warning.get_by_role("button", name="Keep running").click()
        await eventually(lambda: agent.kept == 1)
        await expect(tab.locator(".statusbar-item").filter(has_text="Stops in")).to_have_count(0)
        await expect(warning).to_have_count(0)

        # The server restarts, with another token.
        await server.down()
        agent.token = "another"
        agent_file.write_text(json.dumps({"url": f"http://127.0.0.1:{server.port}", "token": agent.token}))
        seen = len(agent.reports)
        await server.up()
        await eventually(lambda: len(agent.reports) > seen, seconds=40, what="a report after the restart")

        await run_command(tab, "VibeCode: Why is this workspace still running?")
        await expect(tab.locator(".notification-toast").filter(has_text="Kept: you asked for it.")).to_be_visible()

        # Closing the tab ends the reports of its window, in words.
        await tab.close(run_before_unload=False)
        await eventually(lambda: agent.reports[-1]["closed"], what="the report of the closed window")


async def test_a_tab_that_vanished_is_not_reported_as_active_for_ever(
    tab: Page, editor: Editor, tmp_path: Path
) -> None:
    agent, agent_file = AgentEndpoint(), tmp_path / "agent.json"
    extra = {"VIBECODE_AGENT_FILE": str(agent_file)}
    async with (
        real_editor(editor, extra=extra) as real,
        control(agent=agent) as reported_to,
        control(upstream=real.socket) as server,
    ):
        agent_file.write_text(json.dumps({"url": f"http://127.0.0.1:{reported_to.port}", "token": agent.token}))
        await open_workbench(tab, server, real)
        await tab.mouse.move(300, 300)
        await tab.mouse.move(500, 400)
        await eventually(
            lambda: agent.reports and agent.reports[-1]["windowActive"], seconds=40, what="an active report"
        )
        # The connection is cut while the window is active: the editor's host can't hear any more that it isn't.
        await server.down()
        last_words = agent.reports[-1]["lastInteraction"]
        await eventually(lambda: not agent.reports[-1]["windowActive"], what="an inactive report")
        seen = len(agent.reports)
        await eventually(lambda: len(agent.reports) >= seen + 2, what="further reports")
        last = agent.reports[-1]
        assert (last["windowActive"], last["windowFocused"], last["closed"]) == (False, False, False)
        gone_for = datetime.fromisoformat(last["lastInteraction"]) - datetime.fromisoformat(last_words)
        assert gone_for < timedelta(seconds=8)


async def test_the_extension_is_silent_where_it_has_no_agent(tab: Page, editor: Editor) -> None:
    async with real_editor(editor) as real, control(upstream=real.socket) as server:
        await open_workbench(tab, server, real)
        await tab.keyboard.press("F1")
        box = tab.locator(".quick-input-widget input")
        await box.fill(">VibeCode: Keep")
        commands = tab.locator(".quick-input-list")
        await expect(commands).to_contain_text("View: Keep Editor")
        await expect(commands).not_to_contain_text("VibeCode")
