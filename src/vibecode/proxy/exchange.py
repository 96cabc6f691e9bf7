"""One request and its response: asks the router, finds an upstream, and passes bytes on both ways."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from vibecode.domain.edges import EdgeRequest, RequestKind
from vibecode.domain.routing import Decision, ForwardToControlPlane, ForwardToPort, Hold, Refuse
from vibecode.proxy import chunked, finding, problems, tunnel
from vibecode.proxy.activity import InputDetector
from vibecode.proxy.problems import Rejected
from vibecode.proxy.requests import IDEMPOTENT, RequestHead
from vibecode.proxy.responses import ResponseHead
from vibecode.proxy.upstream import Body, UpstreamConnection

if TYPE_CHECKING:
    from vibecode.proxy.client import ClientConnection

_log = structlog.get_logger(__name__)

_FRESH: Final = 1.0
"""Seconds for which an unused connection is trusted with a request that can't be sent again."""
_INPUT_INTERVAL: Final = 5.0
"""Seconds between two reports of input on one WebSocket."""


class Exchange:
    """One request on a client's connection, until its response is sent or it turns into a tunnel.

    Parameters
    ----------
    client
        The connection that it came on.
    request
        Its head. The body follows by :meth:`send_body`.
    """

    def __init__(self, client: ClientConnection, request: RequestHead) -> None:
        self.client = client
        self.request = request
        self.upstream: UpstreamConnection | None = None
        self.started = False
        """Whether the response's head went to the client."""
        self.last_chunk = b""
        """What ends the response's body."""
        self.write = client.transport.write
        self._close = False
        """Whether the client's connection ends with the response."""
        self._encode = False
        self._sent = 0
        """Bytes of a chunked body that the control plane got."""
        self._workspace_host: bytes | None = None
        self._view: EdgeRequest
        self._decision: finding.Forward
        self._task: asyncio.Task[None] | None = None
        self._next_input = 0.0

    def start(self) -> None:
        """Route the request, and send it on if that needs no waiting."""
        self._follow(self._route())

    def send_body(self, data: bytes) -> None:
        """Pass on a piece of the request's body.

        Raises
        ------
        Rejected
            If the control plane would get more than it may (413).
        """
        if self.upstream is not None:
            if self.request.chunked and self._workspace_host is None:
                self._sent += len(data)
                if self._sent > self.client.edge.limits.body_size:
                    raise Rejected(finding.TOO_LARGE.status, finding.TOO_LARGE.code, finding.TOO_LARGE.detail)
            self.upstream.transport.write(chunked.encode(data) if self.request.chunked else data)

    @property
    def to_control_plane(self) -> bool:
        """Whether no workspace answers it."""
        return self._workspace_host is None

    def end_body(self) -> None:
        """Pass on that the request's body is complete."""
        if self.upstream is not None and self.request.chunked:
            self.upstream.transport.write(chunked.END)

    def cancel(self) -> None:
        """Give up, because the client is gone: the upstream's connection is closed, so that it stops working."""
        if self._task is not None:
            self._task.cancel()
        self._drop_upstream()

    # What the upstream's connection tells.

    def interim(self, head: ResponseHead) -> None:
        """Relay a 1xx response; HTTP/1.0 knows none."""
        if self.request.http11:
            self.write(self._head(head, b""))

    def response_head(self, head: ResponseHead, body: Body) -> bytes:
        """Return the head for the client of a response whose body ends as ``body`` says."""
        request = self.request
        self.started = True
        self._close = request.wants_close or self.client.edge.draining
        extra = b""
        if body is Body.LENGTH or body is Body.NONE:
            if head.length is not None and head.status != 204:
                extra = b"Content-Length: %d\r\n" % head.length
        elif request.http11:
            # A body that ends with the upstream's connection becomes chunked, so that a client can tell its end from a
            # break.
            self._encode = True
            self.last_chunk = chunked.END
            extra = b"Transfer-Encoding: chunked\r\n"
        else:
            self._close = True
        if self._close:
            extra += b"Connection: close\r\n"
        self._note(head.status)
        return self._head(head, extra)

    def write_body(self, head: bytes, data: bytes) -> None:
        """Pass on a piece of a body without a length, behind ``head`` if that is not empty."""
        if data and self._encode:
            data = chunked.encode(data)
        if head or data:
            self.write(head + data if head else data)

    def finish(self, data: bytes) -> None:
        """Pass on the last piece of the response."""
        if data:
            self.write(data)
        upstream, self.upstream = self.upstream, None
        client = self.client
        if upstream is None:
            return
        upstream.exchange = None
        if upstream.keep_alive and client.inbox.complete and not upstream.paused:
            if client.write_paused:
                upstream.transport.resume_reading()
            client.edge.pool.give(upstream, now=client.edge.loop.time())
        else:
            upstream.transport.abort()
        client.exchange_done(close=self._close)

    def switch(self, head: ResponseHead, rest: bytes) -> None:
        """Turn into a tunnel: the upstream accepted a WebSocket, and sent ``rest`` already."""
        upstream = self.upstream
        if upstream is None or not self.request.upgrade or head.upgrade != b"websocket":
            self.upstream_broke("It switched to a protocol that nobody asked for.")
            return
        self.upstream = None
        upstream.exchange = None
        extra = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        self.write(self._head(head, extra) + rest)
        self._note(101)
        client = self.client
        early = client.begin_tunnel()
        tunnel.join(
            client.transport,
            upstream.transport,
            client_ended=client.ended,
            half_closed=client.half_closed,
            detector=InputDetector(client.edge.loop.time),
            on_input=self._input,
            early=early,
        )

    def upstream_lost(self) -> None:
        """Deal with the end of the upstream's connection before the end of its response."""
        upstream, self.upstream = self.upstream, None
        if self.started:
            # Never a clean end: what the client has is cut short, and it has to see that.
            self.client.reset()
        elif upstream is not None and upstream.used and not upstream.answered and self._may_repeat:
            self._spawn_connect()
        else:
            detail = f"{finding.name_of(self._decision)} closed the connection without an answer."
            self._refuse(Refuse(status=502, code="upstream_died", detail=detail))

    def upstream_broke(self, detail: str) -> None:
        """Deal with an upstream that breaks the protocol."""
        if self.started:
            self._drop_upstream()
            self.client.reset()
        else:
            detail = f"{finding.name_of(self._decision)} sent something that is not HTTP/1.1. {detail}"
            self._refuse(Refuse(status=502, code="bad_upstream", detail=detail))

    # Finding the upstream.

    def _route(self) -> Decision:
        request = self.request
        cookies = [value.decode("latin-1") for value in request.cookies]
        try:
            self._view = request.edge_request()
            return self.client.edge.router.route(self._view, cookies)
        except Exception:  # The boundary of a request: one that fails must not end the connection.
            _log.exception("routing failed")
            return finding.FAILED

    def _follow(self, decision: Decision) -> None:
        if isinstance(decision, Refuse):
            self._refuse(decision)
        elif isinstance(decision, Hold):
            self._task = self.client.edge.loop.create_task(self._wait(decision))
        else:
            self._forward(decision)

    def _refuse(self, refusal: Refuse) -> None:
        """Answer in the upstream's place."""
        self._drop_upstream()
        client = self.client
        close = self.request.wants_close or client.edge.draining or not client.inbox.skip_body()
        self.write(
            problems.response(
                refusal.status,
                refusal.code,
                refusal.detail,
                retry_after=refusal.retry_after,
                close=close,
                body=self.request.method != b"HEAD",
            )
        )
        self._note(refusal.status)
        client.exchange_done(close=close)

    def _forward(self, decision: finding.Forward) -> None:
        self._decision = decision
        edge = self.client.edge
        if isinstance(decision, ForwardToControlPlane):
            if (self.request.length or 0) > edge.limits.body_size:
                self._refuse(finding.TOO_LARGE)
                return
        else:
            self._workspace_host = self.request.host
            self.client.bind(decision.session, decision.workspace_id)
        if not self.request.upgrade:
            unused_for = edge.limits.upstream_idle if self._may_repeat else _FRESH
            upstream = edge.pool.take(finding.key_of(decision), not_before=edge.loop.time() - unused_for)
            if upstream is not None:
                self._attach(upstream)
                return
        self._spawn_connect()

    @property
    def _may_repeat(self) -> bool:
        """Whether the request can be sent again if a connection turns out to be stale."""
        return self.request.method in IDEMPOTENT and not self.request.has_body

    def _attach(self, upstream: UpstreamConnection) -> None:
        client = self.client
        self.upstream = upstream
        upstream.begin(self)
        upstream.transport.write(
            self.request.forwarded(client.forwarded, to_workspace=self._workspace_host is not None)
        )
        if client.write_paused:
            upstream.transport.pause_reading()

    def _spawn_connect(self) -> None:
        self._task = self.client.edge.loop.create_task(self._connect())

    async def _connect(self) -> None:
        edge = self.client.edge
        found = await finding.connect(edge.router, edge.pool, self._decision)
        self._task = None
        if isinstance(found, Refuse) and self._has_page(found):
            # The control plane has a page for it, which waits for the program and then shows it.
            self._workspace_host = None
            self._forward(ForwardToControlPlane())
        elif isinstance(found, Refuse):
            self._refuse(found)
        else:
            self._attach(found)
            self.client.upstream_ready()

    def _has_page(self, refusal: Refuse) -> bool:
        return refusal.code == "port_closed" and self._view.kind is RequestKind.PAGE

    async def _wait(self, hold: Hold) -> None:
        decision = await finding.wait(self.client.edge.router, hold, self._route)
        self._task = None
        self._follow(decision)
        self.client.upstream_ready()

    def _head(self, head: ResponseHead, extra: bytes) -> bytes:
        preview = isinstance(self._decision, ForwardToPort)
        return head.forwarded(extra, workspace_host=self._workspace_host, preview=preview)

    def _drop_upstream(self) -> None:
        if self.upstream is not None:
            self.upstream.exchange = None
            self.upstream.transport.abort()
            self.upstream = None

    # Telling.

    def _input(self) -> None:
        edge = self.client.edge
        now = edge.loop.time()
        decision = self._decision
        if now >= self._next_input and not isinstance(decision, ForwardToControlPlane):
            self._next_input = now + _INPUT_INTERVAL
            edge.router.websocket_input(decision.workspace)

    def _note(self, status: int) -> None:
        """Write the access log: neither queries nor cookies, which may hold secrets."""
        if self.client.edge.access_log:
            request = self.request
            _log.debug(
                "request",
                method=request.method.decode("latin-1"),
                host=request.host.decode("latin-1"),
                path=request.target.partition(b"?")[0].decode("latin-1"),
                status=status,
            )
