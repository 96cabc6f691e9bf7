"""What workspaces say of their processes, made safe: they run code that nobody vouches for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from vibecode.domain.text import printable
from vibecode.domain.workspace import ListeningPort
from vibecode.runtimes.base import ProcessReport
from vibecode.runtimes.kubernetes.ports import OURS

MAX_PORTS: Final = 200
_MAX_TEXT: Final = 200
_MAX_VERSION: Final = 40
_MAX_CORES: Final = 4096.0
_MAX_BYTES: Final = 2**60


def cleaned(report: ProcessReport) -> ProcessReport:
    """Return a report with what can't be left out, and all else within bounds."""
    ports: dict[int, ListeningPort] = {}
    for each in report.ports[: 10 * MAX_PORTS]:
        if 1 <= each.port <= 65535 and each.port not in OURS and each.pid > 0 and len(ports) < MAX_PORTS:
            ports.setdefault(each.port, ListeningPort(port=each.port, process=_line(each.process), pid=each.pid))
    return replace(
        report,
        busy_command=_line(report.busy_command) or None if report.busy_command else None,
        cpu=min(max(report.cpu, 0.0), _MAX_CORES) if math.isfinite(report.cpu) else 0.0,
        memory=_bytes(report.memory),
        storage=None if report.storage is None else _bytes(report.storage),
        ports=tuple(ports[port] for port in sorted(ports)),
        editor_version=_line(report.editor_version)[:_MAX_VERSION] or None if report.editor_version else None,
    )


def _line(text: str) -> str:
    return printable(text[: 10 * _MAX_TEXT]).strip()[:_MAX_TEXT]


def _bytes(value: int) -> int:
    return min(max(value, 0), _MAX_BYTES)
