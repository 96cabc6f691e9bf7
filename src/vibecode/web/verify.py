"""What NGINX asks about each request: who may pass, and where to.

NGINX sends the request's head to ``/auth/verify`` (its ``auth_request``), with the method, target and kind in headers
of its own. The answer is always 200, and says in headers what to do, so that one static configuration serves every
workspace there will be:

==========================  ============================================================================
X-Vibecode-Upstream         ``control-plane``, or a workspace's ``10.1.2.3:8080`` or ``unix:/path:``
X-Vibecode-Cookie           the Cookie header for the workspace, without ours; absent if nothing is left
X-Vibecode-Session          id of the session, for the tunnel
X-Vibecode-Workspace-Id     id of the workspace, for the tunnel and the log
X-Vibecode-Name             who answers, in words that begin a sentence
X-Vibecode-Preview          ``1`` if a program in the workspace answers, rather than its editor
X-Vibecode-Page             ``1`` if the control plane has a page for when nothing listens there
X-Vibecode-Cache            seconds for which the same request gets the same answer
X-Vibecode-Status           a refusal: its status ...
X-Vibecode-Problem          ... its problem document ...
X-Vibecode-Retry-After      ... and its Retry-After, if any
==========================  ============================================================================

The tunnel posts to ``/edge/v1/connections`` what it carries, and is told what has to end. Nobody but the edge may reach
the port: what it says of method and scheme is believed. It is bare ASGI, since it is asked for each request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import structlog

from vibecode.domain.cookies import strip
from vibecode.domain.edges import EdgeRequest, RequestKind, Upstream
from vibecode.domain.routing import HOLD_LIMIT, Decision, ForwardToControlPlane, ForwardToPort, Hold, Refuse, Router
from vibecode.proxy import finding
from vibecode.services.edge_connections import EdgeConnections, read_report

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

VERIFY_PATH: Final = "/auth/verify"
CONNECTIONS_PATH: Final = "/edge/v1/connections"

CACHE_SECONDS: Final = 1
"""For which the edge may repeat an answer: a page fetches its many files within that."""

_REPORT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a report: 10,000 connections take a quarter of it."""

