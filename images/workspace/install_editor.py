"""Install the editor during the build of the workspace image, as `vibecode editor install` does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from vibecode.editor import additions
from vibecode.editor.store import EditorStore


def main(root: Path) -> None:
    """Install the one version whose lockfile is there."""
    # What VibeCode adds changes more often than the editor, and has a layer of its own (see finish_editor.py).
    additions.ensure = lambda editor: None
    with tempfile.TemporaryDirectory() as folder:
        store = EditorStore(root, cache=Path(folder, "npm"), log=Path(folder, "npm.log"))
        editor = asyncio.run(store.install(progress=lambda line: print(line, flush=True)))
    (root / ".lock").unlink()
    # What differs from build to build must not change the layer.
    manifest = editor.root / "manifest.json"
    known = json.loads(manifest.read_text(encoding="utf-8"))
    date = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    known |= {"installed_at": date.isoformat(timespec="seconds"), "seconds": 0.0, "downloaded_bytes": 0}
    manifest.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    link = root.parent / "editor"
    link.symlink_to(editor.root.relative_to(root.parent))
    for path in (link, root, *root.rglob("*")):
        os.utime(path, (date.timestamp(), date.timestamp()), follow_symlinks=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
