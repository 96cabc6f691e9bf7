"""The control plane's web application: API, dashboard and, on workspaces' addresses, their own pages."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vibecode import __version__
from vibecode.domain.addresses import DashboardHost, LoopbackHost, Target, UnknownHost, WorkspaceHost, parse_host
from vibecode.domain.errors import UnknownHostName
from vibecode.domain.routing import INTERNAL_PREFIX
from vibecode.web import dashboard, problems
from vibecode.web.agent_gate import MAX_REPORT, AgentGate
from vibecode.web.dependencies import Services
from vibecode.web.pages import ASSET_PREFIX
from vibecode.web.pages.serving import get_asset
from vibecode.web.routers import agent, authorize, session, system, users, workspaces
from vibecode.web.security import MAX_BODY, SecurityHeaders
from vibecode.web.workspace_origin import create_workspace_origin_app

_LOOPBACK_PATHS: Final = ("/agent/", "/api/", "/healthz", "/readyz")


def create_app(services: Services) -> ASGIApp:
    """Return the application for all of our host names.

    The edge lets nothing through that names another host; it is checked here again, so that the application is safe
    behind any edge.
    """
    https = services.addresses().scheme == "https"
    main = SecurityHeaders(create_main_app(services), https=https)
    workspace_origin = SecurityHeaders(create_workspace_origin_app(services), https=https)

    async def by_host(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # lifespan is not used; WebSockets go past the control plane
        match _target(scope, services):
            case DashboardHost():
                await main(scope, receive, send)
            case WorkspaceHost():
                await workspace_origin(scope, receive, send)
            case LoopbackHost() if scope["path"].startswith(_LOOPBACK_PATHS):
                await main(scope, receive, send)
            case LoopbackHost():
                await _to_dashboard(scope, services)(scope, receive, send)
            case UnknownHost():
                answer = UnknownHostName(
                    f"This server has another name: open {services.addresses().dashboard}/ instead."
                )
                await problems.problem_response(answer)(scope, receive, send)

    return by_host


def create_main_app(services: Services) -> FastAPI:
    """Return API and dashboard; also what the OpenAPI document is made from."""
    app = FastAPI(
        title="VibeCode",
        version=__version__,
        summary="Workspaces with VS Code in the browser",
        description=(
            "Sign in with a bearer token (`Authorization: Bearer …`), or with the dashboard's cookie; changing "
            "requests with a cookie need the dashboard's Origin. Failures are problem documents (RFC 9457)."
        ),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        max_body_size=MAX_BODY,
    )
    app.state.services = services
    problems.install(app)
    for router in (session.router, workspaces.router, users.router, system.router):
        app.include_router(router, prefix="/api/v1", responses=problems.RESPONSES)
    if services.note_processes is None:  # on Kubernetes they report on a port that the edge doesn't lead to
        app.include_router(agent.router)
    app.include_router(authorize.router)
    app.add_api_route(ASSET_PREFIX + "{name}", get_asset, methods=["GET"], include_in_schema=False)

    @app.get("/healthz", include_in_schema=False)
    @app.get("/readyz", include_in_schema=False)
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/{path:path}", include_in_schema=False)
    async def pages(request: Request) -> Response:
        if request.path_params["path"].startswith(("api/", "agent/", INTERNAL_PREFIX.lstrip("/"))):
            return problems.not_found()
        return await dashboard.serve(request)

    generate = app.openapi
    app.openapi = lambda: problems.describe(generate())  # type: ignore[method-assign]
    return app


def create_agent_app(services: Services) -> ASGIApp:
    """Return the application that workspaces on Kubernetes reach: their reports, and nothing else."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, max_body_size=MAX_REPORT)
    app.state.services = services
    problems.install(app)
    app.include_router(agent.router)
    return SecurityHeaders(AgentGate(app, services), https=False)


def _target(scope: Scope, services: Services) -> Target:
    hosts = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
    return parse_host(hosts[0], services.addresses()) if len(hosts) == 1 else UnknownHost()


def _to_dashboard(scope: Scope, services: Services) -> Response:
    """Send a person who typed a loopback address to the dashboard's: cookies and workspaces belong to its name."""
    query = scope["query_string"].decode("latin-1")
    path = quote(scope["path"], safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
    return RedirectResponse(services.addresses().dashboard + path, 307, headers={"Cache-Control": "no-store"})