_METHODS: Final = frozenset(
    {
        *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND", "PROPPATCH", "MKCOL"),
        *("COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "MKCALENDAR", "MKACTIVITY", "CHECKOUT", "MERGE"),
        *("BIND", "UNBIND", "REBIND", "ACL", "LINK", "UNLINK", "PURGE", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"),
        *("M-SEARCH", "SOURCE"),
    }
)
"""What the embedded edge knows. CONNECT and TRACE never come here."""

_FIELDS: Final = {
    b"host": "host",
    b"origin": "origin",
    b"accept": "accept",
    b"referer": "referer",
    b"sec-fetch-mode": "fetch_mode",
    b"sec-fetch-site": "fetch_site",
    b"sec-fetch-dest": "fetch_dest",
    b"service-worker": "service_worker",
    b"x-vibecode-method": "method",
    b"x-vibecode-uri": "path",
    b"x-vibecode-upgrade": "upgrade",
}
"""All that a decision reads but cookies. Each comes once, but for Accept."""

_log = structlog.get_logger(__name__)


class VerifyApp:
    """The application; see the module."""

    def __init__(self, router: Router, *, connections: EdgeConnections | None, hold_limit: float) -> None:
        self._router = router
        self._connections = connections
        self._hold_limit = hold_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == VERIFY_PATH:
            headers = await self._verify(scope["headers"], receive)
            if headers is not None:
                await _answer(send, 200, headers)
        elif path == CONNECTIONS_PATH and scope["method"] == "POST" and self._connections is not None:
            await self._review(self._connections, receive, send)
        elif path in ("/healthz", "/readyz"):
            await _answer(send, 200, (), b"ok\n")
        else:
            await _answer(send, 404, (), b"Not found.\n")

    async def _verify(self, fields: Iterable[Header], receive: Receive) -> list[Header] | None:
        """Return the answer's headers; None if the client left while its request was held."""
        read = _read(fields)
        if isinstance(read, Refuse):
            return _refusal(read)
        request, cookies = read

        def route() -> Decision:
            return self._router.route(request, cookies)

        try:
            decision = route()
            if isinstance(decision, Hold):
                settled = await self._wait(decision, route, receive)
                if settled is None:
                    return None
                decision = settled
            return await self._tell(decision, request, cookies)
        except Exception:  # The boundary of a request: one that fails must not look like one that may pass.
            _log.exception("routing failed")
            return _refusal(finding.FAILED)

    async def _wait(
        self, hold: Hold, route: Callable[[], Decision], receive: Receive
    ) -> finding.Forward | Refuse | None:
        """Hold a request until its workspace is ready, or the client leaves: then the answer is None."""
        waiting = asyncio.ensure_future(finding.wait(self._router, hold, route, limit=self._hold_limit))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
            return await waiting if waiting.done() else None
        finally:
            for task in (waiting, leaving):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _tell(self, decision: finding.Forward | Refuse, request: EdgeRequest, cookies: list[str]) -> list[Header]:
        if isinstance(decision, Refuse):
            return _refusal(decision)
        if isinstance(decision, ForwardToControlPlane):
            return [(b"x-vibecode-upstream", b"control-plane")]
        upstream = await self._router.upstream(decision)
        preview = isinstance(decision, ForwardToPort)
        has_page = preview and request.kind is RequestKind.PAGE
        if upstream is None:
            if has_page:
                return [(b"x-vibecode-upstream", b"control-plane")]
            return _refusal(finding.nothing_listens(decision))
        headers = [
            (b"x-vibecode-upstream", _address(upstream)),
            (b"x-vibecode-session", decision.session.encode()),
            (b"x-vibecode-workspace-id", decision.workspace_id.encode()),
            (b"x-vibecode-name", finding.name_of(decision).encode()),
        ]
        kept = "; ".join(filter(None, map(strip, cookies)))
        if kept:
            headers.append((b"x-vibecode-cookie", kept.encode("latin-1")))
        if preview:
            headers.append((b"x-vibecode-preview", b"1"))
        if has_page:
            headers.append((b"x-vibecode-page", b"1"))
        if _may_repeat(request):
            headers.append((b"x-vibecode-cache", b"%d" % CACHE_SECONDS))
        return headers

    async def _review(self, connections: EdgeConnections, receive: Receive, send: Send) -> None:
        try:
            open_ones, used = read_report(json.loads(await _body(receive)))
        except (ValueError, RecursionError) as error:
            _log.warning("an edge's report was refused", error=str(error))
            await _answer(send, 400, ((b"connection", b"close"),), b"That is no report of connections.\n")
            return
        ending = connections.review(open_ones, used)
        content = json.dumps({"end": [{"session": c.session, "workspace": c.workspace} for c in ending]}).encode()
        await _answer(send, 200, ((b"content-type", b"application/json"),), content)


def create_verify_app(
    router: Router, *, connections: EdgeConnections | None = None, hold_limit: float = HOLD_LIMIT
) -> VerifyApp:
    """Return the application that only the edge may reach.

    Parameters
    ----------
    router
        Decides about each request.
    connections
        Judges reports of open WebSockets; without it there is no place to report to.
    hold_limit
        Seconds for which a request is held while its workspace starts. NGINX waits for 75.
    """
    return VerifyApp(router, connections=connections, hold_limit=hold_limit)


def _read(fields: Iterable[Header]) -> tuple[EdgeRequest, list[str]] | Refuse:
    """Return what a decision sees of a request."""
    values: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in fields:
        if name == b"cookie":
            cookies.append(value.decode("latin-1"))
        elif (field := _FIELDS.get(name)) is not None:
            if field in values and field != "accept":
                detail = f"The header {name.decode('latin-1')} may come only once."
                return Refuse(status=400, code="duplicate_header", detail=detail)
            values[field] = value.decode("latin-1").strip(" \t")
    if "method" not in values or "path" not in values:
        return Refuse(status=500, code="bad_edge", detail="The edge does not say what it is asked for.")
    if not values.get("host"):
        return Refuse(status=400, code="no_host", detail="The request has no Host header.")
    if values["method"] not in _METHODS:
        return Refuse(status=501, code="unknown_method", detail="That method is not known here.")
    values["path"] = values["path"].partition("?")[0]
    return EdgeRequest(**values), cookies


def _may_repeat(request: EdgeRequest) -> bool:
    """Tell whether the same request may pass again for a second without being asked about.

    Pages and writes are always asked about. A program's reads show use, but are noted each second for as long as they
    go on: idle stop counts in minutes.
    """
    return request.kind is RequestKind.FETCH and request.method in ("GET", "HEAD")


def _address(upstream: Upstream) -> bytes:
    if upstream.path is not None:
        return f"unix:{upstream.path}:".encode()
    host = upstream.host or "127.0.0.1"
    return f"[{host}]:{upstream.port}".encode() if ":" in host else f"{host}:{upstream.port}".encode()


def _refusal(refusal: Refuse) -> list[Header]:
    title = HTTPStatus(refusal.status).phrase
    document = {
        "type": "about:blank",
        "title": title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
    }
    headers = [(b"x-vibecode-status", b"%d" % refusal.status), (b"x-vibecode-problem", json.dumps(document).encode())]
    if refusal.retry_after is not None:
        headers.append((b"x-vibecode-retry-after", b"%d" % refusal.retry_after))
    return headers


async def _left(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    """Return a request's body.

    Raises
    ------
    ValueError
        It is too large, or was cut short.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ValueError("it was cut short")
        body += message.get("body", b"")
        if len(body) > _REPORT_LIMIT:
            raise ValueError(f"it has more than {_REPORT_LIMIT} bytes")
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, status: int, headers: Iterable[Header], body: bytes = b"") -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
