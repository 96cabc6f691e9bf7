"""axe (WCAG 2.2 A and AA, and its best practices) on each page and on the dialog, in both colour schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages.scripted import DASHBOARD, control, eventually
from tests.support.require import require
from vibecode.web.pages import Page as PageName
from vibecode.web.pages import render

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[3] / "dashboard/node_modules/axe-core/axe.min.js"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PORTS = [{"port": 5173, "url": f"{DASHBOARD}/", "process": "vite"}]

CONTEXTS: dict[PageName, dict[str, Any]] = {
    "waking": {"name": "alice", "phase": "failed", "reason": "failed: git is missing", "dashboard_url": DASHBOARD},
    "not-found": {"name": "alice", "dashboard_url": DASHBOARD},
    "signed-out": {"name": "alice", "sign_in_url": DASHBOARD},
    "port": {"name": "alice", "port": 3000, "workspace_url": DASHBOARD, "ports": PORTS},
    "unavailable": {"name": "alice", "reason": "still starting", "dashboard_url": DASHBOARD, "retry_after": 60},
}


async def violations(tab: Page) -> list[str]:
    if not AXE.exists():
        require("dashboard", "axe-core is not installed (npm ci in dashboard)")
    await tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert found["passes"]
    return [f"{v['id']}: {v['help']}: {[node['html'][:120] for node in v['nodes']]}" for v in found["violations"]]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_pages(browser: Browser, scheme: Literal["light", "dark"]) -> None:
    assert set(CONTEXTS) == set(get_args(PageName))
    tab = await browser.new_page(color_scheme=scheme)
    for page, context in CONTEXTS.items():
        async with control(
            page=render(page, **context), phase="failed", reason="git is missing", ports=PORTS
        ) as server:
            await tab.goto(server.url)
            await expect(tab.get_by_role("heading", level=1)).to_be_visible()
            assert await violations(tab) == [], page


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_waking_page_in_each_phase(browser: Browser, scheme: Literal["light", "dark"]) -> None:
    tab = await browser.new_page(color_scheme=scheme, viewport={"width": 360, "height": 640})
    async with control(phase="starting", log=["one", "two"]) as server:
        await tab.goto(server.url)
        for phase in ("pending", "starting", "stopped", "failed"):
            await server.set(phase=phase, reason=f"{phase}: for a reason")
            await expect(tab.locator(f"main[data-phase={phase}]")).to_be_visible()
            assert await violations(tab) == [], phase


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_dialog_in_the_tab(browser: Browser, scheme: Literal["light", "dark"]) -> None:
    tab = await browser.new_page(color_scheme=scheme)
    async with control() as server:
        await tab.goto(server.url)
        await tab.wait_for_function("document.title === 'connected'")
        await server.stop("stopped: nobody used it for 30 minutes")
        await expect(tab.get_by_role("dialog", name="alice has stopped")).to_be_visible()
        # The workbench below is VS Code's; axe is told of the dialog alone.
        await tab.evaluate("document.querySelectorAll('body > :not(vibecode-overlay)').forEach((e) => e.remove())")
        assert await violations(tab) == []
        await tab.get_by_role("button", name="Start again").click()
        await eventually(lambda: server.starts == 1)
        await server.say("Starting the editor")
        await expect(tab.get_by_role("dialog", name="Starting alice…")).to_contain_text("Starting the editor")
        assert await violations(tab) == []
