"""Failures as problem documents (RFC 9457)."""

from __future__ import annotations

from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from vibecode.domain.errors import InvalidInput, NotFound, TooManyRequests, Unauthenticated, VibeCodeError
from vibecode.web.schemas.base import Problem

PROBLEM: Final = "#/components/schemas/Problem"

_log = structlog.get_logger(__name__)


def problem_response(error: VibeCodeError) -> Response:
    """Answer with a foreseeable failure."""
    problem = Problem(
        title=error.title, status=error.status, detail=error.detail, code=error.code, field=error.field
    ).model_dump(by_alias=True, exclude_none=True)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="vibecode"'
    if error.status == 503:
        headers["Retry-After"] = "5"
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(problem, error.status, headers=headers, media_type="application/problem+json")


def not_found() -> Response:
    """Answer that there is nothing at an address of the API."""
    return problem_response(NotFound("There is nothing at this address. See /api/v1/openapi.json."))


def install(app: FastAPI) -> None:
    """Make an app answer with problem documents for every failure."""

    @app.exception_handler(VibeCodeError)
    async def _foreseeable(_request: Request, error: VibeCodeError) -> Response:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
        field = ".".join(path) or None
        where = f"{field}: " if field else ""
        return problem_response(InvalidInput(f"{where}{first['msg']}. See /api/v1/openapi.json.", field=field))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return not_found()
        problem = Problem(
            title=str(error.detail), status=error.status_code, detail=f"{error.detail}.", code="http_error"
        )
        content = problem.model_dump(by_alias=True, exclude_none=True)
        return JSONResponse(
            content, error.status_code, headers=dict(error.headers or {}), media_type="application/problem+json"
        )

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        _log.error("unforeseen failure", method=request.method, path=request.url.path, exc_info=error)
        return problem_response(VibeCodeError("Something failed in the server; its log has the details."))


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    code: {"description": text, "content": {"application/problem+json": {"schema": {"$ref": PROBLEM}}}}
    for code, text in {
        401: "Not signed in",
        403: "Not allowed",
        404: "Not there",
        409: "Does not fit the present state",
        422: "Not valid",
        503: "Not available right now",
    }.items()
}
"""What every route may answer besides success, for the OpenAPI document; :func:`describe` adds the schema."""


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Add what FastAPI doesn't know of to an OpenAPI document: the Problem schema, and how to sign in."""
    components = document.setdefault("components", {})
    schema = Problem.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    components.setdefault("schemas", {})["Problem"] = schema
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "For programs."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "vibecode", "description": "For browsers."},
    }
    document["security"] = [{"token": []}, {"cookie": []}]
    return document
