"""Reports to the control plane over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from vibecode.domain.edges import Connection
from vibecode.edge.server import ReportFailed
from vibecode.proxy.problems import Rejected
from vibecode.proxy.responses import parse_response

PATH: Final = "/edge/v1/connections"
_TIMEOUT: Final = 10.0
"""Seconds for one report."""
_MOST: Final = 4 * 1024 * 1024
"""Bytes of an answer: all of the most WebSockets that there can be have to end."""


class HttpReports:
    """Posts each report to the control plane's edge API, on a connection of its own.

    An HTTP library would do it as well. But each version of one would be another image of the tunnel, and so cut all
    WebSockets, for one small request every few seconds to a server of ours.

    Parameters
    ----------
    url
        Of that API, as ``http://control-plane:8082``.

    Raises
    ------
    ValueError
        If it is no such URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{url} is not the URL of a control plane, such as http://control-plane:8082.")
        self._host, self._port, self._authority = parts.hostname, parts.port or 80, parts.netloc

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
            async with asyncio.timeout(_TIMEOUT):
                answer = json.loads(await self._post(json.dumps(report).encode()))
            return [Connection(entry["session"], entry["workspace"]) for entry in answer["end"]]
        except Rejected as error:
            raise ReportFailed(error.detail) from error
        except (TimeoutError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise ReportFailed(str(error) or type(error).__name__) from error

    async def _post(self, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(
                f"POST {PATH} HTTP/1.1\r\nHost: {self._authority}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            try:
                head = parse_response(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.LimitOverrunError as error:
                raise ValueError("its answer's head is too large") from error
            if head.status != 200:
                raise ValueError(f"it answers with status {head.status}")
            if head.length is None or head.length > _MOST:
                raise ValueError("its answer says no length, or too large a one")
            return await reader.readexactly(head.length)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
