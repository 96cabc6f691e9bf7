"""Each view in both colour schemes and on a phone, under the policy that the server sends."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Page

from tests.e2e.dashboard.axe import violations
from tests.e2e.dashboard.mock import Mock
from tests.e2e.dashboard.views import VIEWS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PHONE = 360
# A refused request is logged by the browser itself.
REFUSED = ("401 (Unauthorized)", "410 (Gone)", "503 (Service Unavailable)")

OUTSIDE = """
width => [...document.querySelectorAll('a, button, input, select, h1, h2, h3, p')]
  .filter(each => each.checkVisibility() && !each.closest('nav, .sr-only, [role=log], [href="#content"]'))
  .filter(each => { const box = each.getBoundingClientRect(); return box.left < 0 || box.right > width })
  .map(each => each.outerHTML.slice(0, 160))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(
    tab: Page, mock: Mock, scheme: Literal["light", "dark"], expected_errors: list[str]
) -> None:
    expected_errors.extend(REFUSED)
    await tab.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for name, view in VIEWS.items():
        await view.open(tab, mock)
        if wrong := await violations(tab):
            found[name] = wrong
    assert found == {}, found


async def test_phones_need_no_sideways_scrolling(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    expected_errors.extend(REFUSED)
    await tab.set_viewport_size({"width": PHONE, "height": 740})
    found: dict[str, object] = {}
    for name, view in VIEWS.items():
        if name == "table":
            continue  # a phone has cards only
        await view.open(tab, mock)
        width = await tab.evaluate("document.documentElement.scrollWidth")
        outside = await tab.evaluate(OUTSIDE, PHONE)
        if width > PHONE or outside:
            found[name] = (width, outside)
    assert found == {}, found


async def test_a_phone_is_not_offered_the_table(tab: Page, mock: Mock) -> None:
    await tab.set_viewport_size({"width": PHONE, "height": 740})
    await VIEWS["many"].open(tab, mock)
    assert await tab.get_by_role("radio", name="Table").count() == 0
    assert await tab.get_by_role("table").count() == 0


async def test_the_policy_is_in_force(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    """The other tests prove nothing if inline code would run."""
    expected_errors.append("Content Security Policy")
    await VIEWS["cards"].open(tab, mock)
    await tab.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.ran = true';"
        " document.head.append(script) }"
    )
    assert await tab.evaluate("window.ran") is None


async def test_nothing_jumps_while_it_loads(tab: Page, mock: Mock) -> None:
    await tab.add_init_script(
        "window.shift = 0;"
        "new PerformanceObserver(list => { for (const entry of list.getEntries()) window.shift += entry.value })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    found: dict[str, float] = {}
    for name in ("cards", "overview", "account", "users", "log"):
        await VIEWS[name].open(tab, mock)
        shift = await tab.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(() => done(shift))))")
        # Half of what the Core Web Vitals call good.
        if shift > 0.05:
            found[name] = shift
    assert found == {}, found


async def test_the_theme_is_there_before_the_application(tab: Page, mock: Mock, expected_errors: list[str]) -> None:
    await VIEWS["theme menu"].open(tab, mock)
    await tab.get_by_role("menuitemradio", name="Dark").click()
    assert await tab.evaluate("document.documentElement.dataset.theme") == "dark"
    expected_errors.append("ERR_FAILED")
    await tab.route("**/assets/index-*.js", lambda route: route.abort())
    await tab.reload()
    assert await tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert await tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
