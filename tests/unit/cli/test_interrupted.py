"""`up` and `down` of a cluster that were interrupted: what comes after finds what they left."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from tests.support.programs import program
from tests.unit.cli.machine import Machine, choose
from tests.unit.cli.test_cli import run
from vibecode.cluster import docker, kind
from vibecode.cluster.bringup import BringUp
from vibecode.cluster.progress import Progress
from vibecode.cluster.state import State
from vibecode.settings import Settings


def interrupted_up(machine: Machine, monkeypatch: pytest.MonkeyPatch, *, left: bool) -> None:
    """Have the first `up` interrupted while kind makes the cluster, with a node left or none."""

    def interrupt(*_: object) -> None:
        machine.nodes(running=True if left else None, ours=True)
        raise KeyboardInterrupt

    machine.nodes(running=None)
    monkeypatch.setattr(kind, "create", interrupt)
    settings = Settings(data_dir=machine.data)
    with pytest.raises(KeyboardInterrupt):
        BringUp(settings, cluster="c", progress=Progress(io.StringIO())).run()
    machine.log.unlink(missing_ok=True)


def test_down_knows_what_an_interrupted_first_up_left(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_up(machine, monkeypatch, left=True)
    status = run("status", data_dir=machine.data)
    assert status.returncode == 1
    assert "An interrupted command left the cluster unfinished. `vibecode up` makes it anew" in status.stdout
    assert choose(machine)[0] == "kubernetes"
    assert run("up", "--runtime", "local", data_dir=machine.data).returncode == 1
    down = run("down", data_dir=machine.data)
    assert (down.returncode, down.stderr.count("Workspaces")) == (0, 0)
    assert down.stdout == (
        "What there is of the cluster c has stopped. `vibecode up` makes it anew, and `vibecode down --delete-data` "
        "removes what is left.\n"
    )
    assert machine.log.read_text().startswith("docker stop")
    machine.nodes(running=False, ours=True)
    assert run("down", data_dir=machine.data).stdout == "The cluster does not run.\n"
    deleted = run("down", "--delete-data", "--yes", data_dir=machine.data)
    assert deleted.returncode == 0, deleted.stderr
    assert "delete cluster --name c" in machine.log.read_text()
    assert (machine.folder.read(), machine.folder.runtime) == (None, None)


def test_an_interrupted_first_up_may_have_left_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_up(machine, monkeypatch, left=False)
    status = run("status", data_dir=machine.data)
    assert status.stdout == "The cluster c is not there yet: `vibecode up` makes a new one.\n"
    assert run("down", data_dir=machine.data).stdout == "The cluster does not run.\n"
    assert run("down", "--delete-data", "--yes", data_dir=machine.data).returncode == 0
    assert machine.folder.runtime is None


def test_another_cluster_is_not_deleted_for_an_interrupted_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_up(machine, monkeypatch, left=False)
    machine.nodes(running=True, ours=False)
    refused = run("down", "--delete-data", "--yes", data_dir=machine.data)
    assert refused.returncode == 1
    assert "was not made with this data folder, so it is left alone" in refused.stderr
    assert not machine.log.exists()


def test_an_up_that_could_not_begin_changes_nothing(machine: Machine) -> None:
    program(machine.bin, "kind", "echo kind v0.20.0")
    assert run("up", "--runtime", "kubernetes", data_dir=machine.data).returncode == 1
    assert (machine.folder.runtime, machine.folder.read()) == (None, None)


def test_an_interrupted_start_of_the_nodes_is_known(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has_cluster()
    machine.folder.remember_runtime("local")
    machine.nodes(running=False)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(docker, "start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        BringUp(Settings(data_dir=machine.data), cluster=None, progress=Progress(io.StringIO())).run()
    assert machine.folder.runtime == "kubernetes"


def test_an_interrupted_deletion_is_finished_by_another(machine: Machine) -> None:
    machine.has_cluster()
    program(machine.bin, "kind", f'echo "$@" >>{machine.log}; case "$1" in delete) exit 1 ;; *) echo v0.33.0 ;; esac')
    assert run("down", "--delete-data", "--yes", data_dir=machine.data).returncode == 1
    # The node by which the cluster was known has gone already.
    machine.folder.write(replace(machine.folder.read() or State(cluster="", stage="created"), node="another"))
    machine.nodes(running=True, ours=True)
    program(machine.bin, "kind", f'echo "$@" >>{machine.log}; echo v0.33.0')
    again = run("down", "--delete-data", "--yes", data_dir=machine.data)
    assert again.returncode == 0, again.stderr
    assert machine.folder.read() is None
