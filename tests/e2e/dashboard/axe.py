"""axe-core in a page: it is evaluated through the debugger, so the page's policy does not keep it out."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

from tests.support.require import require

SCRIPT = Path(__file__).parents[3] / "dashboard/node_modules/axe-core/axe.min.js"


async def violations(tab: Page) -> list[str]:
    """Return what is wrong with the page as it is now, by axe's WCAG 2.2 A and AA rules and best practices."""
    if not SCRIPT.exists():
        require("dashboard", "axe-core is not installed (npm ci in dashboard)")
    await tab.evaluate(SCRIPT.read_text(encoding="utf-8"))
    found = await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert found["passes"]
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes']]}" for each in found["violations"]]
