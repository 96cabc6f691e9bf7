"""VS Code's workbench, as a person uses it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import TimeoutError as NotInTime

from tests.support.product import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page


class Workbench:
    """An editor in a tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait_ready(self) -> None:
        """Wait until files are shown and commands work."""
        self.page.locator(".monaco-workbench .explorer-folders-view").wait_for()
        self.page.locator('.statusbar-item[id="status.host"]').wait_for()

    def command(self, name: str) -> None:
        """Run a command of the command palette by its title."""
        self.page.keyboard.press("F1")
        box = self.page.locator(".quick-input-widget input")
        box.wait_for()
        row = self.page.locator(".quick-input-list .monaco-list-row", has_text=name).first

        def is_offered() -> bool:
            # Just after the start some commands aren't there yet, and the list doesn't grow while it's shown.
            box.fill(">")
            box.fill(f">{name}")
            try:
                row.wait_for(timeout=2000)
            except NotInTime:
                return False
            return True

        wait_until(is_offered, f"the palette offers {name}")
        self.page.keyboard.press("Enter")

    def open_file(self, name: str) -> None:
        """Open a file of the workspace by its name."""
        self.page.keyboard.press("Control+p")
        box = self.page.locator(".quick-input-widget input")
        box.wait_for()
        box.fill(name)
        self.page.locator(".quick-input-list .monaco-list-row", has_text=name).first.wait_for()
        self.page.keyboard.press("Enter")
        self.page.locator(f'.tab.active[data-resource-name="{name}"]').wait_for()

    def type(self, text: str) -> None:
        """Type at the end of the open file."""
        self.page.locator(".editor-instance .monaco-editor .view-lines").first.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def save(self) -> None:
        """Save the open file and wait until it's no longer marked as changed."""
        self.page.keyboard.press("Control+s")
        self.page.locator(".tab.active.dirty").wait_for(state="detached")

    def terminal(self) -> None:
        """Open a terminal and wait until it takes input."""
        self.command("Terminal: Create New Terminal")
        self.page.locator(".terminal-wrapper.active .xterm-helper-textarea").last.wait_for(state="attached")

    def run(self, line: str) -> None:
        """Type a line into the terminal."""
        self.command("Terminal: Focus Terminal")
        self.page.locator(".terminal-wrapper.active .xterm.focus").first.wait_for()
        self.page.keyboard.type(line)
        self.page.keyboard.press("Enter")

    def choose(self, text: str) -> None:
        """Choose a line of the list that a command has opened."""
        self.page.locator(".quick-input-list .monaco-list-row", has_text=text).first.click()

    def notification(self, text: str) -> None:
        """Wait for a notification."""
        self.page.locator(".notification-toast", has_text=text).first.wait_for()


def make_vsix(path: Path) -> Path:
    """Write a small extension: its command ``Proof: Say Hello`` shows a message."""
    package = {
        "name": "proof",
        "publisher": "vibecode-tests",
        "version": "1.0.0",
        "engines": {"vscode": "^1.90.0"},
        "main": "./main.js",
        "contributes": {"commands": [{"command": "proof.hello", "title": "Proof: Say Hello"}]},
    }
    main = (
        "const vscode = require('vscode');\n"
        "exports.activate = c => c.subscriptions.push(vscode.commands.registerCommand('proof.hello', "
        "() => { vscode.window.showInformationMessage('Hello from the proof extension'); }));\n"
    )
    manifest = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">'
        '<Metadata><Identity Language="en-US" Id="proof" Version="1.0.0" Publisher="vibecode-tests"/>'
        "<DisplayName>Proof</DisplayName></Metadata>"
        '<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation><Dependencies/>'
        '<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets>'
        "</PackageManifest>"
    )
    types = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension=".json" ContentType="application/json"/>'
        '<Default Extension=".js" ContentType="application/javascript"/>'
        '<Default Extension=".vsixmanifest" ContentType="text/xml"/></Types>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("extension/package.json", json.dumps(package))
        archive.writestr("extension/main.js", main)
        archive.writestr("extension.vsixmanifest", manifest)
        archive.writestr("[Content_Types].xml", types)
    return path
