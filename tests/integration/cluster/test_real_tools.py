"""The library of `vibecode up` with the real tools, as far as that needs no cluster of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.require import require
from vibecode.cluster import docker, kind, platform, tools
from vibecode.cluster.assets import asset
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.helm import Helm
from vibecode.cluster.kubectl import Kubectl
from vibecode.cluster.ports import HostPorts
from vibecode.cluster.tools import Tools
from vibecode.settings import Settings


@pytest.fixture(scope="module")
def found() -> Tools:
    try:
        found = tools.find_all()
        docker.facts(found.docker)
    except ClusterUnavailable as error:
        require("kubernetes", error.detail)
    return found


def test_docker_tells_about_itself(found: Tools) -> None:
    facts = docker.facts(found.docker)
    assert facts.memory > 0
    assert facts.cgroup in ("1", "2")
    assert docker.nodes(found.docker, "no-such-cluster-of-vibecode") == []


def test_the_chart_takes_the_values_that_up_gives(found: Tools, tmp_path: Path) -> None:
    settings = Settings(extensions=("a.b",), idle_timeout=0)
    ports = HostPorts(address="127.0.0.1", http=8080, https=8443)
    images = {part: f"vibecode/{part}:1-0123456789ab" for part in platform.NODES_OF_IMAGE}
    values = tmp_path / "values.json"
    values.write_text(
        platform.as_text(platform.chart_values(settings, platform.public_address(settings, ports), images))
    )
    rendered = subprocess.run(
        [found.helm, "template", "vibecode", str(asset(platform.CHART)), "--values", str(values)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rendered.returncode == 0, rendered.stderr
    kinds = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(rendered.stdout) if each}
    assert {("Deployment", "control-plane"), ("Deployment", "operator"), ("DaemonSet", "edge")} <= kinds


def test_a_cluster_that_is_not_there_is_a_sentence(found: Tools, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [cluster],
                "contexts": [context],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "current-context": "c",
            }
        )
    )
    with pytest.raises(ClusterUnavailable, match=r"API server doesn't answer"):
        Kubectl(found.kubectl, kubeconfig).list("pods", namespace="default")
    with pytest.raises(ClusterUnavailable, match=r"API server doesn't answer"):
        Helm(found.helm, kubeconfig, "default").status()
    assert Kubectl(found.kubectl, kubeconfig).server_version() is None


def test_docker_that_does_not_run_is_a_sentence(found: Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(ClusterUnavailable, match="start Docker"):
        docker.facts(found.docker)


def test_kind_reads_the_description(found: Tools, tmp_path: Path) -> None:
    """Kind checks a description before it makes anything: a wrong one is refused, ours gets as far as its image."""
    ports = HostPorts(address="127.0.0.1", http=8080, https=8443)
    source = asset(kind.CONFIG).read_text(encoding="utf-8")
    description = kind.describe(source, name="vibecode-none", ports=ports, mark=tmp_path)
    result = subprocess.run(
        [found.kind, "create", "cluster", "--name", "vibecode-none", "--config", "-", "--image", "vibecode/none:none"],
        input=description,
        env={"PATH": str(Path(found.docker).parent), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "vibecode/none:none" in result.stderr
    assert docker.nodes(found.docker, "vibecode-none") == []
