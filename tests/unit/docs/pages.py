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


_EXAMPLE = re.compile(
    r"<!-- example: (?P<kind>values|workspace)(?: (?P<name>[a-z-]+))? -->\n```yaml\n(?P<text>.*?)```", re.DOTALL
)


def examples(kind: str) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the examples of a kind in all pages."""
    for page in PAGES:
        for number, match in enumerate(_EXAMPLE.finditer(page.read_text(encoding="utf-8"))):
            if match["kind"] == kind:
                yield match["name"] or f"{page.stem}-{number}", match["text"]


def commands(name: str, heading: str) -> list[str]:
    """Return the shell blocks between a heading and the next one."""
    part = read(name).split(f"\n{heading}\n")[1]
    return re.findall(r"^```sh\n(.*?)^```$", re.split(r"^#+ ", part, flags=re.MULTILINE)[0], re.MULTILINE | re.DOTALL)
