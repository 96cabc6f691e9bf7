"""Fixtures of the charts' tests on a real API server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.chart_values import PLATFORM
from tests.integration.charts.cluster import Cluster, reachable_cluster
from tests.support.require import require


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return reachable_cluster()


@pytest.fixture(scope="session")
def workspaces_defined(cluster: Cluster) -> None:
    """Have Workspace objects served, by the definition of this checkout. It stays: others may use it."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(PLATFORM / "files/workspaces.yaml"))
    cluster.wait_served("workspaces.vibecode.dev")


def module(name: str, version: str) -> Path:
    """Return the folder of a Go module, whose definitions of kinds are as their makers publish them."""
    go = shutil.which("go") or require("go", "go, which fetches other projects' definitions, is not installed")
    result = subprocess.run(
        [go, "mod", "download", "-json", f"{name}@{version}"],
        capture_output=True,
        text=True,
        timeout=170,
        cwd="/",
        check=False,
    )
    answer = json.loads(result.stdout or "{}")
    return Path(answer["Dir"]) if "Dir" in answer else require("go", f"{name} can't be fetched: {answer.get('Error')}")


@pytest.fixture(scope="session")
def foreign_kinds(cluster: Cluster) -> Iterator[None]:
    """Have the kinds of cert-manager, Gateway API and Prometheus Operator served."""
    cert_manager = module("github.com/cert-manager/cert-manager", "v1.21.2") / "deploy/crds"
    gateway = module("sigs.k8s.io/gateway-api", "v1.6.3") / "config/crd/standard"
    prometheus = module("github.com/prometheus-operator/prometheus-operator", "v0.85.0")
    with cluster.definitions(
        cert_manager / "cert-manager.io_certificates.yaml",
        cert_manager / "cert-manager.io_clusterissuers.yaml",
        gateway / "gateway.networking.k8s.io_httproutes.yaml",
        prometheus / "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ):
        yield
