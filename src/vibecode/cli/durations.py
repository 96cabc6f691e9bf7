"""Times as people write them."""

from __future__ import annotations

import typer


def parse_duration(text: str) -> int | None:
    """Return the seconds of ``90s``, ``45m``, ``2h``, ``1d`` or plain minutes; None for ``off``."""
    if text == "off":
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    digits, factor = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 60)
    if not digits.isascii() or not digits.isdecimal():
        raise typer.BadParameter(f"{text!r} is no time: write 45m, 2h or off")
    return int(digits) * factor


def idle_text(seconds: int | None) -> str:
    """Say when a workspace is stopped that nobody uses: ``after 30 min``, or ``off``."""
    if seconds is None:
        return "off"
    minutes, rest = divmod(seconds, 60)
    return f"after {minutes} min" + (f" {rest} s" if rest else "")
