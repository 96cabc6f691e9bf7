"""What people use an editor for works in the pruned installation: tried from inside, by an extension in the browser."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.integration.editor.conftest import Workspace
from tests.support.editors import make_vsix
from tests.support.require import require
from vibecode.editor import additions
from vibecode.editor.gallery import install_extensions
from vibecode.editor.launch import user_data
from vibecode.editor.model import Editor
from vibecode.editor.page import default_settings

pytestmark = [pytest.mark.editor, pytest.mark.browser]

PROBE = r"""
const vscode = require('vscode'), fs = require('fs'), path = require('path');
const root = vscode.workspace.workspaceFolders[0].uri;
const home = process.env.HOME;

async function until(work, label) {
    for (let i = 0; i < 300; i++) {
        try {
            const value = await work();
            if (value) { return value; }
        } catch (error) { label += `; ${error.message}`; }
        await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error('never: ' + label.slice(0, 300));
}

const checks = {
    async settings() {
        const settings = vscode.workspace.getConfiguration();
        return Object.fromEntries(JSON.parse(fs.readFileSync(path.join(home, 'settings-to-ask.json'), 'utf8'))
            .map((name) => [name, settings.get(name)]));
    },
    async search() {
        const found = await vscode.workspace.findFiles('**/*.ts', '**/node_modules/**');
        return found.map((uri) => path.basename(uri.fsPath));
    },
    async terminal() {
        const terminal = vscode.window.createTerminal({ name: 'probe' });
        terminal.sendText('echo "$((6 * 7)) $HOME" > "$HOME/terminal.txt"; node --version > "$HOME/node.txt"');
        return await until(() => fs.existsSync(home + '/node.txt') && fs.readFileSync(home + '/node.txt', 'utf8') &&
            fs.readFileSync(home + '/terminal.txt', 'utf8').trim(), 'terminal');
    },
    async typescript() {
        const uri = vscode.Uri.joinPath(root, 'main.ts');
        await vscode.window.showTextDocument(uri);
        const symbols = await until(async () => {
            const found = await vscode.commands.executeCommand('vscode.executeDocumentSymbolProvider', uri);
            return found && found.length && found;
        }, 'symbols');
        const errors = await until(() => {
            const found = vscode.languages.getDiagnostics(uri);
            return found.length && found;
        }, 'diagnostics');
        return { symbols: symbols.map((symbol) => symbol.name), errors: errors.map((error) => error.message) };
    },
    async git() {
        const api = (await vscode.extensions.getExtension('vscode.git').activate()).getAPI(1);
        const repository = await until(() => api.repositories[0], 'repository');
        await until(() => repository.state.HEAD, 'HEAD');
        await repository.status();
        return { branch: repository.state.HEAD.name, untracked: repository.state.untrackedChanges.length +
            repository.state.workingTreeChanges.length };
    },
    async markdown() {
        await vscode.commands.executeCommand('markdown.showPreview', vscode.Uri.joinPath(root, 'README.md'));
        return await vscode.commands.executeCommand('markdown.api.render', '# Title\n\n$x^2$');
    },
    async output() {
        const channel = vscode.window.createOutputChannel('Probe');
        channel.appendLine('written by the probe');
        channel.show();
        return true;
    },
    async chat() {
        const commands = await vscode.commands.getCommands();
        return commands.includes('workbench.action.chat.open');
    },
};

exports.activate = async () => {
    const result = {};
    for (const [name, check] of Object.entries(checks)) {
        try { result[name] = await check(); } catch (error) { result[name] = 'failed: ' + error.stack; }
        fs.writeFileSync(home + '/partial.json', JSON.stringify(result));
    }
    result.extensions = vscode.extensions.all.map((extension) => extension.id);
    fs.writeFileSync(home + '/probe.tmp', JSON.stringify(result));
    fs.renameSync(home + '/probe.tmp', home + '/probe.json');
};
"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        require("browser", "Chromium is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    page.set_default_timeout(60_000)
    return page


async def _probe(page: Page, address: str, workspace: Workspace) -> dict[str, Any]:
    await page.goto(address)
    await page.locator(".monaco-workbench .activitybar").wait_for()
    path = workspace.home / "probe.json"
    for _ in range(1200):
        if path.exists():
            break
        await page.wait_for_timeout(100)
    else:
        partial = workspace.home / "partial.json"
        pytest.fail(
            f"the probe did not finish: {partial.read_text() if partial.exists() else workspace.log.read_text()}"
        )
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return result


@pytest.fixture
async def probed(workspace: Workspace, editor: Editor, tmp_path: Path) -> Workspace:
    """A workspace with a project and the probe."""
    (workspace.files / "main.ts").write_text("export const answer: string = 42;\n", encoding="utf-8")
    (workspace.files / "README.md").write_text("# Project\n", encoding="utf-8")
    (workspace.files / "node_modules").mkdir()
    (workspace.files / "node_modules/hidden.ts").write_text("", encoding="utf-8")
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(workspace.files)], check=True)
    (workspace.home / "settings-to-ask.json").write_text(json.dumps(list(default_settings())), encoding="utf-8")
    vsix = make_vsix(
        tmp_path / "probe.vsix",
        name="probe",
        manifest={"main": "./probe.js", "activationEvents": ["onStartupFinished"]},
        files={"probe.js": PROBE},
    )
    assert await install_extensions(editor, home=workspace.home, extensions=[str(vsix)], on_line=print) == []
    return workspace


