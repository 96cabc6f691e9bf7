"""Health and metrics of the operator over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.controller import Controller
from vibecode.runtimes.kubernetes.election import Election

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of Prometheus' text exposition format."""


@asynccontextmanager
async def serve_health(
    controller: Controller,
    election: Election,
    client: Client,
    *,
    port: int,
    host: str = "0.0.0.0",  # noqa: S104
) -> AsyncIterator[int]:
    """Answer ``/healthz``, ``/readyz`` and ``/metrics`` inside the context, and yield the port.

    Ready is a replica that knows all objects, whether it leads or stands by.
    """

    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_request: web.Request) -> web.Response:
        if controller.copies.is_synced:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="objects are still being read\n")

    async def metrics(_request: web.Request) -> web.Response:
        body = render_metrics(controller, election, client)
        return web.Response(body=body.encode(), headers={"Content-Type": METRICS_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def render_metrics(controller: Controller, election: Election, client: Client) -> str:
    """Return the metrics in Prometheus' text exposition format."""
    lines: list[str] = []

    def add(name: str, kind: str, text: str, values: dict[str, float]) -> None:
        lines.extend([f"# HELP vibecode_operator_{name} {text}", f"# TYPE vibecode_operator_{name} {kind}"])
        lines.extend(f"vibecode_operator_{name}{labels} {value:.15g}" for labels, value in values.items())

    counts, queue = controller.counts, controller.queue
    add("leader", "gauge", "Whether this replica leads.", {"": float(election.is_leader)})
    add("workspaces", "gauge", "Workspaces that are known.", {"": len(controller.copies.workspaces)})
    add("queue_ready", "gauge", "Workspaces that wait for a worker.", {"": queue.ready})
    add("reconciles_total", "counter", "Looks at a workspace so far.", {"": counts.reconciled})
    add("reconcile_failures_total", "counter", "Those that failed.", {"": counts.failed})
    add("reconcile_seconds_total", "counter", "Time that workers spent, waiting included.", {"": counts.busy_seconds})
    sent, received = _by_method_and_kind(client.requests), _by_method_and_kind(client.received)
    add("requests_total", "counter", "Requests to the API server.", sent)
    add("received_bytes_total", "counter", "Bytes of their answers, uncompressed.", received)
    events = {f'{{kind="{resource.kind}"}}': item.events for resource, item in controller.copies.reflectors()}
    add("watch_events_total", "counter", "Changes that were told by watches.", dict(events))
    lists = {f'{{kind="{resource.kind}"}}': item.lists for resource, item in controller.copies.reflectors()}
    add("lists_total", "counter", "How often all objects of a kind were read.", dict(lists))
    return "\n".join(lines) + "\n"


def _by_method_and_kind(numbers: Counter[tuple[str, str]]) -> dict[str, float]:
    return {f'{{method="{method}",kind="{kind}"}}': number for (method, kind), number in sorted(numbers.items())}
