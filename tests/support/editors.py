"""Editors for tests: the installed one, cheap copies of it, and a tiny package in the place of code-server."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.require import require
from vibecode.editor.manifest import Manifest
from vibecode.editor.model import CODE_SERVER, ENTRY, MANIFEST_NAME, NODE, PRODUCT, WORKBENCH_PAGE, Editor
from vibecode.editor.store import EditorStore
from vibecode.settings import default_data_dir

PAGE = """\
<!DOCTYPE html>
<html>
\t<head>
\t\t<script nonce="{{WORKBENCH_SCRIPT_NONCE}}">
\t\t</script>
\t\t<meta charset="utf-8" />
\t\t<meta id="vscode-workbench-web-configuration" data-settings="{{WORKBENCH_WEB_CONFIGURATION}}">
\t</head>
\t<body aria-label="">
\t</body>
\t<!-- Startup (do not modify order of script tags!) -->
\t<script type="module" src="{{WORKBENCH_WEB_BASE_URL}}/out/vs/code/browser/workbench/workbench.js"></script>
</html>
"""
"""VS Code's start page, without what doesn't matter here."""


def installed_store() -> EditorStore:
    """Return the store with the real editor, or skip the test."""
    folder = Path(os.environ.get("VIBECODE_TEST_DATA_DIR") or default_data_dir())
    store = EditorStore(folder / "editors")
    if store.current() is None:
        require("editor", f"no editor is installed in {folder}: run `vibecode editor install`")
    return store


def installed_editor() -> Editor:
    """Return the real editor, or skip the test."""
    editor = installed_store().current()
    assert editor is not None
    return editor


def make_editor(root: Path, version: str = "4.1.0") -> Editor:
    """Make the files that an installation is known by, without an editor in them."""
    editor = Editor.at(root / version, version)
    for name in (NODE, ENTRY, PRODUCT):
        (editor.root / name).parent.mkdir(parents=True, exist_ok=True)
        (editor.root / name).write_text(f"{name} of {version}", encoding="utf-8")
    (editor.root / WORKBENCH_PAGE).parent.mkdir(parents=True, exist_ok=True)
    (editor.root / WORKBENCH_PAGE).write_text(PAGE, encoding="utf-8")
    (editor.vscode / "extensions").mkdir(parents=True)
    manifest = Manifest(
        version=version,
        installed_at="2026-01-01T00:00:00+00:00",
        node_version="24",
        platform="linux-x64",
        downloaded_bytes=0,
        unpacked_bytes=0,
        size_bytes=4,
        files=4,
        seconds=0.1,
        hashes={},
    )
    (editor.root / MANIFEST_NAME).write_text(manifest.model_dump_json(), encoding="utf-8")
    return editor


def copy_tree_cheaply(source: Path, target: Path) -> None:
    """Copy a folder by hard links, or by copying where links don't work."""

    def link(one: str, other: str) -> str:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)
        return other

    shutil.copytree(source, target, copy_function=link, symlinks=True)


def make_vsix(
    path: Path,
    *,
    name: str = "hello",
    version: str = "1.0.0",
    engine: str = "^1.100.0",
    manifest: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
) -> Path:
    """Make an extension ``tests.<name>``."""
    described = {"name": name, "publisher": "tests", "version": version, "engines": {"vscode": engine}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "extension.vsixmanifest",
            '<?xml version="1.0" encoding="utf-8"?><PackageManifest Version="2.0.0" '
            'xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011"><Metadata><Identity Language="en-US" '
            f'Id="{name}" Version="{version}" Publisher="tests"/></Metadata><Installation><InstallationTarget '
            'Id="Microsoft.VisualStudio.Code"/></Installation><Dependencies/><Assets/></PackageManifest>',
        )
        archive.writestr("extension/package.json", json.dumps({**described, **(manifest or {})}))
        for file, content in (files or {}).items():
            archive.writestr(f"extension/{file}", content)
    return path


class SmallPackage:
    """A package of code-server's shape and three levels, in files: npm needs no registry for it, and 2 s.

    Each level needs one package, ``level-1`` to ``level-3``; ``bytes_of_first`` makes the first one larger.
    """

    def __init__(self, folder: Path, *, version: str = "4.1.0", bytes_of_first: int = 10) -> None:
        self.version = version
        self.folder = folder
        self.pins = folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        self.levels = {
            name: self._pack(f"{name}.tgz", {"package.json": json.dumps({"name": name, "version": "1.0.0"}), **extra})
            for name, extra in (
                ("level-1", {"data.bin": os.urandom(bytes_of_first // 2).hex()}),
                ("level-2", {"README.md": "text", "index.js.map": "{}"}),
                ("level-3", {"index.d.ts": "export {}"}),
            )
        }
        self.write()

    def write(self, *, wrong: str | None = None, page: str = PAGE) -> None:
        """Write the package and its lockfile; ``wrong`` names a level whose integrity hash is another's."""
        dependencies = {"level-1": self._source("level-1")}
        package = self._pack(
            "code-server.tgz",
            {
                "package.json": json.dumps(
                    {"name": "code-server", "version": self.version, "dependencies": dependencies}
                ),
                str(ENTRY.relative_to(CODE_SERVER)): "process.exit(0)",
                str(PRODUCT.relative_to(CODE_SERVER)): "{}",
                str(WORKBENCH_PAGE.relative_to(CODE_SERVER)): page,
                **self._inner("lib/vscode", "level-2", wrong),
                **self._inner("lib/vscode/extensions", "level-3", wrong),
            },
        )
        pin = self.pins / self.version
        pin.mkdir(parents=True, exist_ok=True)
        root = {"name": "editor", "dependencies": {"code-server": f"file:{package}"}}
        (pin / "package.json").write_text(
            json.dumps({**root, "vibecode": {"downloadBytes": 1_000_000, "diskBytes": 1_000_000}}), encoding="utf-8"
        )
        entry = {
            "version": self.version,
            "resolved": f"file:{package}",
            "integrity": _integrity(package, wrong == "code-server"),
            "dependencies": dependencies,
        }
        (pin / "package-lock.json").write_text(
            json.dumps(_lock(root, {"node_modules/code-server": entry, **self._entry("level-1", wrong)})),
            encoding="utf-8",
        )

    def store(self, root: Path) -> EditorStore:
        """Return a store that installs this package."""
        return EditorStore(root / "editors", pins=self.pins)

    def _inner(self, folder: str, level: str, wrong: str | None) -> dict[str, str]:
        root = {"name": "inner", "dependencies": {level: self._source(level)}}
        return {
            f"{folder}/package.json": json.dumps(root),
            f"{folder}/npm-shrinkwrap.json": json.dumps(_lock(root, self._entry(level, wrong))),
        }

    def _source(self, level: str) -> str:
        return f"file:{self.levels[level]}"

    def _entry(self, level: str, wrong: str | None) -> dict[str, object]:
        integrity = _integrity(self.levels[level], wrong == level)
        return {f"node_modules/{level}": {"version": "1.0.0", "resolved": self._source(level), "integrity": integrity}}

    def _pack(self, name: str, files: Mapping[str, str]) -> Path:
        path = self.folder / name
        with tarfile.open(path, "w:gz") as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(f"package/{file}")
                member.size = len(content.encode())
                archive.addfile(member, io.BytesIO(content.encode()))
        return path


def _lock(root: Mapping[str, object], packages: Mapping[str, object]) -> dict[str, object]:
    return {**root, "lockfileVersion": 3, "requires": True, "packages": {"": root, **packages}}


def _integrity(path: Path, wrong: bool) -> str:
    content = b"something else" if wrong else path.read_bytes()
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
