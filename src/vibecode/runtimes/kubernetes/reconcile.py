"""Making what is there what was asked for: one call looks at one workspace as it is now, whatever happened before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from vibecode.domain.workspace import Phase
from vibecode.runtimes.kubernetes.announce import Announcer, news
from vibecode.runtimes.kubernetes.applied import wanted_of
from vibecode.runtimes.kubernetes.children import Children, NotYet, Work
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig
from vibecode.runtimes.kubernetes.copies import Copies
from vibecode.runtimes.kubernetes.departures import Departures
from vibecode.runtimes.kubernetes.diagnosis import Seen, Verdict, diagnose
from vibecode.runtimes.kubernetes.errors import (
    KubernetesError,
    NotPermitted,
    ObjectInvalid,
    ObjectNotFound,
    QuotaExceeded,
)
from vibecode.runtimes.kubernetes.evictions import latest_eviction
from vibecode.runtimes.kubernetes.manifests import agent_secret, service, service_account
from vibecode.runtimes.kubernetes.model import is_wanted
from vibecode.runtimes.kubernetes.naming import main_name
from vibecode.runtimes.kubernetes.pod import deployment, pod_template, resources_of, start_digest
from vibecode.runtimes.kubernetes.pods import CrashCounter, is_up, pick_pod
from vibecode.runtimes.kubernetes.policy import network_policy
from vibecode.runtimes.kubernetes.resources import (
    DEPLOYMENTS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOLUME_CLAIMS,
    WORKSPACES,
    Object,
    Resource,
)
from vibecode.runtimes.kubernetes.rollout import Rollout, decide, recorded_start
from vibecode.runtimes.kubernetes.status import Parts, build_status, operators_part
from vibecode.runtimes.kubernetes.volumes import ClaimTaken, find_claims
from vibecode.runtimes.kubernetes.warnings import Warnings

_logger = structlog.get_logger(__name__)

STUBBORN_DELAY = 30.0
"""Seconds at least before another try at what the API server refused: somebody has to change something first."""


class Reconciler:
    """Reconciles workspaces.

    Parameters
    ----------
    client, copies, announcer, config
        The cluster, what is known of it, where news go, and what the operator of the platform decides.
    key
        That workspaces' tokens are derived from.
    """

    def __init__(
        self,
        client: Client,
        copies: Copies,
        announcer: Announcer,
        config: OperatorConfig,
        *,
        key: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._copies = copies
        self._announcer = announcer
        self._config = config
        self.key = key
        self._now = now
        self._children = Children(client, copies, announcer, config)
        self._crashes = CrashCounter()
        self._warnings = Warnings(client, namespace=config.namespace)
        self._departures = Departures(client, copies, config)

    async def reconcile(self, name: str) -> float | None:
        """Bring one workspace nearer to what was asked for.

        Parameters
        ----------
        name
            Of the Workspace object, which may be gone.

        Returns
        -------
        float or None
            Seconds after which to look again, if nothing happens before.

        Raises
        ------
        KubernetesError
            It couldn't be done; try again.
        """
        workspace = self._copies.workspaces.get(name)
        await self._departures.clean_up(name, workspace)
        if workspace is None:
            self._crashes.forget(name)
            return None
        if workspace["metadata"].get("deletionTimestamp"):
            return await self._leave(workspace)
        work = Work(workspace=workspace, applied=dict(workspace["status"].get("applied") or {}))
        try:
            claims = find_claims(name, workspace["spec"]["owner"], self._copies.of(VOLUME_CLAIMS))
        except ClaimTaken as error:
            return await self._report(
                work, {}, None, Verdict(phase=Phase.FAILED, reason="VolumeTaken", message=str(error))
            )
        problem: Verdict | None = None
        failed: KubernetesError | None = None
        rollout: Rollout | None = None
        try:
            await self._prepare(work, claims)
            rollout = await self._deploy(work, claims)
        except NotYet as error:
            problem = Verdict(phase=Phase.PENDING, reason="NotYet", message=str(error), look_again=10.0)
        except (NotPermitted, ObjectInvalid) as error:
            failed, problem = error, _refusal(error)
        again = await self._report(work, claims, rollout, problem)
        if failed is not None:
            raise failed
        return again

    async def _leave(self, workspace: Object) -> float | None:
        """See a Workspace off that is being deleted, and say so if something keeps it."""
        keepers = await self._departures.hold(workspace)
        if not keepers:
            return None
        message = f"Being removed; kept until the finalizer {keepers} is taken away by whoever set it."
        work = Work(workspace=workspace, applied=dict(workspace["status"].get("applied") or {}))
        return await self._report(work, {}, None, Verdict(phase=Phase.STOPPING, reason="Removing", message=message))

    def strays(self) -> set[str]:
        """Return names of workspaces that are gone, but left something: to be reconciled when this replica begins."""
        return set(self._departures.stray_ingresses())

    async def _prepare(self, work: Work, claims: Mapping[str, str]) -> None:
        """Write everything that a pod needs, all at once."""
        workspace, config = work.workspace, self._config
        name, owner = work.name, workspace["spec"]["owner"]
        policy = network_policy(name, owner, platform_namespace=config.platform_namespace, network=config.network)
        manifests: list[tuple[Resource, Object]] = [
            (SERVICE_ACCOUNTS, service_account(workspace)),
            (SECRETS, agent_secret(workspace, config, key=self.key)),
            (NETWORK_POLICIES, policy),
            (SERVICES, service(workspace)),
        ]
        tasks = [self._children.ensure_claim(work, volume, claim) for volume, claim in claims.items()]
        tasks += [
            self._children.ensure(
                work, resource, manifest, wanted=wanted_of(manifest, work.uid), namespace=config.namespace
            )
            for resource, manifest in manifests
        ]
        if config.exposure.mode == "ingress":
            tasks.append(self._children.ensure_ingress(work))
        await _all(tasks)

    async def _deploy(self, work: Work, claims: Mapping[str, str]) -> Rollout:
        """Write the Deployment, unless that would end what runs."""
        workspace = work.workspace
        template = pod_template(workspace, self._config, claims=dict(claims))
        start = start_digest(workspace, template)
        running = is_wanted(workspace["spec"]) and _failure(workspace, start) is None
        manifest = deployment(workspace, template, replicas=1 if running else 0)
        recorded = work.applied.get(DEPLOYMENTS.kind)
        pods = self._copies.pods(work.name)
        pod = pick_pod(pods, start=recorded_start(recorded))
        rollout = decide(recorded, manifest, start=start, up=pod is not None and is_up(pod))
        live = self._copies.of(DEPLOYMENTS).get(main_name(work.name))
        if live is None:
            self._departures.wait_for_pods(work.name, pods)
        wanted = rollout.wanted
        if rollout.waits and self._children.differs(work, DEPLOYMENTS, main_name(work.name), wanted):
            # Somebody changed it, which has made a new pod already or stopped the old: nothing is left to protect.
            rollout = decide(None, manifest, start=start, up=False)
            wanted = rollout.wanted
        if not rollout.waits:
            await self._children.ensure(work, DEPLOYMENTS, manifest, wanted=wanted, namespace=self._config.namespace)
        return rollout

    async def _report(
        self, work: Work, claims: Mapping[str, str], rollout: Rollout | None, problem: Verdict | None
    ) -> float | None:
        """Write the status if it changed, and news of it; give up if there is no hope."""
        workspace, previous = work.workspace, operators_part(work.workspace["status"])
        start = rollout.start if rollout is not None else recorded_start(work.applied.get(DEPLOYMENTS.kind))
        seen = self._look(work, claims, start)
        verdict = diagnose(seen)
        if verdict.slow:
            warning = await self._warnings.latest(verdict.pod, seen.claims.values(), now=seen.now)
            if warning:
                verdict = diagnose(replace(seen, warning=warning))
        leaving = bool(workspace["metadata"].get("deletionTimestamp"))
        if problem is not None and (leaving or verdict.phase is not Phase.RUNNING):
            verdict = problem
        failure = _failure(workspace, start) if is_wanted(workspace["spec"]) else None
        if failure is not None:
            verdict = Verdict(phase=Phase.FAILED, reason=failure["reason"], message=failure["message"])
        elif verdict.give_up:
            failure = {"attempt": start, "reason": verdict.reason, "message": verdict.message}
        parts = Parts(
            url=self._config.addresses.addresses.workspace(work.name),
            volumes=claims,
            applied=work.applied,
            failure=failure,
            update_waits=rollout is not None and rollout.waits,
            resize_refusal=" ".join(work.resize_refusals),
        )
        status = build_status(seen, verdict, parts)
        if status != previous:
            await self._write_status(workspace, status)
            if told := news(previous, verdict):
                self._announcer.tell(workspace, *told)
        # The failure is in the status now; what follows from it is done in the next turn.
        return 0.0 if verdict.give_up else verdict.look_again

    def _look(self, work: Work, claims: Mapping[str, str], start: str) -> Seen:
        pods = self._copies.pods(work.name)
        pod = pick_pod(pods, start=start)
        now = self._now()
        found = self._copies.of(VOLUME_CLAIMS)
        live = self._copies.of(DEPLOYMENTS).get(main_name(work.name))
        return Seen(
            workspace=work.workspace,
            now=now,
            start=start,
            pods=pods,
            claims={volume: found.get(claim) for volume, claim in claims.items()},
            refusal=live["refusal"] if live is not None else "",
            crashes=self._crashes.count(work.name, pod) if pod is not None else 0,
            eviction=latest_eviction(self._copies.ended_pods(work.name), start=start, pod=pod, now=now),
            resources=resources_of(work.workspace, self._config),
        )

    async def _write_status(self, workspace: Object, status: Object) -> None:
        part = {"metadata": workspace["metadata"], "status": status}
        try:
            answer = await self._client.apply_status(WORKSPACES, part, namespace=self._config.namespace)
        except ObjectNotFound:
            return  # It was deleted meanwhile, which will be noticed.
        self._copies.note(WORKSPACES, answer)
        _logger.debug("status", workspace=workspace["metadata"]["name"], phase=status["phase"])


def _failure(workspace: Object, start: str) -> Object | None:
    """Return why the present start failed, if it did; a failure of another start is over."""
    failure: Object | None = workspace["status"].get("failure")
    return failure if failure and failure.get("attempt") == start else None


def _refusal(error: KubernetesError) -> Verdict:
    """Explain why the API server refuses an object."""
    if isinstance(error, QuotaExceeded):
        message = f"The namespace's quota is used up: {error.message}. It goes on when there is room again."
        return Verdict(phase=Phase.PENDING, reason="QuotaExceeded", message=message)
    if isinstance(error, NotPermitted):
        message = f"The operator lacks a right: {error.message}."
        return Verdict(phase=Phase.FAILED, reason="NotPermitted", message=message)
    return Verdict(phase=Phase.FAILED, reason="Invalid", message=f"The cluster refuses its settings: {error.message}.")


async def _all(tasks: list[Coroutine[None, None, None]]) -> None:
    """Run all to their end, and raise the most telling error: not one that only says that something has to go first."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in sorted(errors, key=lambda error: isinstance(error, NotYet)):
        raise error
