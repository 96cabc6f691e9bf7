"""What is asked of workspaces, written into their objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

from vibecode.domain.errors import Conflict, InvalidInput, RevisionMismatch, Unavailable, WorkspaceNotFound
from vibecode.domain.giturl import mask, without_secrets
from vibecode.domain.names import validate_name
from vibecode.domain.workspace import GitSource, Phase, Source, Workspace, WorkspaceChanges, WorkspaceSpec
from vibecode.runtimes.kubernetes.cache import WorkspaceCache
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectInvalid, WriteConflict
from vibecode.runtimes.kubernetes.kept import KeptVolumes
from vibecode.runtimes.kubernetes.model import changes_patch, object_from_spec, start_patch, stop_patch
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.refusals import as_refusal, is_another, name_taken, refusals
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object
from vibecode.runtimes.kubernetes.view import Known, view
from vibecode.runtimes.sources import TemplateChecker, check_source

_TRIES: Final = 10
"""How often a change of a certain revision is tried again, while others write the same object's status."""


class Requests:
    """Takes requests. Each is in the cluster when it returns, and the operator fulfils it later.

    What was written is waited for in the own copy, so that who asked sees it in whatever they look at next.

    Parameters
    ----------
    client
        Of the API server.
    namespace
        Where workspaces are.
    cache
        All workspaces.
    kept
        Volumes of deleted ones.
    templates
        Checks templates.
    allow_local_sources
        Whether ``file://`` URLs are taken.
    now
        The present moment.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        cache: WorkspaceCache,
        kept: KeptVolumes,
        templates: TemplateChecker,
        allow_local_sources: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._cache = cache
        self._kept = kept
        self._templates = templates
        self._allow_local_sources = allow_local_sources
        self._now = now
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, spec: WorkspaceSpec) -> Workspace:
        """Record a new workspace and begin to make and start it."""
        name = validate_name(spec.name)
        check_source(spec.source, self._templates, allow_local=self._allow_local_sources)
        _refuse_secrets(spec.source)
        if name in self._cache.observed:
            raise name_taken(name)
        async with self.turn(name):
            if spec.source is not None and await self._kept.exist(name, spec.owner):
                raise Conflict(
                    f"The files of an earlier workspace {name} were kept: create it blank to get them back, or choose "
                    f"another name. To start over: `vibecode workspace delete {name} --purge`.",
                    field="source",
                )
            try:
                with refusals(name):
                    written = await self._client.create(WORKSPACES, object_from_spec(spec), namespace=self._namespace)
            except WorkspaceNotFound as error:
                raise Unavailable(
                    f"The cluster has no namespace {self._namespace} for workspaces, or does not know them any more."
                ) from error
        return await self._shown(written)

    async def update(self, name: str, changes: WorkspaceChanges, *, revision: int | None = None) -> Workspace:
        """Change a spec."""
        patch = changes_patch(changes)
        async with self._living(name) as observed:
            if revision is None:
                return await self._patch(observed, patch)
            with refusals(name):
                return await self._patch_revision(observed, patch, revision)

    async def start(self, name: str) -> Workspace:
        """Ask for it to run; also clears a failure."""
        async with self._living(name) as observed:
            if observed.is_wanted and observed.workspace.phase is not Phase.FAILED:
                return observed.workspace
            return await self._patch(observed, start_patch(at=self._now()))

    async def stop(self, name: str, *, reason: str) -> Workspace:
        """Ask for it to stop."""
        async with self._living(name) as observed:
            if not observed.is_wanted:
                return observed.workspace
            return await self._patch(observed, stop_patch(reason=reason))

    async def restart(self, name: str) -> Workspace:
        """Stop it if it runs, then start it."""
        async with self._living(name) as observed:
            return await self._patch(observed, start_patch(at=self._now()))

    def turn(self, name: str) -> asyncio.Lock:
        """Return what lets requests about one workspace happen one after the other."""
        lock = self._turns.get(name)
        if lock is None:
            lock = self._turns[name] = asyncio.Lock()
        return lock

    async def _patch(self, observed: Observed, patch: Object) -> Workspace:
        if not patch["spec"]:
            return observed.workspace
        try:
            written = await self._client.patch(
                WORKSPACES, observed.name, {"metadata": {"uid": observed.id}, **patch}, namespace=self._namespace
            )
        except KubernetesError as error:
            if is_another(error):
                raise WorkspaceNotFound(f"There is no workspace {observed.name} any more.") from error
            raise as_refusal(error, observed.name) from error
        return await self._shown(written)

    async def _patch_revision(self, observed: Observed, patch: Object, revision: int) -> Workspace:
        """Change the spec if its generation is still ``revision``; status may be written meanwhile."""
        obj = observed.obj
        for _ in range(_TRIES):
            metadata = obj["metadata"]
            if metadata["uid"] != observed.id or metadata.get("generation") != revision:
                raise RevisionMismatch(
                    f"Workspace {observed.name} was changed in the meantime: look at it again, then repeat."
                )
            if not patch["spec"]:
                return observed.workspace
            precondition = {"uid": observed.id, "resourceVersion": metadata["resourceVersion"]}
            try:
                written = await self._client.patch(
                    WORKSPACES, observed.name, {"metadata": precondition, **patch}, namespace=self._namespace
                )
            except (WriteConflict, ObjectInvalid) as error:
                if isinstance(error, ObjectInvalid) and not is_another(error):
                    raise
                obj = await self._client.get(WORKSPACES, observed.name, namespace=self._namespace)
            else:
                return await self._shown(written)
        raise Unavailable(f"Workspace {observed.name} is being changed by others all the time: try again.")

    async def _shown(self, written: Object) -> Workspace:
        """Return what was written as everybody sees it from now on."""
        observed = await self._cache.seen(written)
        if observed is not None:
            return observed.workspace
        if self._cache.is_past(written):
            raise WorkspaceNotFound(f"There is no workspace {written['metadata']['name']} any more.")
        # The watch is broken, as it may be for some seconds after the API server was away; the write is done.
        return view(written, Known())

    @asynccontextmanager
    async def _living(self, name: str) -> AsyncIterator[Observed]:
        """Wait for one's turn with a workspace that isn't being deleted: what is said of such a one is said at once."""
        self._find_living(name)
        async with self.turn(name):
            yield self._find_living(name)

    def _find_living(self, name: str) -> Observed:
        observed = self._cache.find(name)
        if observed.is_leaving:
            raise Conflict(f"Workspace {name} is being deleted: wait until it is gone.")
        return observed


def _refuse_secrets(source: Source) -> None:
    """Refuse a URL with a password or token in it: it would stand in an object that others may read.

    Raises
    ------
    InvalidInput
    """
    if isinstance(source, GitSource) and {without_secrets(source.url), mask(source.url)} != {source.url}:
        raise InvalidInput(
            "The Git URL holds a password or token, which everybody who may look at the cluster's objects could read: "
            "leave it out. For a private repository create the workspace blank, and clone it in its terminal.",
            field="source.url",
        )
