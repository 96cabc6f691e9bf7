"""Composition of the operator's process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from vibecode.operator.health import serve_health
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.controller import Controller
from vibecode.runtimes.kubernetes.election import Election
from vibecode.runtimes.kubernetes.resources import OPERATOR
from vibecode.services.agents import LOOK_EVERY, SETTLE, SharedKey

_logger = structlog.get_logger(__name__)

LEASE = "vibecode-operator"
HEALTH_PORT = 8083


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process is told of itself by its environment."""

    identity: str
    """The pod's name."""
    namespace: str
    """The pod's namespace, where the Lease is."""
    health_port: int = HEALTH_PORT


async def run(config: OperatorConfig, surroundings: Surroundings) -> None:
    """Run a replica of the operator until it is told to end by SIGTERM or SIGINT.

    Raises
    ------
    InvalidInput
        The key is unusable.
    KubernetesError
        There is no cluster to be found.
    """
    key = SharedKey(config.token_key_file)
    client = Client.connect(field_manager=OPERATOR)
    controller = Controller(client, config, key=key.current, identity=surroundings.identity)
    election = Election(client, namespace=surroundings.namespace, name=LEASE, identity=surroundings.identity)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    try:
        async with serve_health(controller, election, client, port=surroundings.health_port):
            _logger.info("operator", identity=surroundings.identity, namespace=config.namespace)
            tasks = [
                asyncio.create_task(controller.watch(), name="watch"),
                asyncio.create_task(election.run(controller.lead), name="election"),
                asyncio.create_task(follow(key, controller.use_key), name="key"),
                asyncio.create_task(end.wait(), name="end"),
            ]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.wait(tasks)
            await election.release()
            for task in done:
                task.result()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await client.close()


async def follow(
    key: SharedKey, use: Callable[[bytes], None], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Have workspaces' tokens signed anew when the key was changed, until cancelled.

    Parameters
    ----------
    key
        Shared with the control plane, which gets :data:`~vibecode.services.agents.SETTLE` seconds to read it first.
    use
        Signs with another key.
    sleep
        Waits so many seconds.
    """
    signed_with = key.current
    while True:
        await sleep(LOOK_EVERY)
        if key.current == signed_with:
            continue
        await sleep(SETTLE)
        signed_with = key.current
        use(signed_with)
