"""Scripts, styles and pictures of the pages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "assets"

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that a page loads."""

    content: bytes
    media_type: str
    digest: str
    """Changes with the content; pages name it in the query (``?v=``)."""

    @property
    def etag(self) -> str:
        """Entity tag for conditional requests (RFC 9110, 8.8.3)."""
        return f'"{self.digest}"'

    def cache_control(self, version: str | None) -> str:
        """Return the Cache-Control value for a request whose query had ``v=<version>``.

        What names this content may be kept for ever; everything else (a script's imports, the editor's tab script) is
        asked for anew each time, since an upgrade may have changed it.
        """
        return "public, max-age=31536000, immutable" if version == self.digest else "no-cache"


@cache
def _assets() -> dict[str, Asset]:
    found = {}
    for path in _FOLDER.iterdir():
        if media_type := _MEDIA_TYPES.get(path.suffix):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[path.name] = Asset(content=content, media_type=media_type, digest=digest)
    return found


def load_asset(name: str) -> Asset | None:
    """Return an asset by its file name, or None. Only names from our folder are known: no path leads out of it."""
    return _assets().get(name)
