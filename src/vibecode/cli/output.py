"""Printing: tables for people, JSON for scripts, one line for a failure."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vibecode.domain.text import printable


def say(text: str, *, keep: str = "") -> None:
    """Print a line to standard output, without what a server or a workspace put in to steer the terminal.

    Parameters
    ----------
    text
        The line.
    keep
        Characters that stay although they can't be printed, such as a log's tabs.
    """
    print(printable(text, keep=keep), flush=True)


def print_json(value: object) -> None:
    """Print JSON as scripts read it: to standard output, keys as the API spells them."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print("".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows under headers, or the sentence ``empty`` if there are none.

    In a terminal it is coloured and fitted to its width. Elsewhere each row is one line with two spaces or more between
    the columns.
    """
    if not rows:
        say(empty)
        return
    rows = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for header in headers:
            table.add_column(header)
        for row in rows:
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[index]) for row in (headers, *rows)) for index in range(len(headers))]
    for row in (headers, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


_STYLES = {
    "running": "green",
    "starting": "yellow",
    "pending": "yellow",
    "stopping": "yellow",
    "stopped": "dim",
    "failed": "red bold",
}


def note(text: str) -> None:
    """Print a line for a person to standard error, so that standard output stays for results."""
    print(printable(text), file=sys.stderr, flush=True)


def bytes_text(value: int) -> str:
    """Return a size such as ``412 MiB``."""
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def ago_text(moment: str | None) -> str:
    """Return how long ago an API's moment was, such as ``3 min ago``."""
    if moment is None:
        return "-"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for limit, divisor, unit in ((60, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{max(0, int(seconds // divisor))} {unit} ago"
    return f"{int(seconds // 86400)} days ago"


def workspace_row(workspace: dict[str, Any]) -> list[str]:
    """Return a workspace's row of the list."""
    resources = workspace["resources"]
    running = workspace["status"] == "running"
    return [
        workspace["name"],
        workspace["owner"],
        workspace["status"],
        f"{resources['cpu']:.2f}" if running else "-",
        bytes_text(resources["memory"]) if running else "-",
        bytes_text(resources["storage"]),
        ago_text(workspace["lastActive"]),
        workspace["reason"],
    ]
