"""The log of a workspace: its container's, and in words of the operator what is before there is one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import structlog

from vibecode.domain.giturl import mask
from vibecode.domain.text import printable
from vibecode.domain.workspace import Phase
from vibecode.runtimes.base import LogLine
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectInvalid, ObjectNotFound
from vibecode.runtimes.kubernetes.model import parse_time
from vibecode.runtimes.kubernetes.observed import Observed
from vibecode.runtimes.kubernetes.refusals import as_refusal
from vibecode.runtimes.kubernetes.view import pod_name

CONTAINER: Final = "code-server"

MAX_LINES: Final = 10_000
"""Lines given of what a container has said so far: the latest."""

_MAX_LINE: Final = 4000
_AT_ONCE: Final = 60
_AT_ONCE_OF_ONE: Final = 8
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 5.0

_log = structlog.get_logger(__name__)


class PodLogs:
    """Reads logs of workspaces.

    Each reader that follows holds a connection to the API server, so their number is bounded: people with many tabs
    open must not keep the server from its other requests.

    Parameters
    ----------
    client
        Of the API server.
    namespace
        Where workspaces are.
    now
        The present moment.
    """

    def __init__(self, client: Client, *, namespace: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._namespace = namespace
        self._now = now
        self._readers: dict[str, int] = {}

    async def read(self, observed: Observed, *, follow: bool) -> AsyncGenerator[LogLine, None]:
        """Yield the log of a workspace's present run; with ``follow`` go on, into later runs too, until it is gone.

        Raises
        ------
        Unavailable
            The API server does not answer; with ``follow`` it is asked again instead.
        """
        if follow and (full := self._too_many(observed)):
            yield self._line(full)
            return
        if not follow:
            async for line in self._once(observed):
                yield line
            return
        self._readers[observed.id] = self._readers.get(observed.id, 0) + 1
        try:
            async with aclosing(self._follow(observed)) as lines:
                async for line in lines:
                    yield line
        finally:
            self._readers[observed.id] -= 1
            if not self._readers[observed.id]:
                del self._readers[observed.id]

    async def _once(self, observed: Observed) -> AsyncGenerator[LogLine, None]:
        pod = current_pod(observed)
        if pod is None:
            yield self._line(words_without_pod(observed))
            return
        try:
            async with aclosing(self._container_log(pod, follow=False)) as lines:
                async for line in lines:
                    yield parse_line(line, now=self._now())[1]
        except (ObjectNotFound, ObjectInvalid):  # not started yet, or gone just now
            yield self._line(words_without_pod(observed))
        except KubernetesError as error:
            raise as_refusal(error, observed.name) from error

    async def _follow(self, observed: Observed) -> AsyncGenerator[LogLine, None]:
        said = ""
        stamps: dict[str, str] = {}
        """By pod: the stamp of the last line given. Of a pod that is read again, earlier lines are left out."""
        wait = _FIRST_WAIT
        while not observed.is_gone:
            changed = observed.changed
            pod = current_pod(observed)
            if pod is not None:
                stamps = {pod: stamps.get(pod, "")}
                try:
                    async with aclosing(self._container_log(pod, follow=True)) as lines:
                        async for text in lines:
                            stamp, line = parse_line(text, now=self._now())
                            if not stamp or stamp > stamps[pod]:
                                stamps[pod], wait = stamp or stamps[pod], _FIRST_WAIT
                                yield line
                except (ObjectNotFound, ObjectInvalid):
                    pass  # not started yet, or gone just now
                except KubernetesError as error:
                    _log.info("the log broke off", workspace=observed.name, error=error.message)
                    words = as_refusal(error, observed.name).detail
                    if words != said:
                        said = words
                        yield self._line(words)
            if observed.is_gone:
                return
            if observed.workspace.phase is not Phase.RUNNING and (words := words_without_pod(observed)) != said:
                said = words
                yield self._line(words)
            # Its pod may say more without any change of the object: its container was started again.
            await _wait(changed, None if pod is None else wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _container_log(self, pod: str, *, follow: bool) -> AsyncGenerator[str]:
        return self._client.logs(
            pod, namespace=self._namespace, container=CONTAINER, follow=follow, tail=MAX_LINES, timestamps=True
        )

    def _too_many(self, observed: Observed) -> str:
        if self._readers.get(observed.id, 0) >= _AT_ONCE_OF_ONE:
            return "This log is being read in too many places at once: close one of them, then look again."
        if sum(self._readers.values()) >= _AT_ONCE:
            return "Too many logs are being read at once: try again later."
        return ""

    def _line(self, text: str) -> LogLine:
        return LogLine(at=self._now(), text=_clean(text))


def current_pod(observed: Observed) -> str | None:
    """Return the name of the pod whose log is that of the present run; None if there is none."""
    return None if observed.workspace.phase is Phase.STOPPED else pod_name(observed.obj)


def words_without_pod(observed: Observed) -> str:
    """Say what there is to say of a workspace whose container says nothing."""
    workspace = observed.workspace
    if workspace.phase is Phase.STOPPED:
        return f"{workspace.reason} Its log went with its container."
    return workspace.reason


def parse_line(text: str, *, now: datetime) -> tuple[str, LogLine]:
    """Return the stamp of a line, which can be compared with another's (empty if it has none), and the line.

    Parameters
    ----------
    text
        With the time that the container runtime put before it (RFC 3339 with nanoseconds, in UTC).
    now
        The present moment, for a line without a time.
    """
    stamp, _, rest = text.partition(" ")
    try:
        at = parse_time(stamp)
    except ValueError:
        return "", LogLine(at=now, text=_clean(text))
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    # The runtime leaves out trailing zeros, which would spoil the comparison.
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<9}", LogLine(at=at, text=_clean(rest))


def _clean(text: str) -> str:
    return printable(mask(text[: 4 * _MAX_LINE]), keep="\t")[:_MAX_LINE]


async def _wait(changed: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
