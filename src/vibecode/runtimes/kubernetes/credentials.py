"""The proof of who asks: what lightkube makes of a kubeconfig or a service account, as a header."""

from __future__ import annotations

import asyncio
import contextlib

import httpx2
from lightkube.config.client_adapter import user_auth
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from vibecode.runtimes.kubernetes.errors import NotPermitted

_URL = "https://kubernetes"
"""lightkube asks for a request to put its header into; where it goes doesn't matter."""


class Credentials:
    """Tokens from files that the kubelet renews, from exec plugins, or as they stand.

    Parameters
    ----------
    user
        The user of a kubeconfig. Client certificates are no headers: they belong to the TLS context.
    """

    def __init__(self, user: User | None) -> None:
        self._auth: httpx2.Auth | None = user_auth(user)
        self._headers: dict[str, str] | None = None if self._auth is not None else {}
        self._lock = asyncio.Lock()

    async def headers(self, *, refused: dict[str, str] | None = None) -> dict[str, str]:
        """Return the headers to send.

        Parameters
        ----------
        refused
            What was sent and answered by 401, so that it is read or made again, once for all who had it refused.

        Raises
        ------
        NotPermitted
            There is nothing to send: a file is missing, or a plugin failed.
        """
        if self._headers is None or self._headers == refused:
            async with self._lock:
                if self._headers is None or self._headers == refused:
                    self._headers = await self._make(again=refused is not None)
        return self._headers

    async def _make(self, *, again: bool) -> dict[str, str]:
        if self._auth is None:
            return {}
        request = httpx2.Request("GET", _URL)
        flow = self._auth.async_auth_flow(request)
        try:
            request = await anext(flow)
            if again:
                with contextlib.suppress(StopAsyncIteration):  # It has no other.
                    request = await flow.asend(httpx2.Response(401, request=request))
        except (ConfigError, OSError) as error:
            raise NotPermitted(f"There are no credentials for the Kubernetes cluster: {error}") from error
        finally:
            await flow.aclose()
        return {"Authorization": request.headers["Authorization"]}
