"""The platform's release: installing it, and getting it out of the state that an interrupted Helm leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vibecode.cluster.commands import failure, run
from vibecode.cluster.errors import ClusterUnavailable

RELEASE: Final = "vibecode"

_LIMIT: Final = 300.0
"""Seconds for one run of Helm; what it installs is waited for by ourselves."""


class Helm:
    """Helm for one cluster.

    Parameters
    ----------
    path
        The program.
    kubeconfig
        Names the cluster.
    namespace
        Of the release.
    """

    def __init__(self, path: str, kubeconfig: Path, namespace: str) -> None:
        self._base = [path, "--kubeconfig", str(kubeconfig), "--namespace", namespace]

    def status(self) -> str:
        """Return the release's status as Helm names it, such as ``deployed``; ``absent`` if there is no release."""
        command = [*self._base, "status", RELEASE, "-o", "json"]
        result = run(command, check=False, limit=60)
        if result.code == 0:
            info: dict[str, Any] = json.loads(result.stdout)["info"]
            return str(info["status"])
        if "not found" in result.output:
            return "absent"
        raise failure(command, result)

    def upgrade(self, chart: Path, values: Path, on_step: Callable[[str], None]) -> None:
        """Install the release, or bring it up to date.

        Parameters
        ----------
        chart
            Folder of the chart.
        values
            File of its values.
        on_step
            Is called with what is done now.

        Raises
        ------
        ClusterUnavailable
            Helm or the API server refused something.
        """
        self._unstick(on_step)
        on_step("helm upgrade --install")
        run(
            [*self._base, "upgrade", "--install", RELEASE, str(chart), "--values", str(values), "--history-max", "5"],
            limit=_LIMIT,
        )

    def _unstick(self, on_step: Callable[[str], None]) -> None:
        """Free a release that an interrupted Helm left as its own: it refuses every change until that is undone."""
        status = self.status()
        if status in ("pending-upgrade", "pending-rollback"):
            on_step("undoing an upgrade that was interrupted")
            result = run([*self._base, "rollback", RELEASE], limit=_LIMIT, check=False)
            if result.code == 0:
                return
            raise ClusterUnavailable(
                f"An upgrade of the platform was interrupted and can't be undone: `helm rollback {RELEASE} "
                f"{' '.join(self._base[3:])}` says why."
            )
        if status in ("pending-install", "uninstalling"):
            # Volumes and the definition of Workspace are kept by their resource policy, and found by the next install.
            on_step("removing an installation that was interrupted")
            run([*self._base, "uninstall", RELEASE, "--ignore-not-found"], limit=_LIMIT)
