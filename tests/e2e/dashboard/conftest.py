from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.e2e.dashboard.mock import Mock
from tests.support.require import require

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Machines that run tests are busy.
expect.set_options(timeout=15_000)

# Workspaces are not there behind the mock server: their addresses answer with this.
WORKSPACE_PAGE = "<!doctype html><title>workspace</title>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mock() -> AsyncIterator[Mock]:
    async with Mock.start() as mock:
        yield mock


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        require("browser", "Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, mock: Mock) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(
        base_url=mock.url, viewport={"width": 1280, "height": 800}, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    await context.route(
        "http://*.vibecode.localhost:8000/**",
        lambda route: route.fulfill(body=WORKSPACE_PAGE, content_type="text/html"),
    )
    yield context
    await context.close()


@pytest.fixture
def expected_errors() -> list[str]:
    """What a test provokes on purpose: parts of console messages that are then no failure."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def tab(context: BrowserContext, expected_errors: list[str]) -> AsyncIterator[Page]:
    """A tab; the test fails if its page logs an error or breaks the Content-Security-Policy, which is logged too."""
    errors: list[str] = []
    tab = await context.new_page()
    tab.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    assert [error for error in errors if not any(part in error for part in expected_errors)] == []
