"""The whole product on a real cluster, set up as a user does it: ``vibecode up --runtime kubernetes``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.product_api import Answer, ProductApi, wait_until
from tests.support.require import require
from vibecode.cluster.access import renew_token

PLATFORM = "vibecode-platform"
WORKSPACES = "vibecode-workspaces"
TOOLS = ("docker", "kind", "kubectl", "helm")
# Read when this is imported: tests hide VIBECODE_* from what they start.
NAME = os.environ.get("VIBECODE_TEST_CLUSTER_NAME", "vibecode-test")
_NODE_IMAGE = os.environ.get("VIBECODE_KIND_NODE_IMAGE", "")
_FOLDER = os.environ.get("VIBECODE_TEST_CLUSTER_DIR", "")
_KEEP = os.environ.get("VIBECODE_TEST_KEEP_CLUSTER", "")
PATIENCE = 300.0
"""Seconds within which a cluster does anything, on a machine that is busy with other things."""
_UP_LIMIT = 1800.0
"""Seconds for images and cluster from nothing, on a slow machine."""


@dataclass(frozen=True)
class PodFolder:
    """A folder in a workspace's pod."""

    cluster: ClusterProduct
    workspace: str
    path: str

    def read(self, name: str) -> str | None:
        answer = self.cluster.exec(self.workspace, "cat", f"{self.path}/{name}")
        return answer.stdout if answer.returncode == 0 else None

    def write(self, name: str, content: str | bytes) -> None:
        target = f"{self.path}/{name}"
        script = 'mkdir -p "$(dirname "$0")" && cat > "$0"'
        data = content.encode() if isinstance(content, str) else content
        answer = subprocess.run(
            self.cluster.kubectl_argv(
                "exec", "-i", "-n", WORKSPACES, f"deploy/code-server-{self.workspace}", "--", "sh", "-c", script, target
            ),
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr.decode()


@dataclass
class ClusterProduct(ProductApi):
    """The product on a KIND cluster."""

    data_dir: Path
    url: str = ""
    limit: float = PATIENCE
    name: str = NAME
    """The KIND cluster's."""

    @property
    def kubeconfig(self) -> Path:
        """The cluster's own kubeconfig file."""
        return self.data_dir / "kubernetes" / "kubeconfig"

    @property
    def token(self) -> str:
        access = json.loads((self.data_dir / "kubernetes" / "access.json").read_text())
        return Path(access["token_file"]).read_text().strip()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        host: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request as :meth:`ProductApi.request`; each start of the control plane makes a new token."""
        answer = super().request(method, path, body, token=token, host=host, headers=headers)
        if answer.status == 401 and token is None:
            renew_token(self.data_dir)
            answer = super().request(method, path, body, host=host, headers=headers)
        return answer

    def vibecode(self, *args: str, limit: float = _UP_LIMIT) -> subprocess.CompletedProcess[str]:
        """Run the command line against this cluster."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("VIBECODE_")}
        if _NODE_IMAGE:
            environment["VIBECODE_KIND_NODE_IMAGE"] = _NODE_IMAGE
        return subprocess.run(
            [
                sys.executable,
                "-P",
                "-c",
                "from vibecode.cli.main import main; main()",
                *args,
                "--data-dir",
                str(self.data_dir),
            ],
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    def up(self) -> str:
        """Set everything up; return the sign-in link that it printed."""
        done = self.vibecode("up", "--runtime", "kubernetes", "--name", self.name)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        link = done.stdout.strip()
        self.url = link.partition("/sign-in")[0]
        return link

    def kubectl_argv(self, *args: str) -> list[str]:
        """Return how to run kubectl against this cluster."""
        return ["kubectl", "--kubeconfig", str(self.kubeconfig), *args]

    def run_kubectl(self, *args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
        """Run kubectl against this cluster, whatever comes of it."""
        return subprocess.run(
            self.kubectl_argv(*args), input=input, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def kubectl(self, *args: str, input: str | None = None, check: bool = True) -> str:  # noqa: A002
        """Run kubectl; return what it printed."""
        done = self.run_kubectl(*args, input=input)
        assert not check or done.returncode == 0, f"kubectl {' '.join(args)}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, *args: str) -> Any:
        """Return what ``kubectl get ... -o json`` shows."""
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def exec(self, workspace: str, *argv: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program in a workspace's container, as its user."""
        return subprocess.run(
            self.kubectl_argv("exec", "-n", WORKSPACES, f"deploy/code-server-{workspace}", "--", *argv),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    def files(self, workspace: str) -> PodFolder:
        return PodFolder(self, workspace, "/workspace")

    def home(self, workspace: str) -> PodFolder:
        return PodFolder(self, workspace, "/home/coder")

    def is_alive(self, workspace: str, pid: int) -> bool:
        return self.exec(workspace, "test", "-d", f"/proc/{pid}").returncode == 0

    def lose_server(self) -> None:
        pod = ("pod", "-n", PLATFORM, "-l", "app.kubernetes.io/component=control-plane")
        before = self.get(*pod)["items"][0]["metadata"]["uid"]
        self.kubectl("delete", *pod, "--force", "--grace-period=0")

        def another() -> bool:
            items = self.get(*pod)["items"]
            return any(
                item["metadata"]["uid"] != before
                and any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"].get("conditions", []))
                for item in items
            )

        wait_until(another, "the control plane is back", limit=self.limit)
        # The command line gets a new token by itself: each start of the control plane makes one.
        wait_until(lambda: self.vibecode("status").returncode == 0, "it answers", limit=self.limit)

    def free_port(self, workspace: str) -> int:
        return 3456

    def remove_all(self, *, but: Collection[str] = ()) -> None:
        """Remove all workspaces with their files, but for those of some names."""
        for name in {each["name"] for each in self.api("GET", "/workspaces?limit=200")["items"]} - set(but):
            self.api("DELETE", f"/workspaces/{name}?purge=true")
        for kept in self.api("GET", "/workspaces?limit=200&kept=true")["items"]:
            self.api("DELETE", f"/workspaces/{kept['name']}?purge=true&owner={kept['owner']}")


def require_tools(part: str) -> None:
    """Leave the test out, or fail it, where there is nothing to make a cluster with."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        require(part, f"{', '.join(missing)} can't be found")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        require(part, "Docker does not answer")


@contextmanager
def running_cluster() -> Iterator[ClusterProduct]:
    """Have the product on a cluster; the test is left out, or fails, where the tools for that are missing.

    The cluster is deleted at the end unless VIBECODE_TEST_KEEP_CLUSTER is set; VIBECODE_TEST_CLUSTER_DIR names its data
    folder then, so that it is found again. With VIBECODE_TEST_CLUSTER_NAME two checkouts can have one each.
    """
    require_tools("kubernetes")
    base = os.environ.get("VIBECODE_TEST_DATA_DIR") or str(Path.home() / ".cache" / "vibecode-test")
    cluster = ClusterProduct(Path(_FOLDER or f"{base}/cluster"))
    cluster.up()
    cluster.remove_all()
    try:
        yield cluster
    finally:
        if not _KEEP:
            cluster.vibecode("down", "--delete-data", "--yes")
