"""kubectl for one cluster, named by a kubeconfig file of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vibecode.cluster.commands import run
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.tools import Version, parse_version

FIELD_MANAGER: Final = "vibecode-up"


class Kubectl:
    """Speaks to a cluster.

    Parameters
    ----------
    path
        The program.
    kubeconfig
        Names the cluster, and how to sign in to it.
    """

    def __init__(self, path: str, kubeconfig: Path) -> None:
        self._base = [path, "--kubeconfig", str(kubeconfig)]

    def list(self, kinds: str, *, namespace: str | None = None, limit: float = 30.0) -> list[Any]:
        """Return all objects of some kinds.

        Parameters
        ----------
        kinds
            With commas between, such as ``deployments,daemonsets``.
        namespace
            Where they are; None for kinds that are in none.
        limit
            Seconds within which the API server has to answer.

        Raises
        ------
        ClusterUnavailable
            It doesn't answer.
        """
        place = [] if namespace is None else ["--namespace", namespace]
        text = self._run(["get", kinds, *place, "-o", "json", f"--request-timeout={limit:.0f}s"], limit=limit + 5)
        items: list[Any] = json.loads(text)["items"]
        return items

    def apply(self, *objects: object) -> None:
        """Make objects as they are given, whoever changed them.

        Raises
        ------
        ClusterUnavailable
            The API server doesn't answer, or refuses one.
        """
        content = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        command = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "-f", "-"]
        self._run(command, text=content)

    def exec(self, namespace: str, target: str, command: Sequence[str]) -> str:
        """Run a command in a pod and return what it printed.

        Parameters
        ----------
        target
            Such as ``deployment/control-plane``.

        Raises
        ------
        ClusterUnavailable
            There is no such pod, or the command failed.
        """
        return self._run(["exec", "--namespace", namespace, target, "--", *command])

    def last_log(self, namespace: str, pod: str, container: str) -> str:
        """Return the end of a container's log, of its run before this one where there was one; empty if unknown."""
        for previous in (["--previous"], []):
            try:
                text = self._run(["logs", "--namespace", namespace, pod, "-c", container, "--tail=30", *previous])
            except ClusterUnavailable:
                continue
            if text.strip():
                return text
        return ""

    def server_version(self) -> Version | None:
        """Return the version of the API server; None if it doesn't answer."""
        try:
            answer = json.loads(self._run(["version", "-o", "json", "--request-timeout=10s"], limit=15))
        except ClusterUnavailable:
            return None
        return parse_version(answer.get("serverVersion", {}).get("gitVersion", ""))

    def _run(self, arguments: Sequence[str], *, text: str | None = None, limit: float = 60.0) -> str:
        return run([*self._base, *arguments], text=text, limit=limit).stdout
