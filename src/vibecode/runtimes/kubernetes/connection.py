"""HTTP to a Kubernetes API server: cluster and credentials by lightkube, JSON by msgspec, errors as our own classes.

The requests themselves go by aiohttp: with lightkube's own HTTP client a request cost about 2.5 ms of CPU, which was
most of what the operator used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from vibecode.runtimes.kubernetes.credentials import Credentials
from vibecode.runtimes.kubernetes.errors import ApiUnavailable, error_from_status

TIMEOUT: Final = 15.0
"""Seconds for a connection to be made, and between two bytes of an answer."""

_CONNECTIONS: Final = 100
_KEEP_ALIVE: Final = 60.0


def find_cluster(*, kubeconfig: Path | None = None, context: str | None = None) -> SingleConfig:
    """Return the cluster that this process belongs to or is configured for.

    Parameters
    ----------
    kubeconfig
        A kubeconfig file. None looks for the pod's service account, then for ``KUBECONFIG`` and ``~/.kube/config``.
    context
        Name of a context in it; None takes its current one.

    Raises
    ------
    ApiUnavailable
        No usable configuration was found; the message says why.
    """
    try:
        found = KubeConfig.from_file(kubeconfig) if kubeconfig is not None else KubeConfig.from_env()
        config = found.get(context)
    except (ConfigError, KeyError, OSError) as error:
        raise ApiUnavailable(f"No Kubernetes cluster is configured: {error}") from error
    if config is None:
        raise ApiUnavailable("No Kubernetes cluster is configured: the kubeconfig has no current context.")
    return config


class _Response(aiohttp.ClientResponse):
    """Drops its connection at once if it is closed before its end, or given up before it has begun.

    aiohttp closes such a connection in TLS's manner, which takes until the server has closed too (30 s if it hangs),
    and nothing waits for that: it would outlive :meth:`Connection.close`.
    """

    def close(self) -> None:
        if (connection := self.connection) is not None and connection.transport is not None:
            connection.transport.abort()
        super().close()


class Connection:
    """Sends requests and reads answers.

    Parameters
    ----------
    config
        Of :func:`find_cluster`.
    """

    def __init__(self, config: SingleConfig) -> None:
        self._server = config.cluster.server.rstrip("/")
        self._credentials = Credentials(config.user)
        # A server without authentication has no user, which lightkube does not expect.
        self._tls = verify_cluster(config.cluster, config.user or User(), config.abs_file, trust_env=False)
        self._session: aiohttp.ClientSession | None = None
        self.sent: Counter[tuple[str, str]] = Counter()
        """Requests so far by HTTP method and kind of object."""
        self.received: Counter[tuple[str, str]] = Counter()
        """Bytes of their answers, uncompressed."""

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def json(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """Send a request and return its decoded answer. Empty values of ``query`` are left out.

        Raises
        ------
        KubernetesError
        """
        params = {key: value for key, value in (query or {}).items() if value}
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        content = None if body is None else msgspec.json.encode(body)
        self.sent[method, kind] += 1
        async with self._send(method, path, params=params, headers=headers, data=content, silence=TIMEOUT) as response:
            answer = await response.read()
            self.received[method, kind] += len(answer)
            _raise_for(response, answer)
        decoded: dict[str, Any] = msgspec.json.decode(answer)
        return decoded

    async def lines(
        self, path: str, *, kind: str, query: Mapping[str, str], accept: str = "*/*", silence: float | None
    ) -> AsyncGenerator[bytes]:
        """Yield the lines of an answer as they come, without their ends.

        Parameters
        ----------
        path, kind, query, accept
            As for :meth:`json`.
        silence
            Seconds without a byte after which the connection counts as dead; None waits for ever.

        Raises
        ------
        KubernetesError
        """
        params = {key: value for key, value in query.items() if value}
        self.sent["GET", kind] += 1
        rest = b""
        async with self._send("GET", path, params=params, headers={"Accept": accept}, silence=silence) as response:
            if response.status >= 400:
                _raise_for(response, await response.read())
            async for chunk in response.content.iter_any():
                self.received["GET", kind] += len(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line
        if rest:
            yield rest

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        data: bytes | None = None,
        silence: float | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Have an answer, asked for again with new credentials if they were refused."""
        if self._session is None:
            # Not the environment's proxies (aiohttp's default): an HTTPS_PROXY without the service network in NO_PROXY
            # would break the operator in a cluster, and a kubeconfig says how to reach its server.
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE, ssl=self._tls)
            self._session = aiohttp.ClientSession(connector=connector, response_class=_Response, auto_decompress=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=silence)
        try:
            proof = await self._credentials.headers()
            for last in (False, True):
                async with self._session.request(
                    method,
                    self._server + path,
                    params=params,
                    headers={**headers, **proof},
                    data=data,
                    timeout=timeout,
                ) as response:
                    if response.status == 401 and not last:
                        await response.read()
                        proof = await self._credentials.headers(refused=proof)
                        continue
                    try:
                        yield response
                    finally:
                        # aiohttp's context releases an answer, it doesn't close it: unread, it would end in TLS's way.
                        response.close()
                    return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(f"The API server does not answer: {error or type(error).__name__}") from error


def _raise_for(response: aiohttp.ClientResponse, content: bytes) -> None:
    if response.status < 400:
        return
    try:
        body: object = msgspec.json.decode(content)
    except msgspec.DecodeError:
        body = {"message": content[:500].decode(errors="replace").strip()}
    wait = response.headers.get("Retry-After", "")
    raise error_from_status(response.status, body, retry_after=float(wait) if wait.isdigit() else None)
