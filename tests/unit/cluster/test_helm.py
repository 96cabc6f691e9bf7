"""The release, and the states that an interrupted Helm leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import program
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.helm import Helm


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def helm(tmp_path: Path, status: str, *, rollback: int = 0) -> Helm:
    """Return a Helm whose release has a status, and which notes what it is told to do."""
    answer = (
        f'echo \'{{"info":{{"status":"{status}"}}}}\'' if status else 'echo "Error: release: not found" >&2; exit 1'
    )
    script = f"""
shift 4
echo "$1" >>{tmp_path}/log
case "$1" in
status) {answer} ;;
rollback) exit {rollback} ;;
esac"""
    return Helm(str(program(tmp_path, "helm", script)), tmp_path / "kubeconfig", "ns")


@pytest.mark.parametrize(
    ("status", "commands"),
    [
        ("", ["status", "upgrade"]),
        ("deployed", ["status", "upgrade"]),
        ("failed", ["status", "upgrade"]),
        ("pending-install", ["status", "uninstall", "upgrade"]),
        ("uninstalling", ["status", "uninstall", "upgrade"]),
        ("pending-upgrade", ["status", "rollback", "upgrade"]),
        ("pending-rollback", ["status", "rollback", "upgrade"]),
    ],
)
def test_every_state_is_left_by_an_upgrade(tmp_path: Path, log: Path, status: str, commands: list[str]) -> None:
    helm(tmp_path, status).upgrade(tmp_path, tmp_path / "values", lambda _: None)
    assert log.read_text().split() == commands


def test_what_cant_be_undone_is_said(tmp_path: Path, log: Path) -> None:
    with pytest.raises(ClusterUnavailable, match="helm rollback vibecode"):
        helm(tmp_path, "pending-upgrade", rollback=1).upgrade(tmp_path, tmp_path / "values", lambda _: None)
    assert "upgrade" not in log.read_text().split()


@pytest.mark.parametrize(("status", "told"), [("", "absent"), ("deployed", "deployed")])
def test_status(tmp_path: Path, status: str, told: str) -> None:
    assert helm(tmp_path, status).status() == told


def test_a_cluster_that_does_not_answer_is_not_taken_for_one_without_a_release(tmp_path: Path) -> None:
    path = program(tmp_path, "helm", "echo 'Error: Kubernetes cluster unreachable: x' >&2; exit 1")
    with pytest.raises(ClusterUnavailable, match="API server doesn't answer"):
        Helm(str(path), tmp_path / "kubeconfig", "ns").status()
