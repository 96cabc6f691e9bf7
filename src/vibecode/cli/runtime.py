"""The runtimes, as options name them."""

from __future__ import annotations

import enum
from typing import Literal


class Runtime(enum.Enum):
    """What workspaces run on."""

    LOCAL = "local"
    KUBERNETES = "kubernetes"

    @property
    def key(self) -> Literal["local", "kubernetes"]:
        """Its name, as it is remembered."""
        return "local" if self is Runtime.LOCAL else "kubernetes"
