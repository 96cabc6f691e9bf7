"""The pages of the documentation, and ways to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts import docs

ROOT = docs.ROOT
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shown(path: Path) -> str:
    """Return the name that a test's id shows."""
    return str(path.relative_to(ROOT))


def fenced(page: Path, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks of a page in some languages."""
    for block in re.finditer(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if block[1] in languages:
            yield block[2]


def unfenced(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
