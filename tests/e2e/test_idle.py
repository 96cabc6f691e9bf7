"""A workspace that nobody uses: the editor says so ahead, and it stops unless somebody objects.

The shortest idle timeout is a minute, so these tests take one or two; they share the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.workbench import Workbench
from tests.support.browser import chromium
from tests.support.product_api import ProductApi, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.editor,
    pytest.mark.parametrize(
        "product",
        [pytest.param("local", marks=pytest.mark.timeout(420)), "kubernetes"],
        indirect=True,
        scope="module",
    ),
]

LIMIT = 300.0


def sign_in(page: Page, product: ProductApi) -> None:
    page.goto(product.login_link())
    page.get_by_text("Create your first workspace").or_(page.get_by_role("link", name="Open")).first.wait_for()


def test_the_editor_warns_and_keep_running_keeps_and_what_is_unused_stops(product: ProductApi) -> None:
    product.create("unused", idleTimeout=60)
    product.create("watched", idleTimeout=60)
    product.create("forever", idleTimeout=None)
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(LIMIT * 1000)
        page = context.new_page()
        sign_in(page, product)
        page.goto(product.workspace_url("watched") + "/")
        workbench = Workbench(page)
        workbench.wait_ready()
        workbench.notification("Keep running")
        reason = product.api("GET", "/workspaces/watched")["reason"]
        assert reason.startswith("stops in"), reason
        page.get_by_role("button", name="Keep running").first.click()

        def is_kept() -> bool:
            workspace = product.api("GET", "/workspaces/watched")
            assert workspace["status"] == "running"
            return bool(workspace["reason"].startswith("kept"))

        wait_until(is_kept, "it is kept")
        # Left alone, the tab is told of the stop, and that it was for want of use.
        page.get_by_role("button", name="Start again").wait_for()
        page.get_by_text("nobody used it").first.wait_for()
        stopped = product.api("GET", "/workspaces/watched")
        assert (stopped["status"], stopped["reason"]) == ("stopped", "Stopped: nobody used it for 1 min.")
        context.close()
    unused = product.api("GET", "/workspaces/unused")
    assert (unused["status"], unused["reason"]) == ("stopped", "Stopped: nobody used it for 1 min.")
    kinds = [event["kind"] for event in product.api("GET", "/workspaces/unused/events")["items"]]
    assert kinds[0] == "stopped"
    forever = product.api("GET", "/workspaces/forever")
    assert forever["status"] == "running"
    assert "idle stop is off" in forever["reason"]
