"""What is remembered of a cluster."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.state import DEFAULT_CLUSTER, ClusterFolder, State
from vibecode.domain.errors import DataFolderUnusable


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    folder = ClusterFolder(tmp_path)
    folder.prepare()
    return folder


def test_a_state_is_read_as_it_was_written(folder: ClusterFolder) -> None:
    assert folder.read() is None
    state = folder.write(State(cluster="c", stage="created", node="id"))
    assert folder.read() == state
    folder.change(state, release="hash")
    assert folder.read() == State(cluster="c", stage="created", node="id", release="hash")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"cluster": "c"}', '{"cluster": "c", "more": 1}'])
def test_a_damaged_state_is_none(folder: ClusterFolder, content: str) -> None:
    (folder.root / "state.json").write_text(content)
    assert folder.read() is None


def test_files_are_for_their_owner_alone(folder: ClusterFolder) -> None:
    folder.write(State(cluster="c", stage="creating"))
    folder.write_private(folder.token, "t")
    assert folder.root.stat().st_mode & 0o777 == 0o700
    for path in (folder.root / "state.json", folder.token):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_runtime_is_remembered(folder: ClusterFolder, tmp_path: Path) -> None:
    assert folder.runtime is None
    folder.remember_runtime("kubernetes")
    assert ClusterFolder(tmp_path).runtime == "kubernetes"
    folder.remember_runtime("local")
    assert folder.runtime == "local"
    (tmp_path / "runtime").write_text("something else")
    assert folder.runtime is None


def test_one_folder_has_one_cluster(folder: ClusterFolder) -> None:
    assert folder.require(None) == DEFAULT_CLUSTER
    assert folder.require("mine") == "mine"
    folder.write(State(cluster="mine", stage="created"))
    assert folder.require(None) == folder.require("mine") == "mine"
    with pytest.raises(ClusterUnavailable, match=r"is mine.*--data-dir for other"):
        folder.require("other")


def test_forgetting_keeps_the_authority_that_browsers_trust(folder: ClusterFolder) -> None:
    folder.write(State(cluster="c", stage="created"))
    folder.remember_runtime("kubernetes")
    for path in (folder.ca_certificate, folder.ca_key, folder.key, folder.token, folder.kubeconfig):
        folder.write_private(path, "x")
    folder.forget()
    assert {path.name for path in folder.root.iterdir()} == {"ca.crt", "ca.key"}
    assert folder.runtime is None
    assert folder.read() is None


def test_a_folder_that_cant_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "kubernetes").write_text("")
    with pytest.raises(DataFolderUnusable):
        ClusterFolder(tmp_path).prepare()


def _hold(root: Path, held: multiprocessing.synchronize.Event, let_go: multiprocessing.synchronize.Event) -> None:
    with ClusterFolder(root).lock(lambda: None):
        held.set()
        let_go.wait(60)


def test_a_second_command_waits_and_says_so(folder: ClusterFolder, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, let_go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, let_go))
    other.start()
    assert held.wait(60)
    waited: list[str] = []

    def on_wait() -> None:
        waited.append("waits")
        let_go.set()

    with folder.lock(on_wait):
        assert waited == ["waits"]
    other.join(60)
    assert other.exitcode == 0
