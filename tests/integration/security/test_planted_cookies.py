"""A workspace's page sets cookies for the domain that it shares with the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.integration.security.people import Person, program_in, sign_in
from tests.support.browser import chromium
from tests.support.product import Product

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

WHO = "() => fetch('/api/v1/me').then(answer => answer.json()).then(me => me.user ? me.user.id : me.code)"


@pytest.fixture
def admin(product: Product) -> Iterator[Page]:
    """The dashboard of an admin, who may open everybody's workspaces."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(product.login_link())
        page.wait_for_url(product.url + "/")
        yield page


@pytest.mark.parametrize("push_out_first", [True, False])
def test_a_planted_session_neither_replaces_nor_disturbs_the_own(
    product: Product, mallory: Person, admin: Page, push_out_first: bool
) -> None:
    me = admin.evaluate(WHO)
    with program_in(product, "mallory") as program:
        admin.goto(product.workspace_url(f"{program.port}--mallory") + "/")
        if push_out_first:
            # Browsers keep some 180 cookies of a domain and forget the oldest.
            admin.evaluate(
                "() => { for (let i = 0; i < 400; i++) document.cookie = `e${i}=1; domain=vibecode.localhost; path=/` }"
            )
        secret = sign_in(product, "mallory").partition("=")[2]
        for name in ("__Host-vibecode", "vibecode"):
            admin.evaluate(
                "cookie => { document.cookie = `${cookie}; domain=vibecode.localhost; path=/; secure` }",
                f"{name}={secret}",
            )
        admin.goto(product.url + "/")
        assert admin.evaluate(WHO) in ({me, "unauthenticated"} if push_out_first else {me})
