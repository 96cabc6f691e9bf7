"""The versions of the editor that this VibeCode knows, each pinned by a lockfile.

A lockfile names code-server and everything it needs on its first level, with integrity hashes. code-server's package
carries npm-shrinkwrap.json files, with hashes, for its two inner levels (VS Code's server and its extensions), so its
own hash pins them too. The lockfiles name no registry: npm takes the one that the user has configured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vibecode.domain.errors import EditorUnavailable

LOCKS: Final = Path(__file__).parent / "locks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version that can be installed."""

    version: str
    folder: Path
    """Holds its package.json and package-lock.json."""
    download_bytes: int
    """About as much is fetched, for the progress line."""
    disk_bytes: int
    """Free space that an installation needs at its largest, npm's cache included."""


def version_key(version: str) -> tuple[int, ...]:
    """Return a key that sorts versions such as ``4.139.1`` by age; what isn't a number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def pinned(locks: Path = LOCKS) -> list[str]:
    """Return the versions that can be installed, newest first."""
    found = [path.parent.name for path in locks.glob("*/package-lock.json")]
    return sorted(found, key=version_key, reverse=True)


def find(version: str | None, locks: Path = LOCKS) -> Pin:
    """Return the pin of ``version``, or of the newest.

    Raises
    ------
    EditorUnavailable
        This VibeCode has no lockfile for it.
    """
    known = pinned(locks)
    if not known:
        raise EditorUnavailable(
            "This installation of VibeCode is damaged: it has no editor lockfiles. Install VibeCode again."
        )
    wanted = version or known[0]
    if wanted not in known:
        raise EditorUnavailable(
            f"There is no editor version {wanted}: this VibeCode can install {', '.join(known)}. "
            "A newer VibeCode brings newer ones."
        )
    folder = locks / wanted
    numbers = json.loads((folder / "package.json").read_text(encoding="utf-8"))["vibecode"]
    return Pin(
        version=wanted,
        folder=folder,
        download_bytes=numbers["downloadBytes"],
        disk_bytes=numbers["diskBytes"],
    )
