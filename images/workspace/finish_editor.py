"""Put what VibeCode adds to the editor into a tree of its own, which becomes a layer above the editor's."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from vibecode.editor import additions
from vibecode.editor.model import MANIFEST_NAME, Editor


def main(root: Path, into: Path) -> None:
    """Copy what :func:`vibecode.editor.additions.ensure` makes or changes below ``root`` to ``into``."""
    [manifest] = root.glob(f"*/{MANIFEST_NAME}")
    before = _files(root)
    additions.ensure(Editor.at(manifest.parent, manifest.parent.name))
    for path, state in _files(root).items():
        if before.get(path) != state:
            target = into / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _files(root: Path) -> dict[Path, tuple[int, int]]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            state = path.lstat()
            found[path] = (state.st_ino, state.st_mtime_ns)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
