"""Taking some packages out of a hash-pinned requirements file."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==")


def parse(text: str) -> dict[str, str]:
    """Return each package's lines, its hashes included, by its normalised name (PEP 503)."""
    found: dict[str, str] = {}
    current = ""
    for line in text.splitlines(keepends=True):
        match = _NAME.match(line)
        if match is not None:
            current = re.sub(r"[-_.]+", "-", match["name"]).lower()
            found[current] = ""
        if current and line.strip() and not line.lstrip().startswith("#"):
            found[current] += line
    return found
