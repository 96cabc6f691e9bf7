"""The Workspace object and the domain's workspace: one read as the other, and changes written as patches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from vibecode.domain.workspace import (
    DEFAULT_IDLE_TIMEOUT,
    GitSource,
    Phase,
    Source,
    TemplateSource,
    Workspace,
    WorkspaceChanges,
    WorkspaceSpec,
)
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object

WAITING: Final = "Waiting for the operator to take it up."
"""The reason of a workspace that the operator hasn't seen yet."""

_METADATA: Final = (
    *("name", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "finalizers"),
)


def trim_workspace(obj: Object) -> Object:
    """Return what is kept in memory of a Workspace object: no labels, annotations or record of managers."""
    metadata = obj["metadata"]
    return {
        "metadata": {key: metadata[key] for key in _METADATA if key in metadata},
        "spec": obj.get("spec") or {},
        "status": obj.get("status") or {},
    }


def is_wanted(spec: Object) -> bool:
    """Tell from the ``spec`` of a Workspace object whether it should run."""
    return bool(spec.get("running", True))


def workspace_from_object(obj: Object) -> Workspace:
    """Return the domain's view of a Workspace object, whole or trimmed."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    phase, reason = _phase_and_reason(obj)
    running = phase is Phase.RUNNING
    return Workspace(
        id=metadata["uid"],
        spec=spec_from_object(obj),
        phase=phase,
        reason=reason,
        created_at=parse_time(metadata["creationTimestamp"]),
        revision=metadata.get("generation", 1),
        started_at=_optional_time(status.get("startedAt")) if running else None,
        last_active=_optional_time(status.get("lastActivity")),
        stops_at=_optional_time(status.get("stopsAt")) if running else None,
        editor_version=status.get("editorVersion") or None,
        update_waits=bool(status.get("updateWaits")) and running,
    )


def spec_from_object(obj: Object) -> WorkspaceSpec:
    """Return what the owner asked for."""
    spec = obj["spec"]
    timeout = int(spec.get("idleTimeoutSeconds", DEFAULT_IDLE_TIMEOUT))
    return WorkspaceSpec(
        name=obj["metadata"]["name"],
        owner=spec["owner"],
        source=source_from_object(spec.get("source")),
        idle_timeout=timeout or None,
    )


def source_from_object(source: Object | None) -> Source:
    """Return the domain's view of ``spec.source``."""
    if not source:
        return None
    if git := source.get("git"):
        return GitSource(url=git["url"], branch=git.get("branch") or None)
    if template := source.get("template"):
        return TemplateSource(name=template["name"], parameters=dict(template.get("parameters") or {}))
    return None


def source_to_object(source: Source) -> Object | None:
    """Return ``spec.source`` for a source; None for a blank one."""
    if isinstance(source, GitSource):
        branch = {"branch": source.branch} if source.branch else {}
        return {"git": {"url": source.url, **branch}}
    if isinstance(source, TemplateSource):
        parameters = {"parameters": dict(source.parameters)} if source.parameters else {}
        return {"template": {"name": source.name, **parameters}}
    return None


def object_from_spec(spec: WorkspaceSpec, *, email: str | None = None) -> Object:
    """Return the Workspace object to create for what an owner asks for; it is to run at once."""
    body: dict[str, Any] = {"owner": spec.owner, "running": True, "idleTimeoutSeconds": spec.idle_timeout or 0}
    if (source := source_to_object(spec.source)) is not None:
        body["source"] = source
    if email:
        body["email"] = email
    return {
        "apiVersion": WORKSPACES.api_version,
        "kind": WORKSPACES.kind,
        "metadata": {"name": spec.name},
        "spec": body,
    }


def start_patch(*, at: datetime) -> Object:
    """Return the merge patch that asks a workspace to run, also after a failure.

    The new ``restartedAt`` makes the request a new one, so that it counts where ``running`` was true all along.
    """
    return {"spec": {"running": True, "restartedAt": format_time(at), "stopReason": None}}


def stop_patch(*, reason: str) -> Object:
    """Return the merge patch that asks a workspace to stop, and says why."""
    return {"spec": {"running": False, "stopReason": reason}}


def changes_patch(changes: WorkspaceChanges) -> Object:
    """Return the merge patch of a partial update; its ``spec`` is empty if nothing changes."""
    spec: Object = {}
    if changes.never_idle:
        spec["idleTimeoutSeconds"] = 0
    elif changes.idle_timeout is not None:
        spec["idleTimeoutSeconds"] = changes.idle_timeout
    return {"spec": spec}


def parse_time(value: str) -> datetime:
    """Return the time that an RFC 3339 string of the API names."""
    return datetime.fromisoformat(value)


def format_time(value: datetime) -> str:
    """Return a time as the API writes it, to the millisecond: two quick requests to restart must differ."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _optional_time(value: str | None) -> datetime | None:
    return parse_time(value) if value else None


def _phase_and_reason(obj: Object) -> tuple[Phase, str]:
    """Return where it is, as far as the operator has said it, and where a newer request will lead it at once."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    reported = status.get("phase")
    if metadata.get("deletionTimestamp"):
        # The operator says something only if it takes long: that somebody's finalizer keeps it.
        told = reported == "Stopping" and status.get("observedGeneration") == metadata.get("generation")
        return Phase.STOPPING, (status.get("message") if told else "") or "Being removed."
    if not reported:
        return Phase.PENDING, WAITING
    phase = Phase(reported.lower())
    message = status.get("message") or WAITING
    if status.get("observedGeneration") != metadata.get("generation"):
        wanted = is_wanted(spec)
        asked_again = (spec.get("restartedAt") or "") != (status.get("restartedAt") or "")
        if wanted and (phase in (Phase.STOPPED, Phase.STOPPING) or asked_again):
            return Phase.STARTING, "Starting."
        if not wanted and phase not in (Phase.STOPPED, Phase.STOPPING):
            return Phase.STOPPING, spec.get("stopReason") or "Stopping."
    if phase is Phase.RUNNING and status.get("activity"):
        return phase, status["activity"]
    return phase, message
