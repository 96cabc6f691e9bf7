"""Figures with their spread, and ratios round by round."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path


def spread(values: Sequence[float], *, digits: int = 0, unit: str = "") -> str:
    """Return the median with the lowest and highest: ``12 (10-15) ms``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f}){unit and ' '}{unit}"


def ratio(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Return the ratios of two series of the same rounds: what slows the machine slows both."""
    return [value / other for value, other in zip(values, base, strict=True)]


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    widths = [max(len(row[at]) for row in (headers, *rows)) for at in range(len(headers))]
    for row in (headers, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def machine() -> dict[str, object]:
    """Return what a reader has to know of the machine."""
    return {"processors": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()}


def write_json(path: Path | None, content: dict[str, object]) -> None:
    """Write the raw figures."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), **content}, indent=2) + "\n")
