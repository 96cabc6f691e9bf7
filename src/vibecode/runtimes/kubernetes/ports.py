"""TCP ports that a workspace's container listens on for the edge."""

from __future__ import annotations

from typing import Final

EDITOR_PORT: Final = 8080
"""Of code-server."""

RELAY_PORT: Final = 20990
"""Of the relay to the ports inside, see :mod:`vibecode.agent.relay`. No well-known program uses it."""
