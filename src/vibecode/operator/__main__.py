"""Entry of an operator's process: ``python -m vibecode.operator``.

``VIBECODE_OPERATOR_CONFIG`` names its configuration, ``POD_NAME`` and ``POD_NAMESPACE`` this replica.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvloop

from vibecode.domain.errors import VibeCodeError
from vibecode.logs import configure_logging
from vibecode.operator.run import HEALTH_PORT, Surroundings, run
from vibecode.runtimes.kubernetes.config import DEFAULT_PATH, load_config
from vibecode.runtimes.kubernetes.errors import KubernetesError


def main() -> int:
    """Run the operator; return the exit code."""
    environment = os.environ
    configure_logging(environment.get("VIBECODE_LOG_LEVEL", "info"))
    try:
        config = load_config(Path(environment.get("VIBECODE_OPERATOR_CONFIG", DEFAULT_PATH)))
        surroundings = Surroundings(
            identity=environment.get("POD_NAME") or socket.gethostname(),
            namespace=environment.get("POD_NAMESPACE") or config.platform_namespace,
            health_port=int(environment.get("VIBECODE_OPERATOR_HEALTH_PORT", HEALTH_PORT)),
        )
        uvloop.run(run(config, surroundings))
    except (VibeCodeError, KubernetesError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
