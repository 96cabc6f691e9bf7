"""What a page that a workspace serves can do to others, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.security.people import Person, Program, program_in, sign_in
from tests.support.browser import chromium
from tests.support.product import Product

pytestmark = pytest.mark.browser

POST = """
url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'}).then(r => r.type, e => 'no')
"""
CONNECT = """
url => new Promise(resolve => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
})
"""
READ = "url => fetch(url, {credentials: 'include'}).then(r => r.text(), e => 'refused')"
LOAD = """
url => new Promise(resolve => {
    const image = new Image();
    image.onload = () => resolve('loaded');
    image.onerror = () => resolve('refused');
    image.src = url;
})
"""

EMBED = """
([kind, url]) => new Promise(resolve => {
    const element = document.createElement(kind);
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('refused');
    element.src = url;
    document.body.append(element);
})
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def evil(product: Product, mallory: Person) -> Iterator[Program]:
    with program_in(product, "mallory") as program:
        yield program


@pytest.fixture
def page(product: Product, browser: Browser, alice: Person, evil: Program) -> Iterator[Page]:
    """A page of mallory's workspace in the browser of an admin, who has just been at alice's editor."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(product.login_link())
        page.wait_for_url(product.url + "/")
        page.goto(product.workspace_url("alice") + "/robots.txt")
        page.goto(product.workspace_url(f"{evil.port}--mallory") + "/")
        assert page.inner_text("body") == "preview"
        yield page


def test_it_changes_nothing_at_the_dashboard(product: Product, page: Page) -> None:
    page.evaluate(POST, f"{product.url}/api/v1/workspaces/alice/stop")
    page.evaluate(POST, f"{product.url}/api/v1/login-links")
    page.evaluate(POST, f"http://127.0.0.1:{product.port}/api/v1/workspaces/alice/stop")
    assert page.evaluate(READ, f"{product.url}/api/v1/me") == "refused"
    assert product.api("GET", "/workspaces/alice")["status"] == "running"


def test_it_cannot_use_another_workspaces_editor(product: Product, page: Page) -> None:
    editor = product.workspace_url("alice")
    assert page.evaluate(CONNECT, editor.replace("http", "ws") + "/stable-0?reconnectionToken=a") == "refused"
    assert page.evaluate(READ, editor + "/vscode-remote-resource?path=/etc/hostname") == "refused"
    assert page.evaluate(LOAD, editor + "/.vibecode/assets/favicon.svg") == "refused"
    assert page.evaluate(LOAD, editor + "/_static/src/browser/media/favicon.svg") == "refused"


def test_it_changes_nothing_at_another_workspaces_preview(product: Product, page: Page) -> None:
    with program_in(product, "alice") as program:
        preview = product.workspace_url(f"{program.port}--alice")
        other = page.context.new_page()
        other.goto(preview + "/")
        assert other.inner_text("body") == "preview"
        page.evaluate(POST, preview + "/delete")
        assert page.evaluate(CONNECT, preview.replace("http", "ws") + "/") == "refused"
        requests = program.requests()
    assert "GET /" in requests
    assert set(requests) <= {"GET /", "GET /favicon.ico"}


@pytest.mark.parametrize("policy", ["strict-origin-when-cross-origin", "no-referrer", "unsafe-url"])
def test_it_cannot_use_another_workspaces_preview_by_reading(product: Product, page: Page, policy: str) -> None:
    with program_in(product, "alice") as program:
        preview = product.workspace_url(f"{program.port}--alice")
        other = page.context.new_page()
        other.goto(preview + "/")
        assert other.inner_text("body") == "preview"
        page.evaluate(
            "policy => { const meta = document.createElement('meta'); meta.name = 'referrer'; meta.content = policy; "
            "document.head.append(meta) }",
            policy,
        )
        page.evaluate(LOAD, preview + "/delete-everything")
        page.evaluate(EMBED, ["script", preview + "/private.js"])
        page.evaluate(EMBED, ["iframe", preview + "/framed"])
        requests = program.requests()
    assert set(requests) <= {"GET /", "GET /favicon.ico"}


def test_the_workspaces_own_editor_frames_a_preview(product: Product, page: Page) -> None:
    with program_in(product, "alice") as program:
        page.goto(product.workspace_url("alice") + "/robots.txt")
        # The browser was never at the preview: it gets its session on the way, through the dashboard.
        page.evaluate(EMBED, ["iframe", product.workspace_url(f"{program.port}--alice") + "/"])
        assert page.frames[1].inner_text("body") == "preview"


def test_no_service_worker_is_installed_at_a_preview(product: Product, page: Page, evil: Program) -> None:
    said = page.evaluate("() => navigator.serviceWorker.register('/sw.js').then(() => 'installed', e => e.message)")
    assert "403" in said
    assert page.evaluate("() => navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0


def test_it_cannot_frame_what_is_ours(product: Product, page: Page) -> None:
    for url in (product.url + "/", product.workspace_url("alice") + "/"):
        page.evaluate(
            "url => new Promise(resolve => { const frame = document.createElement('iframe'); frame.onload = resolve; "
            "frame.src = url; document.body.append(frame); })",
            url,
        )
    framed = [frame.evaluate("document.title") for frame in page.frames[1:]]
    assert not any("VibeCode" in title for title in framed)


def test_a_planted_session_is_never_taken_for_the_real_one(product: Product, page: Page, mallory: Person) -> None:
    theirs = sign_in(product, "mallory")
    page.evaluate("cookie => { document.cookie = `${cookie}; domain=vibecode.localhost; path=/` }", theirs)
    page.goto(product.url + "/")
    answer = page.evaluate("() => fetch('/api/v1/me').then(r => r.json())")
    assert answer.get("code") == "unauthenticated" or answer["user"]["id"] != "mallory"


def test_no_ticket_stays_in_an_address_or_referrer(product: Product, page: Page) -> None:
    assert "ticket" not in page.url
    assert page.evaluate("document.referrer") == ""
    assert page.evaluate("history.length") <= 4
    assert not any("ticket" in str(entry) for entry in page.evaluate("performance.getEntries().map(e => e.name)"))
