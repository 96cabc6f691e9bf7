"""What was prepared for the last start, so that a start with nothing to prepare costs nothing."""

from __future__ import annotations

import json
from typing import Any

from vibecode import __version__
from vibecode.agent.config import Config
from vibecode.domain.workspace import TemplateSource


def state(config: Config) -> str:
    """Say how it is: ``new`` if it was not prepared for what is wanted now, ``incomplete`` or ``complete``."""
    if not config.extensions and not isinstance(config.source, TemplateSource):
        return "complete"
    try:
        known = json.loads(config.prepared_file.read_text(encoding="utf-8"))
        if known["wanted"] != _wanted(config):
            return "new"
        return "complete" if known["complete"] is True else "incomplete"
    except (OSError, ValueError, KeyError, TypeError):
        return "new"


def write(config: Config, *, complete: bool) -> None:
    """Write down that it was prepared for what is wanted now.

    Raises
    ------
    OSError
        It can't be written.
    """
    from vibecode.runtimes.local.files import write_atomic

    config.prepared_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(config.prepared_file, json.dumps({"wanted": _wanted(config), "complete": complete}) + "\n")


def _wanted(config: Config) -> dict[str, Any]:
    template = config.source.name if isinstance(config.source, TemplateSource) else None
    # Another VibeCode may bring another list of extensions for a template.
    return {"extensions": sorted(config.extensions), "template": template, "version": __version__}
