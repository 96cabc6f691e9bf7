"""The one thin module over lightkube: requests to a Kubernetes API server, with objects as plain dictionaries.

lightkube finds the cluster and holds the credentials (kubeconfig, service account with token rotation, exec plugins).
Its typed objects are left aside: decoding a Deployment into them costs several times what ``msgspec`` takes for a
dictionary, and the operator does that for each event of ten thousand workspaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from vibecode.runtimes.kubernetes.connection import TIMEOUT, Connection, find_cluster
from vibecode.runtimes.kubernetes.errors import ApiUnavailable, error_from_status
from vibecode.runtimes.kubernetes.resources import PODS, Object, Resource, Selection

PAGE_SIZE: Final = 500
"""Objects in one page of a LIST: what client-go asks for, too."""

_JSON: Final = "application/json"
_APPLY: Final = "application/apply-patch+yaml"
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a LIST."""

    items: list[Object]
    version: str
    """The ``resourceVersion`` that a watch goes on from (of all pages the same)."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch."""

    type: str
    """``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``."""
    object: Object


class Client:
    """Requests to one API server.

    Every method raises :class:`~vibecode.runtimes.kubernetes.errors.KubernetesError`, or the subclass that fits.

    Parameters
    ----------
    connection
        See :meth:`connect`.
    field_manager
        The name under which the server records which fields are set from here.
    """

    def __init__(self, connection: Connection, *, field_manager: str) -> None:
        self._connection = connection
        self.field_manager = field_manager

    @classmethod
    def connect(cls, *, field_manager: str, kubeconfig: Path | None = None, context: str | None = None) -> Client:
        """Return a client of the cluster that :func:`~.connection.find_cluster` finds."""
        return cls(Connection(find_cluster(kubeconfig=kubeconfig, context=context)), field_manager=field_manager)

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """Requests so far by HTTP method and kind."""
        return self._connection.sent

    @property
    def received(self) -> Counter[tuple[str, str]]:
        """Bytes of answers so far by HTTP method and kind, uncompressed; those of watches as they come."""
        return self._connection.received

    @property
    def writes(self) -> int:
        """Requests so far that could change something."""
        return sum(number for (method, _), number in self.requests.items() if method != "GET")

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.close()

    async def get(self, resource: Resource, name: str, *, namespace: str | None) -> Object:
        """Return one object."""
        return await self._connection.json("GET", resource.path(namespace=namespace, name=name), kind=resource.kind)

    async def create(self, resource: Resource, obj: Object, *, namespace: str | None) -> Object:
        """Create an object; its name may be made by the server (``generateName``)."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return await self._write("POST", resource, resource.path(namespace=namespace), body)

    async def replace(self, resource: Resource, obj: Object, *, namespace: str | None) -> Object:
        """Put a whole object in the place of the version that its ``resourceVersion`` names.

        Raises
        ------
        WriteConflict
            It has changed since.
        """
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        path = resource.path(namespace=namespace, name=obj["metadata"]["name"])
        return await self._write("PUT", resource, path, body)

    async def apply(
        self, resource: Resource, obj: Object, *, namespace: str | None, subresource: str = "", force: bool = True
    ) -> Object:
        """Apply on the server's side: create the object, or set the fields that are given and drop those given before.

        Parameters
        ----------
        resource, obj, namespace
            The object needs ``metadata.name``; ``apiVersion`` and ``kind`` are filled in.
        subresource
            ``status`` sets the status alone.
        force
            Takes fields over from other managers; without it they are a :class:`WriteConflict`.

        Raises
        ------
        WriteConflict, ObjectInvalid, QuotaExceeded, KubernetesError
        """
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        path = resource.path(namespace=namespace, name=obj["metadata"]["name"], subresource=subresource)
        query = {"force": "true"} if force else {}
        return await self._write("PATCH", resource, path, body, query=query, content_type=_APPLY)

    async def apply_status(self, resource: Resource, obj: Object, *, namespace: str | None) -> Object:
        """Apply the ``status`` of an object; its other fields but ``metadata.name`` are left out."""
        metadata = {key: obj["metadata"][key] for key in ("name", "uid") if key in obj["metadata"]}
        part = {"metadata": metadata, "status": obj["status"]}
        return await self.apply(resource, part, namespace=namespace, subresource="status")

    async def patch(
        self, resource: Resource, name: str, change: object, *, namespace: str | None, subresource: str = ""
    ) -> Object:
        """Change an object by a JSON merge patch (RFC 7386), or a JSON patch (RFC 6902) if ``change`` is a list.

        Raises
        ------
        WriteConflict
            The patch holds a ``metadata.resourceVersion`` that isn't the present one.
        """
        path = resource.path(namespace=namespace, name=name, subresource=subresource)
        kind = "json-patch" if isinstance(change, list) else "merge-patch"
        return await self._write("PATCH", resource, path, change, content_type=f"application/{kind}+json")

    async def delete(self, resource: Resource, name: str, *, namespace: str | None, uid: str | None = None) -> None:
        """Delete an object; what it owns goes after it.

        Parameters
        ----------
        resource, name, namespace
            Which.
        uid
            Only if it still is this very object; else :class:`~.errors.WriteConflict`.
        """
        body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        path = resource.path(namespace=namespace, name=name)
        await self._connection.json("DELETE", path, kind=resource.kind, body=body)

    async def pages(self, selection: Selection, *, page_size: int = PAGE_SIZE) -> AsyncGenerator[Page]:
        """Yield all objects of a selection, a page at a time.

        Raises
        ------
        VersionExpired
            The pages took longer than the server keeps versions; start again.
        """
        resource = selection.resource
        path = resource.path(namespace=selection.namespace)
        accept = _METADATA_LIST if selection.metadata_only else _JSON
        query = {"limit": str(page_size), **selection.query}
        while True:
            answer = await self._connection.json("GET", path, kind=resource.kind, query=query, accept=accept)
            metadata = answer["metadata"]
            yield Page(answer.get("items") or [], metadata["resourceVersion"])
            query["continue"] = metadata.get("continue") or ""
            if not query["continue"]:
                return

    async def list(self, selection: Selection) -> list[Object]:
        """Return all objects of a selection."""
        return [item async for page in self.pages(selection) for item in page.items]

    async def watch(
        self, selection: Selection, *, version: str, seconds: int = 300, silence: float = 150.0
    ) -> AsyncGenerator[WatchEvent]:
        """Yield changes since a version, until the server ends the watch.

        Parameters
        ----------
        selection
            What to watch.
        version
            The ``resourceVersion`` of a LIST or of the last event.
        seconds
            After which the server ends it.
        silence
            Seconds without a byte after which the connection counts as dead. Bookmarks come about once a minute, so
            that a good one is never silent for as long as the default.

        Raises
        ------
        VersionExpired
            ``version`` is no longer kept.
        ApiUnavailable
            The connection broke or fell silent.
        """
        resource = selection.resource
        path = resource.path(namespace=selection.namespace)
        accept = _METADATA if selection.metadata_only else _JSON
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            **selection.query,
        }
        lines = self._connection.lines(path, kind=resource.kind, query=query, accept=accept, silence=silence)
        async with aclosing(lines):
            async for line in lines:
                try:
                    event = msgspec.json.decode(line)
                except msgspec.DecodeError as error:
                    raise ApiUnavailable("The watch broke off in the middle of an event.") from error
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise error_from_status(int(status.get("code") or 500), status)
                yield WatchEvent(event["type"], event["object"])

    async def logs(
        self,
        pod: str,
        *,
        namespace: str,
        container: str,
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        timestamps: bool = False,
    ) -> AsyncGenerator[str]:
        """Yield lines of a container's log, without their ends.

        Parameters
        ----------
        pod, namespace, container
            Whose.
        follow
            Goes on until the container ends.
        previous
            The container's run before this one.
        tail
            Only so many lines from the end.
        timestamps
            Puts the time (RFC 3339) and a space before each line.

        Raises
        ------
        ObjectNotFound, ObjectInvalid
            No such pod; the container hasn't started.
        """
        query = {
            "container": container,
            "follow": "true" if follow else "",
            "previous": "true" if previous else "",
            "tailLines": "" if tail is None else str(tail),
            "timestamps": "true" if timestamps else "",
        }
        path = PODS.path(namespace=namespace, name=pod, subresource="log")
        lines = self._connection.lines(path, kind="Pod", query=query, silence=None if follow else TIMEOUT)
        async with aclosing(lines):
            async for line in lines:
                yield line.decode(errors="replace").rstrip("\r")

    async def _write(
        self,
        method: str,
        resource: Resource,
        path: str,
        body: object,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = _JSON,
    ) -> Object:
        return await self._connection.json(
            method,
            path,
            kind=resource.kind,
            query={"fieldManager": self.field_manager, **(query or {})},
            body=body,
            content_type=content_type,
        )
