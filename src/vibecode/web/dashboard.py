"""The dashboard's files, as Vite builds them into the folder ``dashboard`` beside this module."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

FOLDER: Final = Path(__file__).parent / "dashboard"

_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_FRESH: Final = "no-cache"


def _find(path: str) -> Path | None:
    """Return the file of a path below the folder; None if there is none, or the path can't be one."""
    try:
        file = (FOLDER / path).resolve()
        return file if path and file.is_relative_to(FOLDER) and file.is_file() else None
    except (OSError, ValueError):  # too long, or with a NUL
        return None


async def serve(request: Request) -> Response:
    """Answer with a file of the dashboard, or with its page for every address that is a view of it."""
    path: str = request.path_params["path"]
    file = _find(path)
    if file is not None:
        cache = _IMMUTABLE if path.startswith("assets/") else _FRESH
        return FileResponse(file, headers={"Cache-Control": cache})
    if path.startswith("assets/"):
        return PlainTextResponse("Not found: reload the page, the dashboard was updated.\n", 404)
    index = FOLDER / "index.html"
    if not index.is_file():
        return PlainTextResponse("The dashboard is not built: run `make up`, or `npm run build` in dashboard/.\n", 503)
    return FileResponse(index, headers={"Cache-Control": _FRESH})
