"""Entry of a server process: ``python -m vibecode.server``. Settings come from the environment and the settings file.

Whoever starts it in the background passes a pipe in VIBECODE_READY_FD. One line of JSON comes through it:
``{"url": …}`` when everything answers, or ``{"error": …}`` with a sentence for the person who waits.
"""

from __future__ import annotations

import json
import os
import sys

import uvloop

from vibecode.domain.errors import VibeCodeError
from vibecode.logs import configure_logging
from vibecode.server.run import serve
from vibecode.settings import load_settings


def main() -> int:
    """Run a server; return the exit code."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        uvloop.run(serve(settings, on_ready=lambda url: _tell({"url": url})))
    except VibeCodeError as error:
        _tell({"error": error.detail})
        print(f"Error: {error.detail}", file=sys.stderr)
        return 1
    return 0


def _tell(message: dict[str, str]) -> None:
    """Send one line to whoever started this process, if anybody waits."""
    descriptor = os.environ.pop("VIBECODE_READY_FD", "")
    if descriptor:
        with os.fdopen(int(descriptor), "w") as pipe:
            pipe.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    sys.exit(main())
