"""The cluster's description, and what is made of what is there."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.programs import program
from vibecode.cluster import docker, kind
from vibecode.cluster.assets import asset
from vibecode.cluster.docker import Node
from vibecode.cluster.errors import ClusterUnavailable, CommandFailed
from vibecode.cluster.kind import Condition
from vibecode.cluster.ports import HostPorts
from vibecode.cluster.state import ClusterFolder, State
from vibecode.cluster.tools import Tools

MARK = Path("/data/kubernetes/mark")
PORTS = HostPorts(address="127.0.0.2", http=8080, https=8443)


def node(name: str = "c-control-plane", *, running: bool = True, **more: Any) -> Node:
    return Node(name=name, id=more.pop("id", "id"), role=more.pop("role", "control-plane"), running=running, **more)


def test_the_description_is_a_plain_one_for_kind() -> None:
    config = yaml.safe_load(asset(kind.CONFIG).read_text(encoding="utf-8"))
    assert [each["role"] for each in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert [each["labels"] for each in config["nodes"]] == [
        {"ingress-ready": "true"},
        {"tier": "code-server"},
        {"tier": "monitoring"},
    ]
    assert [mapping["hostPort"] for mapping in config["nodes"][0]["extraPortMappings"]] == [80, 443]


def test_name_address_and_ports_are_filled_in() -> None:
    source = asset(kind.CONFIG).read_text(encoding="utf-8")
    filled = json.loads(kind.describe(source, name="mine", ports=PORTS, mark=MARK))
    original = yaml.safe_load(source)
    assert filled["name"] == "mine"
    assert [
        (m["containerPort"], m["hostPort"], m["listenAddress"]) for m in filled["nodes"][0]["extraPortMappings"]
    ] == [
        (80, 8080, "127.0.0.2"),
        (443, 8443, "127.0.0.2"),
    ]
    assert [each["labels"] for each in filled["nodes"]] == [each["labels"] for each in original["nodes"]]
    assert all(each["extraMounts"][0]["hostPath"] == str(MARK) for each in filled["nodes"])


CREATED = State(cluster="c", stage="created", node="id")


@pytest.mark.parametrize(
    ("nodes", "state", "condition"),
    [
        ([], None, Condition.ABSENT),
        ([], CREATED, Condition.ABSENT),
        ([], State(cluster="c", stage="creating"), Condition.ABSENT),
        ([node()], None, Condition.FOREIGN),
        ([node(id="another")], CREATED, Condition.FOREIGN),
        ([node(mounts={str(MARK)})], State(cluster="c", stage="creating"), Condition.HALF_MADE),
        # Somebody made one of that name after making ours had failed.
        ([node()], State(cluster="c", stage="creating"), Condition.FOREIGN),
        ([node(mounts={"/elsewhere/mark"})], State(cluster="c", stage="creating"), Condition.FOREIGN),
        ([node(), node("c-worker", running=False)], CREATED, Condition.STOPPED),
        ([node(), node("c-worker")], CREATED, Condition.RUNNING),
    ],
)
def test_what_there_is_of_a_cluster(nodes: list[Node], state: State | None, condition: Condition) -> None:
    assert kind.condition(nodes, state, mark=MARK) is condition


@pytest.mark.parametrize("name", ["vibecode-cluster", "a", "x1"])
def test_names_that_nodes_can_have(name: str) -> None:
    assert kind.check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a b", "a" * 41, "--name"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ClusterUnavailable, match="--name takes"):
        kind.check_name(name)


def test_ports_are_read_back_from_the_control_plane() -> None:
    first = node(ports={80: ("127.0.0.1", 8081), 443: ("127.0.0.1", 8444), 6443: ("127.0.0.1", 40000)})
    assert kind.ports_of([first]) == HostPorts(address="127.0.0.1", http=8081, https=8444)
    with pytest.raises(ClusterUnavailable, match="--delete-data"):
        kind.ports_of([node()])


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    folder = ClusterFolder(tmp_path / "data")
    folder.prepare()
    return folder


def tools(tmp_path: Path, script: str) -> Tools:
    path = str(program(tmp_path, "kind", script))
    return Tools(docker="docker", kind=path, kubectl="kubectl", helm="helm", versions=())


def test_kind_is_given_what_it_needs(tmp_path: Path, folder: ClusterFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kind.NODE_IMAGE_VARIABLE, "kindest/node:v9")
    script = f'echo "$@" >{tmp_path}/given; cat >{tmp_path}/config; : >{folder.kubeconfig}'
    script += '; echo " • Preparing nodes 📦 ..." >&2; echo "Thanks for using kind!" >&2'
    told: list[str] = []
    kind.create(tools(tmp_path, script), folder, "mine", PORTS, told.append)
    assert "create cluster --name mine --config -" in (tmp_path / "given").read_text()
    assert "--image kindest/node:v9" in (tmp_path / "given").read_text()
    assert json.loads((tmp_path / "config").read_text())["name"] == "mine"
    assert told == ["Preparing nodes"]
    assert folder.kubeconfig.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("Bind for 127.0.0.1:80 failed: port is already allocated", kind.PortTaken, "port"),
        ("listen tcp4 127.0.0.1:443: bind: address already in use", kind.PortTaken, "port"),
        ("ERROR: failed to pull image kindest/node:v1", ClusterUnavailable, "node image"),
        ("no space left on device", CommandFailed, "disk is full"),
        ("too many open files", CommandFailed, "max_user_instances"),
        ("ERROR: something else", CommandFailed, "something else"),
    ],
)
def test_why_a_cluster_could_not_be_made(
    tmp_path: Path, folder: ClusterFolder, said: str, error: type[ClusterUnavailable], words: str
) -> None:
    with pytest.raises(error, match=words):
        kind.create(
            tools(tmp_path, f"cat >/dev/null; echo '{said}' >&2; exit 1"), folder, "mine", PORTS, lambda _: None
        )


def test_containers_are_read_as_docker_describes_them(tmp_path: Path) -> None:
    described = [
        {
            "Name": "/c-worker",
            "Id": "2",
            "Config": {"Labels": {"io.x-k8s.kind.role": "worker"}},
            "State": {"Running": False},
            "HostConfig": {"PortBindings": None},
        },
        {
            "Name": "/c-control-plane",
            "Id": "1",
            "Config": {"Labels": {"io.x-k8s.kind.role": "control-plane"}},
            "State": {"Running": True},
            "HostConfig": {
                "PortBindings": {
                    "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
                    "443/tcp": [{"HostIp": "", "HostPort": "8443"}],
                }
            },
        },
    ]
    (tmp_path / "described").write_text(json.dumps(described))
    script = f'case "$1" in ps) echo 1; echo 2 ;; inspect) cat {tmp_path}/described ;; esac'
    found = docker.nodes(str(program(tmp_path, "docker", script)), "c")
    assert [(each.name, each.running, dict(each.ports)) for each in found] == [
        ("c-control-plane", True, {80: ("127.0.0.1", 8080), 443: ("", 8443)}),
        ("c-worker", False, {}),
    ]
    assert docker.nodes(str(program(tmp_path, "docker", ":")), "c") == []


def test_a_port_taken_while_the_cluster_was_stopped_is_named(tmp_path: Path) -> None:
    script = "echo 'failed: port is already allocated' >&2; exit 1"
    with socket.socket() as free, socket.socket() as taken:
        for each in (free, taken):
            each.bind(("127.0.0.1", 0))
        taken.listen()
        lost, kept = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        stopped = node(running=False, ports={80: ("", lost), 443: ("127.0.0.1", kept), 6443: ("127.0.0.1", 41000)})
        with pytest.raises(ClusterUnavailable, match=rf"Another program took port {lost} of this machine"):
            docker.start(str(program(tmp_path, "docker", script)), [stopped])
