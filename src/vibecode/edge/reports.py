"""Reports to the control plane over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final

import aiohttp

from vibecode.edge.server import ReportFailed
from vibecode.services.edge_connections import Connection

PATH: Final = "/edge/v1/connections"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=5)


class HttpReports:
    """Posts each report to the control plane's edge API.

    Parameters
    ----------
    url
        Of that API, as ``http://control-plane:8082``.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + PATH
        self._client: aiohttp.ClientSession

    async def __aenter__(self) -> HttpReports:
        """Open."""
        self._client = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self._client.close()

    async def __call__(self, connections: Sequence[Connection], used: Sequence[str]) -> Sequence[Connection]:
        """Report once, and return what has to end.

        Raises
        ------
        ReportFailed
            The control plane does not answer, or not as agreed.
        """
        report = {
            "connections": [{"session": c.session, "workspace": c.workspace} for c in connections],
            "input": list(used),
        }
        try:
            async with self._client.post(self._url, json=report) as response:
                response.raise_for_status()
                answer = await response.json()
            return [Connection(entry["session"], entry["workspace"]) for entry in answer["end"]]
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError) as error:
            raise ReportFailed(str(error) or type(error).__name__) from error