async def test_what_people_use_works(probed: Workspace, editor: Editor, page: Page) -> None:
    strangers: list[str] = []
    blocked: list[str] = []
    page.on("request", lambda request: strangers.append(request.url))
    page.on("console", lambda message: blocked.append(message.text) if "Content Security" in message.text else None)
    with probed.started(editor) as address:
        asked_for: list[str] = []
        page.on("response", lambda answer: asked_for.append(answer.url) if "/.vibecode/tab.js" in answer.url else None)
        result = await _probe(page, address, probed)
        assert result["search"] == ["main.ts"], "ripgrep finds files"
        assert result["terminal"] == f"42 {probed.home}"
        assert result["typescript"]["symbols"] == ["answer"]
        assert "not assignable" in result["typescript"]["errors"][0]
        assert result["git"] == {"branch": "trunk", "untracked": 3}
        assert '<h1 id="title"' in result["markdown"].replace('data-line="0" class="code-line" dir="auto" ', "")
        assert "katex" in result["markdown"]
        assert result["chat"] is True
        assert "vibecode.vibecode" in result["extensions"] or not additions.EXTENSION.exists()
        # VS Code shows what the stand-in for its native logger wrote into a file.
        await page.locator(".output-view").get_by_text("written by the probe").wait_for()
        logs = "".join(path.read_text() for path in (user_data(probed.home) / "logs").rglob("*Probe.log"))
        assert "written by the probe" in logs
        assert asked_for == [f"{address}/.vibecode/tab.js"]
    assert blocked == [], "our script and our defaults pass VS Code's own policy"
    outside = {url.split("/")[2] for url in strangers if url.startswith("http") and not url.startswith(address)}
    assert all("vscode-cdn.net" in host or "open-vsx.org" in host for host in outside), "nobody else is told anything"


async def test_defaults_hold_from_the_first_page_and_the_users_settings_win(
    probed: Workspace, editor: Editor, page: Page
) -> None:
    settings = user_data(probed.home) / "User/settings.json"
    settings.write_text(
        json.dumps({"files.autoSave": "off", "workbench.startupEditor": "none", "telemetry.telemetryLevel": "crash"}),
        encoding="utf-8",
    )
    with probed.started(editor) as address:
        result = await _probe(page, address, probed)
    wrong = {}
    for name, wanted in {**default_settings(), **json.loads(settings.read_text(encoding="utf-8"))}.items():
        present = result["settings"][name]
        # VS Code adds its own patterns to a table.
        if (not set(wanted) <= set(present)) if isinstance(wanted, dict) else present != wanted:
            wrong[name] = present
    assert wrong == {}


async def test_the_first_page_is_calm(workspace: Workspace, editor: Editor, page: Page) -> None:
    with workspace.started(editor) as address:
        await page.goto(address)
        await page.locator(".monaco-workbench .explorer-folders-view").wait_for()
        await page.locator(".editor-group-watermark").wait_for()
        assert await page.get_by_text("Welcome", exact=True).count() == 0
        assert await page.locator(".part.auxiliarybar").is_hidden(), "Chat is there, and opens when it is asked for"
        assert await page.locator(".notification-toast").count() == 0
        await page.keyboard.press("Control+Alt+I")
        await page.locator(".part.auxiliarybar .interactive-session").first.wait_for()


async def test_a_newer_extension_of_ours_comes_with_the_next_start(
    probed: Workspace, editor: Editor, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "vibecode.vsix"
    report = "require('fs').writeFileSync(process.env.HOME + '/ours.txt', '{}'); exports.activate = () => {{}};"
    monkeypatch.setattr(additions, "EXTENSION", ours)
    monkeypatch.setattr(additions.ensure, "__kwdefaults__", {"extension": ours})
    for version in ("7.0.0", "7.1.0"):
        make_vsix(
            ours,
            name="vibecode",
            version=version,
            manifest={"main": "./main.js", "activationEvents": ["onStartupFinished"]},
            files={"main.js": report.format(version)},
        )
        with probed.started(editor) as address:
            await page.goto(address)
            async with asyncio.timeout(60):
                # It is there before anything is in it.
                while not (told := (probed.home / "ours.txt")).exists() or not told.read_text():
                    await page.wait_for_timeout(100)
        assert told.read_text() == version
        (probed.home / "ours.txt").unlink()
