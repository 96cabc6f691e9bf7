"""TCP ports that a workspace's container listens on, for the edge and for the kubelet."""

from __future__ import annotations

from typing import Final

EDITOR_PORT: Final = 8080
"""Of code-server."""

RELAY_PORT: Final = 20990
"""Of the relay to the ports inside, see :mod:`vibecode.agent.relay`. No well-known program uses it."""

READY_PORT: Final = 20991
"""Where the kubelet asks whether the editor has started, see :mod:`vibecode.agent.readiness`."""

HOLD_SECONDS: Final = 9
"""For how long that question is held while it has not."""

OURS: Final = frozenset({EDITOR_PORT, RELAY_PORT, READY_PORT})
"""Ports that are no program's of the user."""
