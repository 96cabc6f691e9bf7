"""One of several replicas leads: by a Lease, as Kubernetes' own controllers do it (client-go, leaderelection).

No clock of another machine is trusted: a Lease counts as expired when it was not seen to change for its whole duration.
A leader stops ``renew_deadline`` seconds after the last renewal that it knows of, which is before another can begin.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectNotFound
from vibecode.runtimes.kubernetes.resources import LEASES, Object

_logger = structlog.get_logger(__name__)


class Election:
    """Takes part in the election of a leader.

    Parameters
    ----------
    client, namespace, name
        Of the Lease.
    identity
        Of this replica; no other may have it at the same time. A pod's name is right: a container that is started
        anew in it takes its own Lease up again at once.
    lease_seconds
        How long a leader that isn't heard of keeps others out.
    renew_deadline
        Seconds after which a leader that can't renew stops; less than ``lease_seconds``.
    retry_seconds
        Between renewals, and between looks of those who wait.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        lease_seconds: int = 12,
        renew_deadline: float = 8.0,
        retry_seconds: float = 2.0,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._lease_seconds = lease_seconds
        self._renew_deadline = renew_deadline
        self._retry_seconds = retry_seconds
        self._seen: tuple[object, ...] = ()
        self._seen_at = 0.0
        self._expires_at = 0.0
        self.is_leader = False
        """Whether this replica leads now."""

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait to be the leader, lead, and wait again when the Lease is lost; until cancelled.

        Parameters
        ----------
        lead
            What a leader does. It is cancelled, and waited for, when the Lease is lost; if it ends or fails by itself,
            so does this.
        """
        while True:
            lease = await self._acquire()
            self.is_leader = True
            _logger.info("leading", identity=self._identity)
            work = asyncio.ensure_future(lead())
            try:
                await self._hold(lease, work)
            finally:
                self.is_leader = False
                work.cancel()
                await asyncio.wait([work])
            if not work.cancelled():
                await self._release()
                work.result()
                return
            _logger.warning("the lease is lost: no longer leading", identity=self._identity)

    async def release(self) -> None:
        """Let another replica lead at once; to be called after :meth:`run` was cancelled. Failures don't matter."""
        await self._release()

    async def _acquire(self) -> Object:
        while True:
            try:
                async with asyncio.timeout(self._renew_deadline / 2):
                    lease = await self._try_to_acquire()
                if lease is not None:
                    return lease
            except (KubernetesError, TimeoutError) as error:
                _logger.info("the lease could not be had", error=str(error) or "time-out")
            retry = self._retry_seconds * (1 + random.random() / 4)  # noqa: S311
            left = self._expires_at - time.monotonic()
            await asyncio.sleep(min(retry, left) if left > 0 else retry)

    async def _try_to_acquire(self) -> Object | None:
        try:
            lease = await self._client.get(LEASES, self._name, namespace=self._namespace)
        except ObjectNotFound:
            new = {"metadata": {"name": self._name}, "spec": self._spec({})}
            return await self._client.create(LEASES, new, namespace=self._namespace)
        spec = lease.get("spec") or {}
        seen = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if seen != self._seen:
            self._seen, self._seen_at = seen, time.monotonic()
        holder = spec.get("holderIdentity")
        duration = float(spec.get("leaseDurationSeconds") or self._lease_seconds)
        self._expires_at = self._seen_at + duration if holder and holder != self._identity else 0.0
        if time.monotonic() < self._expires_at:
            return None
        # With its resourceVersion: if another was faster, this is refused.
        return await self._client.replace(LEASES, {**lease, "spec": self._spec(spec)}, namespace=self._namespace)

    async def _hold(self, lease: Object, work: asyncio.Future[None]) -> None:
        """Renew until the work ends or the Lease is lost."""
        renewed = time.monotonic()
        while True:
            await asyncio.wait([work], timeout=self._retry_seconds)
            if work.done():
                return
            left = renewed + self._renew_deadline - time.monotonic()
            if left <= 0:
                return
            began = time.monotonic()
            try:
                async with asyncio.timeout(min(left, self._renew_deadline / 2)):
                    held = await self._renew(lease)
            except (KubernetesError, TimeoutError) as error:
                _logger.warning("the lease could not be renewed", error=str(error) or "time-out")
                continue
            if held is None:
                return
            # From before the request: the server may have written it long before its answer came.
            lease, renewed = held, began

    async def _renew(self, lease: Object) -> Object | None:
        """Return the renewed Lease; None if another holds it."""
        try:
            renewed = {**lease, "spec": {**lease["spec"], "renewTime": _now()}}
            return await self._client.replace(LEASES, renewed, namespace=self._namespace)
        except KubernetesError as error:
            if error.status not in (404, 409):
                raise
        # Somebody wrote it: another leader, or an own renewal whose answer was lost.
        present = await self._client.get(LEASES, self._name, namespace=self._namespace)
        if present["spec"].get("holderIdentity") != self._identity:
            return None
        renewed = {**present, "spec": {**present["spec"], "renewTime": _now()}}
        return await self._client.replace(LEASES, renewed, namespace=self._namespace)

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(self._renew_deadline / 2):
                lease = await self._client.get(LEASES, self._name, namespace=self._namespace)
                if lease["spec"].get("holderIdentity") == self._identity:
                    spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
                    await self._client.replace(LEASES, {**lease, "spec": spec}, namespace=self._namespace)
        except (KubernetesError, TimeoutError) as error:
            _logger.info("the lease could not be released", error=str(error) or "time-out")

    def _spec(self, before: Object) -> Object:
        changed = before.get("holderIdentity") != self._identity
        now = _now()
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._lease_seconds,
            "acquireTime": now if changed else before.get("acquireTime") or now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (1 if changed and before else 0),
        }


def _now() -> str:
    """Return the time as a Lease's MicroTime."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
