"""A real code-server behind the scripted control plane."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from playwright.async_api import Page, expect

from tests.e2e.pages.scripted import Control
from vibecode.editor.launch import command, environment, user_data
from vibecode.editor.model import Editor
from vibecode.runtimes.local.sweeping import sweep
from vibecode.runtimes.local.table import MARKER, ProcessTable


@dataclass
class RealEditor:
    """One workspace's editor: a home, a folder with ``notes.txt``, and a process."""

    editor: Editor
    root: Path
    extra: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def folder(self) -> Path:
        return self.root / "files"

    @property
    def socket(self) -> Path:
        return self.root / "editor.sock"

    def backups(self) -> list[str]:
        """Return the texts of the editor's backups of unsaved changes."""
        found = []
        for path in user_data(self.home).glob("**/Backups/**/*"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # they come and go
                found.append(path.read_text(encoding="utf-8"))
        return found

    def prepare(self, settings: dict[str, object]) -> None:
        for folder in (self.home, self.folder, user_data(self.home) / "User"):
            folder.mkdir(parents=True)
        (self.folder / "notes.txt").write_text("first line\n", encoding="utf-8")
        (user_data(self.home) / "User/settings.json").write_text(json.dumps(settings), encoding="utf-8")

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *command(self.editor, socket=self.socket, home=self.home, folder=self.folder),
            env=environment(self.editor, home=self.home, extra={**self.extra, MARKER: self.root.name}),
            start_new_session=True,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with (
            asyncio.timeout(60),
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket))) as session,
        ):
            while True:
                assert self.process.returncode is None
                try:
                    async with session.get("http://editor/healthz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """End the editor at once, without a chance to save anything; what runs in its terminals hears that and ends."""
        if self.process is None or self.process.returncode is not None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        # A terminal's shell isn't of the editor's group: it writes its history into the home when its terminal is lost.
        await sweep(ProcessTable(), self.root.name, session=None, grace=20)
        self.socket.unlink(missing_ok=True)


@asynccontextmanager
async def real_editor(
    editor: Editor, *, settings: dict[str, object] | None = None, extra: dict[str, str] | None = None
) -> AsyncIterator[RealEditor]:
    # Not pytest's folder: its path would be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="vc-") as root:
        real = RealEditor(editor=editor, root=Path(root), extra=extra or {})
        real.prepare(settings or {})
        await real.start()
        try:
            yield real
        finally:
            await real.kill()


async def open_workbench(tab: Page, server: Control, real: RealEditor) -> None:
    await tab.goto(f"{server.url}/?folder={real.folder}", timeout=60_000)
    await expect(tab.locator(".monaco-workbench")).to_be_visible(timeout=60_000)
    await expect(tab.get_by_role("treeitem", name="notes.txt").first).to_be_visible(timeout=60_000)


async def open_notes(tab: Page) -> None:
    await tab.get_by_role("treeitem", name="notes.txt").first.dblclick()
    await expect(tab.locator(".monaco-editor .view-lines").first).to_contain_text("first")


async def run_command(tab: Page, title: str) -> None:
    await tab.keyboard.press("F1")
    box = tab.locator(".quick-input-widget input")
    await expect(box).to_be_visible()
    await box.fill(f">{title}")
    await tab.locator(".quick-input-list .monaco-list-row").filter(has_text=title).first.click()
