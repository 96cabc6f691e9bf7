"""kubectl and helm on the API server that tests may use."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.product_api import wait_until
from tests.support.require import require

Object = dict[str, Any]

# Read when this is imported: tests hide VIBECODE_* from what they start.
_KUBECONFIG = os.environ.get("VIBECODE_TEST_KUBECONFIG", "")
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


class Cluster:
    """The API server."""

    def __init__(self, kubeconfig: str) -> None:
        self.environment = {**os.environ, "KUBECONFIG": kubeconfig}

    def run(self, *command: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a tool; its output is in the failure if it fails."""
        result = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=120, env=self.environment, check=False
        )
        assert not check or result.returncode == 0, f"{' '.join(command[:4])}: {result.stdout}{result.stderr}"
        return result

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl and return what it printed."""
        return self.run("kubectl", *arguments, text=text).stdout

    def helm(self, *arguments: str, values: object = None) -> str:
        """Run helm with values and return what it printed."""
        if values is None:
            return self.run("helm", *arguments).stdout
        return self.run("helm", *arguments, "--values", "-", text=json.dumps(values)).stdout

    def get(self, kind: str, name: str, namespace: str = "default") -> Object | None:
        """Return an object; None if there is none."""
        text = self.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else None

    def dry_run(self, *objects: Object, namespace: str | None = None) -> subprocess.CompletedProcess[str]:
        """Have the API server check objects that aren't kept."""
        return self.run(
            *("kubectl", "apply", "--server-side", "--dry-run=server", "--field-manager=helm", "--force-conflicts"),
            *(() if namespace is None else ("--namespace", namespace)),
            *("-f", "-"),
            text=yaml.dump_all(objects),
            check=False,
        )

    @contextmanager
    def namespace(self, labels: dict[str, str] | None = None) -> Iterator[str]:
        """Have a namespace of one's own; it is removed afterwards."""
        name = f"test-{secrets.token_hex(4)}"
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}
        self.kubectl("create", "-f", "-", text=json.dumps(manifest))
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def wait_served(self, definition: str) -> None:
        """Wait until the kind of a CustomResourceDefinition is served."""

        def has_conditions() -> bool:
            # Until it has some, kubectl fails rather than waits.
            found = self.get("crd", definition) or {}
            return bool((found.get("status") or {}).get("conditions"))

        wait_until(has_conditions, f"{definition} has conditions")
        self.kubectl("wait", "--for=condition=Established", f"crd/{definition}", "--timeout=60s")

    @contextmanager
    def definitions(self, *files: Path) -> Iterator[None]:
        """Have kinds defined; those that weren't before are removed afterwards."""
        added = []
        for file in files:
            (name,) = (each["metadata"]["name"] for each in yaml.safe_load_all(file.read_text()) if each)
            if self.get("crd", name) is None:
                self.kubectl("create", "-f", str(file))
                added.append(name)
            self.wait_served(name)
        try:
            yield
        finally:
            for name in added:
                self.kubectl("delete", "crd", name)


def reachable_cluster() -> Cluster:
    """Return the API server; the test is left out, or fails, where there is none."""
    if not _KUBECONFIG:
        require("kubernetes", "VIBECODE_TEST_KUBECONFIG names no cluster")
    for tool in ("helm", "kubectl"):
        if shutil.which(tool) is None:
            require(tool, f"{tool} is not installed")
    return Cluster(_KUBECONFIG)
