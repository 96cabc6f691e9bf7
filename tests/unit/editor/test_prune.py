from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.editor.prune import Platform, is_needed_file, is_needed_folder, measure, prune

LINUX = Platform(os="linux", cpu="x64")
ALPINE = Platform(os="linux", cpu="x64", musl=True)
MAC = Platform(os="darwin", cpu="arm64")

VSCODE = "/node_modules/code-server/lib/vscode"
MODULES = f"{VSCODE}/node_modules"


@pytest.mark.parametrize(
    ("name", "parent", "on"),
    [
        ("linux-x64", f"{MODULES}/node-pty/prebuilds", {LINUX, ALPINE}),
        ("darwin-arm64", f"{MODULES}/node-pty/prebuilds", {MAC}),
        ("win32-x64", f"{MODULES}/@vscode/ripgrep-universal/bin", set()),
        ("linux-ppc64", f"{MODULES}/@vscode/ripgrep-universal/bin", set()),
        ("watcher-linux-x64-glibc", f"{MODULES}/@parcel", {LINUX}),
        ("watcher-linux-x64-musl", f"{MODULES}/@parcel", {ALPINE}),
        ("linux_x64", f"{MODULES}/@koromix/koffi-linux-x64", {LINUX, ALPINE}),
        ("musl_x64", f"{MODULES}/@koromix/koffi-linux-x64", {ALPINE}),
        ("copilot-sdk-linux-x64", f"{MODULES}/@github", {LINUX, ALPINE}),
        ("arm64", f"{MODULES}/@microsoft/mxc-sdk/bin", {MAC}),
        ("x64", f"{MODULES}/@microsoft/mxc-sdk/bin", {LINUX, ALPINE}),
        ("windows-registry", f"{MODULES}/@vscode", set()),
        ("copilot", f"{VSCODE}/extensions", {LINUX, ALPINE, MAC}),
        ("build", f"{MODULES}/some-package", {LINUX, ALPINE, MAC}),
        ("linux", f"{VSCODE}/resources", {LINUX, ALPINE, MAC}),
    ],
)
def test_folders_of_other_platforms_go(name: str, parent: str, on: set[Platform]) -> None:
    assert {target for target in (LINUX, ALPINE, MAC) if is_needed_folder(name, parent, target)} == on


@pytest.mark.parametrize(
    ("name", "parent", "needed"),
    [
        ("index.js", f"{MODULES}/zod", True),
        ("index.js.map", f"{MODULES}/zod", False),
        ("workbench.js.map", f"{VSCODE}/out", False),
        ("index.d.ts", f"{MODULES}/zod", False),
        ("README.md", f"{MODULES}/zod", False),
        ("LICENSE.md", f"{MODULES}/zod", True),
        ("ThirdPartyNotices.txt", f"{VSCODE}/extensions/js", True),
        ("README.md", f"{VSCODE}/extensions/copilot", True),
        ("SKILL.md", f"{VSCODE}/extensions/copilot/assets", True),
        ("lib.dom.d.ts", f"{VSCODE}/extensions/node_modules/typescript/lib", True),
        ("tsserver.js", f"{VSCODE}/extensions/node_modules/typescript/lib", True),
        ("_tsc.js", f"{VSCODE}/extensions/node_modules/typescript/lib", False),
        ("addon.cc", f"{MODULES}/node-pty/src", False),
        ("pty.node", f"{MODULES}/node-pty/prebuilds/linux-x64", True),
        ("conpty.dll", f"{MODULES}/node-pty/third_party", False),
        ("wxc-exec.exe", f"{MODULES}/@microsoft/mxc-sdk/bin/x64", False),
        ("data.json", f"{MODULES}/zod", True),
        ("tree-sitter.wasm", f"{MODULES}/@vscode/tree-sitter-wasm/wasm", True),
        ("LICENSE", MODULES, True),
    ],
)
def test_files_that_nothing_reads_go(name: str, parent: str, needed: bool) -> None:
    assert is_needed_file(name, parent, LINUX) is needed


def test_prune_reports_sizes_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.js.map").write_text("x" * 7, encoding="utf-8")
    root = tmp_path / "root"
    package = root / "node_modules/some/prebuilds"
    (package / "win32-x64").mkdir(parents=True)
    (package / "win32-x64/a.node").write_text("x" * 100, encoding="utf-8")
    (package / "linux-x64").mkdir()
    (package / "linux-x64/a.node").write_text("x" * 10, encoding="utf-8")
    (root / "a.js.map").write_text("x" * 5, encoding="utf-8")
    (root / "link").symlink_to(outside)
    before, after = prune(root, LINUX)
    assert (before.files, before.bytes) == (3, 115)
    assert (after.files, after.bytes) == (1, 10) == (measure(root).files, measure(root).bytes)
    assert (outside / "kept.js.map").exists()
    assert prune(root, LINUX)[0].files == 1
