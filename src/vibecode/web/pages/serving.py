"""Answers with the files of the pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from vibecode.web.pages.files import load_asset


async def get_asset(name: str, request: Request) -> Response:
    """Return a file of the pages, whatever address it was asked of."""
    asset = load_asset(name)
    if asset is None:
        return PlainTextResponse("Not found.\n", 404)
    headers = {"Cache-Control": asset.cache_control(request.query_params.get("v")), "ETag": asset.etag}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)
