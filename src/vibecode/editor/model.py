"""What an installed editor is, on disk.

A version's folder is complete in itself, so that an upgrade of VibeCode, which replaces the Python environment that the
Node binary came from, does not touch what running workspaces were started with::

    editors/<version>/
      manifest.json                      written last: a folder without one was never finished
      bin/{node,npm,npx}                 also the workspace's node if the machine has none of its own
      lib/node_modules/npm/
      node_modules/code-server/          the editor
      package.json, package-lock.json    ours, with the integrity hash of code-server
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

MANIFEST_NAME: Final = "manifest.json"

CODE_SERVER: Final = Path("node_modules/code-server")
VSCODE: Final = CODE_SERVER / "lib/vscode"
NODE: Final = Path("bin/node")
ENTRY: Final = CODE_SERVER / "out/node/entry.js"
PRODUCT: Final = VSCODE / "product.json"
WORKBENCH_PAGE: Final = VSCODE / "out/vs/code/browser/workbench/workbench.html"

REQUIRED: Final = (NODE, ENTRY, PRODUCT, WORKBENCH_PAGE)
"""Files without which no workspace can start. Their presence is looked at each time; it costs four stat calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """An installed version of the editor."""

    version: str
    root: Path
    """Its folder, ``editors/<version>``."""
    node: Path
    """Its own Node binary."""
    entry: Path
    """The script of code-server that Node runs."""

    @classmethod
    def at(cls, root: Path, version: str) -> Editor:
        """Return the editor whose folder is ``root``, without looking at the disk."""
        return cls(version=version, root=root, node=root / NODE, entry=root / ENTRY)

    @property
    def vscode(self) -> Path:
        """The folder of VS Code's server, which holds its built-in extensions."""
        return self.root / VSCODE
