"""The controller: copies of the cluster's objects, a queue of workspaces, and workers that reconcile them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog

from vibecode.runtimes.kubernetes.announce import Announcer
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.copies import Copies
from vibecode.runtimes.kubernetes.errors import KubernetesError, NotPermitted, ObjectInvalid
from vibecode.runtimes.kubernetes.queue import DelayQueue
from vibecode.runtimes.kubernetes.reconcile import STUBBORN_DELAY, Reconciler
from vibecode.runtimes.kubernetes.view import observed_generation

_logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counts:
    """What was done so far, for metrics."""

    reconciled: int = 0
    failed: int = 0
    busy_seconds: float = 0.0


class Controller:
    """Reconciles the workspaces of a cluster.

    Every replica runs :meth:`watch`, so that one that comes to lead knows everything already; only the leader runs
    :meth:`lead`.

    Parameters
    ----------
    client, config
        The cluster, and what the operator of the platform decides.
    key
        That workspaces' tokens are derived from.
    identity
        Name of this replica.
    """

    def __init__(self, client: Client, config: OperatorConfig, *, key: bytes, identity: str) -> None:
        self._config = config
        self.queue = DelayQueue(is_new=self._is_new)
        self.counts = Counts()
        self._leading = False
        self.copies = Copies(
            client,
            namespace=config.namespace,
            platform_namespace=config.platform_namespace,
            ingresses=config.exposure.mode == "ingress",
            on_change=self._changed,
        )
        self._announcer = Announcer(client, namespace=config.namespace, identity=identity)
        self._reconciler = Reconciler(client, self.copies, self._announcer, config, key=key)

    async def watch(self) -> None:
        """Keep the copies up to date until cancelled."""
        await self.copies.run()

    async def lead(self) -> None:
        """Reconcile until cancelled. Every workspace is looked at once at first."""
        await self.copies.synced()
        self._leading = True
        try:
            for name in [*self.copies.workspaces, *self.copies.removed.names(), *self._reconciler.strays()]:
                self.queue.add(name)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._announcer.run(), name="announcer")
                for number in range(self._config.workers):
                    tasks.create_task(self._work(), name=f"worker {number}")
        finally:
            self._leading = False
            self.queue.clear()

    def use_key(self, key: bytes) -> None:
        """Derive workspaces' tokens from another key from now on, and write those again that are there."""
        _logger.info("signing with another key", workspaces=len(self.copies.workspaces))
        self._reconciler.key = key
        for name in self.copies.workspaces:
            self._changed(name)

    def _changed(self, name: str) -> None:
        if self._leading:
            self.queue.add(name)

    def _is_new(self, name: str) -> bool:
        workspace = self.copies.workspaces.get(name)
        # The definition's default, for one that nobody has looked at, is -1.
        return workspace is not None and observed_generation(workspace) < 1

    async def _work(self) -> None:
        while True:
            name = await self.queue.get()
            began = time.perf_counter()
            try:
                again = await self._reconciler.reconcile(name)
            except KubernetesError as error:
                self.counts.failed += 1
                stubborn = isinstance(error, (NotPermitted, ObjectInvalid))
                delay = self.queue.retry(name, at_least=error.retry_after or (STUBBORN_DELAY if stubborn else 0.0))
                _logger.warning("to be tried again", workspace=name, error=error.message, seconds=round(delay, 1))
            except Exception:
                # A fault of ours in one workspace must not stop all the others.
                self.counts.failed += 1
                delay = self.queue.retry(name)
                _logger.exception("reconciling failed", workspace=name, seconds=round(delay, 1))
            else:
                self.queue.forget(name)
                if again is not None:
                    self.queue.add(name, delay=again)
            finally:
                self.queue.done(name)
                self.counts.reconciled += 1
                self.counts.busy_seconds += time.perf_counter() - began
