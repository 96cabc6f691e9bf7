from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.support.require import require
from vibecode.editor.additions import EXTENSION, ensure
from vibecode.editor.model import Editor
from vibecode.editor.store import EditorStore

# Machines that run tests are busy; none of these tests is about speed.
expect.set_options(timeout=20_000)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        require("browser", "Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(20_000)
    yield context
    await context.close()


@pytest.fixture
async def tab(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.fixture
def editor() -> Editor:
    data = os.environ.get("VIBECODE_TEST_DATA_DIR")
    share = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    installed = EditorStore(Path(data or f"{share}/vibecode") / "editors").current()
    if installed is None:
        require("editor", "code-server is not installed: run make up, or name a data folder in VIBECODE_TEST_DATA_DIR")
    if not EXTENSION.exists():
        require("editor", "the extension is not built: run npm ci && npm run build in extensions/vibecode")
    ensure(installed)
    return installed
