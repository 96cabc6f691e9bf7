"""The pages that a workspace's address shows when there is no editor, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages.scripted import control, eventually
from vibecode.web.pages import render

pytestmark = pytest.mark.browser

STARTED = {"phase": "starting", "reason": ""}


async def test_the_start_log_is_shown_live_and_the_editor_is_entered_at_the_same_address(tab: Page) -> None:
    async with control(**STARTED) as server:
        await tab.goto(f"{server.url}/?folder=/w#L3")
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Starting alice…")
        await server.say("Cloning into 'w'...")
        await expect(tab.get_by_role("log")).to_contain_text("Cloning into 'w'...")
        await server.say("<b>Receiving</b> objects: 42%")
        await expect(tab.get_by_role("log")).to_contain_text("<b>Receiving</b> objects: 42%")
        await expect(tab.locator("#elapsed")).to_have_text(re.compile(r"^[1-9]\d* s$"))
        await server.set(phase="running")
        await expect(tab.get_by_role("heading", name="Workbench")).to_be_visible()
        assert tab.url == f"{server.url}/?folder=/w#L3"


async def test_a_failed_start_says_why_keeps_the_log_and_can_be_tried_again(tab: Page) -> None:
    async with control(**STARTED) as server:
        await tab.goto(server.url)
        await server.say("fatal: repository not found")
        await server.set(phase="failed", reason="failed: git could not clone the repository")
        await expect(tab.get_by_role("heading", level=1)).to_have_text("alice did not start")
        await expect(tab.locator("#reason")).to_have_text("Git could not clone the repository.")
        await expect(tab.get_by_role("log")).to_contain_text("fatal: repository not found")
        await expect(tab.get_by_role("link", name="Open dashboard")).to_have_attribute(
            "href", "http://vibecode.localhost:1"
        )
        await tab.get_by_role("button", name="Try again").click()
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Starting alice…")
        assert server.starts == 1
        await server.say("second try")
        await expect(tab.get_by_role("log")).to_have_text("second try")
        await server.set(phase="running")
        await expect(tab.get_by_role("heading", name="Workbench")).to_be_visible()
        assert server.starts == 1


async def test_a_refused_start_is_said(tab: Page) -> None:
    async with control(
        phase="failed", reason="no space left", refuse_start="The disk is full: delete something."
    ) as server:
        await tab.goto(server.url)
        await tab.get_by_role("button", name="Try again").click()
        await expect(tab.get_by_role("alert")).to_have_text("The disk is full: delete something.")


async def test_a_restart_of_the_server_in_the_middle_of_the_wait_does_no_harm(tab: Page) -> None:
    async with control(**STARTED, log=["line one"]) as server:
        await tab.goto(server.url)
        await expect(tab.get_by_role("log")).to_have_text("line one")
        await server.down()
        await expect(tab.locator("#words")).to_contain_text("can't be reached")
        await server.up()
        await expect(tab.locator("#words")).to_contain_text("opens by itself")
        await server.say("line two")
        # Each connection replays the log: nothing is twice.
        await expect(tab.get_by_role("log").locator("div")).to_have_text(["line one", "line two"])
        await server.set(phase="running")
        await expect(tab.get_by_role("heading", name="Workbench")).to_be_visible()


async def test_opening_a_workspace_that_is_stopping_starts_it_when_it_has_stopped(tab: Page) -> None:
    async with control(phase="stopping") as server:
        await tab.goto(server.url)
        await expect(tab.get_by_role("heading", level=1)).to_have_text("alice is stopping…")
        await server.set(phase="stopped", reason="stopped: you stopped it")
        await eventually(lambda: server.starts == 1)
        await server.set(phase="running")
        await expect(tab.get_by_role("heading", name="Workbench")).to_be_visible()


async def test_a_workspace_that_somebody_stops_meanwhile_is_not_started_behind_their_back(tab: Page) -> None:
    async with control(**STARTED) as server:
        await tab.goto(server.url)
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Starting alice…")
        await server.set(phase="stopped", reason="stopped: bob stopped it")
        await expect(tab.locator("#reason")).to_have_text("Bob stopped it.")
        assert server.starts == 0
        await tab.get_by_role("button", name="Start").click()
        await eventually(lambda: server.starts == 1)


async def test_a_slow_start_is_explained(tab: Page) -> None:
    page = render("waking", name="alice", phase="starting", reason="", dashboard_url="/", elapsed_seconds=5)
    async with control(phase="starting", page=page) as server:
        await tab.clock.install()
        await tab.goto(server.url)
        await expect(tab.get_by_text("takes longer than usual")).to_be_hidden()
        await tab.clock.fast_forward(26_000)
        await expect(tab.get_by_text("takes longer than usual")).to_be_visible()


async def test_a_page_that_is_sent_though_the_workspace_runs_is_not_reloaded_in_a_tight_circle(tab: Page) -> None:
    page = render("waking", name="alice", phase="running", reason="", dashboard_url="/")
    async with control(phase="running", page=page) as server:
        loads: list[str] = []
        tab.on("framenavigated", lambda frame: loads.append(frame.url))
        await tab.goto(server.url)
        await eventually(lambda: len(loads) >= 3)
        await tab.wait_for_timeout(1500)
        assert len(loads) <= 5


async def test_signing_out_while_waiting_leads_to_the_sign_in_page(tab: Page) -> None:
    async with control(**STARTED) as server:
        await tab.goto(server.url)
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Starting alice…")
        await server.set(signed_out=True)
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Sign in to open alice")


async def test_without_javascript_the_page_reloads_itself_until_the_editor_is_there(browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    tab = await context.new_page()
    async with control(**STARTED) as server:
        await tab.goto(server.url)
        await expect(tab.locator("h1")).to_have_text("Starting alice…")
        await server.set(phase="failed", reason="failed: out of memory")
        await expect(tab.locator("#reason")).to_have_text("Out of memory.")
        await expect(tab.get_by_role("button", name="Try again")).to_be_visible()
    await context.close()


async def test_nothing_moves_while_the_start_goes_on(tab: Page) -> None:
    async with control(**STARTED) as server:
        await tab.goto(server.url)
        before = await tab.locator("main").bounding_box()
        await server.say(*(f"line {n} " + "long " * 60 for n in range(200)))
        await expect(tab.get_by_role("log")).to_contain_text("line 199")
        assert await tab.locator("main").bounding_box() == before
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # The newest line is in view.
        assert await tab.locator("#log").evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 2")


async def test_the_page_of_a_silent_port_opens_it_when_it_answers_and_lists_the_others(tab: Page) -> None:
    page = render("port", name="alice", port=3000, workspace_url="http://alice.vibecode.localhost:1")
    async with control(page=page) as server:
        await tab.goto(f"{server.url}/app?x=1")
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Nothing listens on port 3000 in alice yet")
        await server.set(ports=[{"port": 5173, "url": "http://5173--alice.vibecode.localhost:1/", "process": "vite"}])
        await expect(tab.get_by_role("link", name="5173")).to_contain_text("vite")
        await server.set(listening=True, page=None)
        await expect(tab.get_by_role("heading", name="Workbench")).to_be_visible()
        assert tab.url == f"{server.url}/app?x=1"


async def test_the_page_of_a_workspace_that_took_too_long_goes_on_when_it_runs(tab: Page) -> None:
    page = render("unavailable", name="alice", reason="it is still starting", dashboard_url="/", retry_after=1)
    async with control(page=page, **STARTED) as server:
        await tab.goto(server.url)
        await expect(tab.get_by_role("heading", level=1)).to_have_text("alice is not ready yet")
        await server.set(page=None, phase="running")
        await expect(tab.get_by_role("heading", name="Workbench")).to_be_visible()
