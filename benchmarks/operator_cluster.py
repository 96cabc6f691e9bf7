"""A cluster without real nodes: kind's control plane is real, and KWOK plays nodes, kubelets and the provisioner.

Its files are in ``benchmarks/simulated``. Needs docker, kind and kubectl, and KWOK:
``go install sigs.k8s.io/kwok/cmd/kwok@v0.8.0``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

FILES = Path(__file__).parent / "simulated"
DEFINITION = Path(__file__).parents[1] / "charts" / "vibecode-platform" / "files" / "workspaces.yaml"
NAMESPACE, FLOOR, PLATFORM = "vibecode-workspaces", "floor", "vibecode-platform"
PODS_A_NODE = 200
WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})

_PROGRAMS = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler")
_COUNT = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Cluster:
    """A running one."""

    kubeconfig: Path
    """Of its administrator."""
    operators_kubeconfig: Path
    """Of a service account, whose requests the API server limits as it limits any operator's."""
    programs: Mapping[str, psutil.Process]
    """What runs beside the operator."""

    def kubectl(self, *arguments: str, content: str | None = None) -> str:
        """Run kubectl; return what it printed."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *arguments]
        return _run(*command, content=content)

    def apply(self, objects: Iterable[dict[str, Any]]) -> None:
        """Create objects, or change them."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "--filename", "-", content=json.dumps(items))

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds that each program used so far."""
        times = {name: process.cpu_times() for name, process in self.programs.items()}
        return {name: each.user + each.system for name, each in times.items()}

    def writes(self) -> Counter[str]:
        """Return the writes that the API server was asked for so far by kind, whoever asked; without Leases."""
        found: Counter[str] = Counter()
        for match in _COUNT.finditer(self.kubectl("get", "--raw", "/metrics")):
            labels = dict(_LABEL.findall(match["labels"]))
            if labels.get("verb") in WRITES and labels.get("resource") != "leases":
                kind = "/".join(filter(None, (labels["resource"], labels.get("subresource"))))
                found[kind] += int(float(match["value"]))
        return found


@contextlib.contextmanager
def simulated_cluster(*, workspaces: int, kwok: str | None = None) -> Iterator[Cluster]:
    """Have a cluster with room for so many workspaces; it is deleted afterwards.

    Parameters
    ----------
    workspaces
        Pods that find a node.
    kwok
        Path of KWOK's program; otherwise it is looked for in PATH, and where Go puts it.
    """
    program = kwok or shutil.which("kwok", path=os.pathsep.join([os.environ.get("PATH", ""), *_go_folders()]))
    if program is None:
        raise RuntimeError("KWOK is not installed; get it with: go install sigs.k8s.io/kwok/cmd/kwok@v0.8.0")
    name = f"vibecode-bench-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="vibecode-bench-") as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        kubeconfig = folder / "kubeconfig"
        shutil.copy(FILES / "scheduler.yaml", folder)
        config = folder / "kind.yaml"
        config.write_text((FILES / "kind.yaml").read_text().replace("FOLDER", str(folder)))
        image = os.environ.get("VIBECODE_KIND_NODE_IMAGE")
        stack.callback(_run, "kind", "delete", "cluster", "--name", name, "--kubeconfig", str(kubeconfig))
        _run(
            *("kind", "create", "cluster", "--name", name, "--config", str(config), "--kubeconfig", str(kubeconfig)),
            *(("--image", image) if image else ()),
        )
        node = int(_run("docker", "inspect", "--format", "{{.State.Pid}}", f"{name}-control-plane"))
        with _furnished(kubeconfig, folder, _programs_of(node), kwok=program, workspaces=workspaces) as cluster:
            yield cluster


@contextlib.contextmanager
def _furnished(
    kubeconfig: Path, folder: Path, programs: Mapping[str, psutil.Process], *, kwok: str, workspaces: int
) -> Iterator[Cluster]:
    """Have KWOK and the binder of claims at work, and all in the cluster that an operator needs."""
    play = [kwok, "--kubeconfig", str(kubeconfig), "--config", str(FILES / "kwok.yaml"), "--node-ip", "10.0.0.1"]
    bind = [sys.executable, "-m", "benchmarks.operator_claims", str(kubeconfig), FLOOR, NAMESPACE]
    with contextlib.ExitStack() as stack:
        beside = {
            "kwok": stack.enter_context(_beside("kwok", play, folder)),
            "binder of claims": stack.enter_context(_beside("binder", bind, folder)),
            "benchmark": psutil.Process(),
        }
        cluster = Cluster(kubeconfig, folder / "operators-kubeconfig", {**programs, **beside})
        _furnish(cluster, workspaces)
        yield cluster


def _furnish(cluster: Cluster, workspaces: int) -> None:
    cluster.apply([yaml.safe_load(DEFINITION.read_text()), *_namespaces(), *_operators_account()])
    cluster.apply(_nodes(workspaces))
    cluster.kubectl("wait", "--for=condition=Ready", "node", "--selector", "type=kwok", "--timeout=120s")
    cluster.kubectl("wait", "--for=condition=Established", "crd/workspaces.vibecode.dev", "--timeout=60s")
    _write_operators_kubeconfig(cluster)


def _go_folders() -> list[str]:
    return [os.environ.get("GOBIN", ""), str(Path(os.environ.get("GOPATH", Path.home() / "go")) / "bin")]


def _run(*command: str, content: str | None = None) -> str:
    done = subprocess.run(command, input=content, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def _programs_of(node: int) -> dict[str, psutil.Process]:
    children = psutil.Process(node).children(recursive=True)
    return {each.name()[:15]: each for each in children if each.name() in {name[:15] for name in _PROGRAMS}}


@contextlib.contextmanager
def _beside(name: str, command: list[str], folder: Path) -> Iterator[psutil.Process]:
    """Have a program run; its log is told if it ends by itself and something fails thereby."""
    path = folder / f"{name}.log"
    with path.open("wb") as log:
        # Its home is where it would look for a configuration of the user's.
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})
    try:
        yield psutil.Process(process.pid)
    except RuntimeError as error:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended: {path.read_text()[-1000:]}") from error
        raise
    finally:
        process.terminate()
        process.wait(30)


def _namespaces() -> list[dict[str, Any]]:
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in ((NAMESPACE, strict), (FLOOR, strict), (PLATFORM, {}))
    ]


def _operators_account() -> list[dict[str, Any]]:
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator", "namespace": PLATFORM}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": PLATFORM}],
        },
    ]


def _nodes(workspaces: int) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"simulated-{number}",
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    "type": "kwok",
                    "kubernetes.io/hostname": f"simulated-{number}",
                    "kubernetes.io/os": "linux",
                },
            },
        }
        for number in range(workspaces // PODS_A_NODE + 1)
    ]


def _write_operators_kubeconfig(cluster: Cluster) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            token = cluster.kubectl("create", "token", "operator", "--namespace", PLATFORM, "--duration", "24h")
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            break
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token.strip()}
    cluster.operators_kubeconfig.write_text(yaml.safe_dump(config))
