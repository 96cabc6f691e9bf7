"""Attacks from inside a workspace: on what its network reaches, and on its own container.

Alice attacks, from a shell in her workspace; what is attacked is Bob's, the platform's or the cluster's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.kubernetes.inhabitants import Listener, run_inside
from tests.e2e.kubernetes.network import Network, look
from tests.integration.security.people import Person
from tests.support.cluster import ClusterProduct


@pytest.fixture(scope="module")
def inside(cluster: ClusterProduct, alice: Person) -> dict[str, Any]:
    """What a process in Alice's workspace sees and can do."""
    found: dict[str, Any] = run_inside(cluster, alice.name, "privileges")
    return found


@pytest.fixture(scope="module")
def network(
    cluster: ClusterProduct, alice: Person, bobs: Listener, agent_token: str, inside: dict[str, Any]
) -> Network:
    found = {f"what lies in {place}": token for token, place in inside["tokens"].items()}
    return look(cluster, alice.name, bobs, {"the agent's token": agent_token, **found})


@pytest.mark.parametrize(
    "group",
    [
        "another's pod",
        "another's service",
        "control-plane",
        "operator",
        "edge",
        "API server",
        "nodes",
        "cluster",
        "metadata",
        "private ranges",
        "machine under the cluster",
    ],
)
def test_a_workspace_reaches_nothing_that_is_not_its_own(network: Network, group: str) -> None:
    assert network.loosened[group], "there is nothing to attack"
    assert set(network.loosened[group].values()) == {"open"}, "else it would prove nothing"
    assert [target for target, outcome in network.closed[group].items() if outcome == "open"] == []


@pytest.mark.parametrize("group", ["agent port", "names", "internet"])
def test_a_workspace_reaches_what_it_needs(network: Network, group: str) -> None:
    assert set(network.closed[group].values()) == {"open"}


def test_only_what_has_locks_of_its_own_listens_on_a_workspaces_own_node(network: Network) -> None:
    """Kubernetes lets a pod and its own node talk whatever policies say; the next test has what the node answers."""
    kubelet, proxy_health = 10250, 10256
    ports = {port for (_, _, port), outcome in network.closed["own node"].items() if outcome == "open"}
    assert ports <= {kubelet, proxy_health}
    read_only = 10255
    assert read_only not in {port for _, _, port in network.loosened["own node"] | network.loosened["nodes"]}


def test_cluster_and_nodes_answer_nobody_without_a_credential_and_there_is_none(network: Network) -> None:
    """Even where the network lets it through."""
    assert len(network.answers) >= 12
    assert {name: status for name, (status, _) in network.answers.items() if status not in (401, 403)} == {}


def test_there_is_no_token_but_the_agents_own(inside: dict[str, Any], agent_token: str) -> None:
    assert set(inside["tokens"]) == {agent_token}
    assert "/run/vibecode/" in inside["tokens"][agent_token]


def test_the_environment_names_nothing_of_the_cluster_but_its_api(
    cluster: ClusterProduct, inside: dict[str, Any]
) -> None:
    """The kubelet sets the variables of the API server's own service in every container."""
    address = cluster.get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    services = cluster.get("services", "-A")["items"]
    others = {item["spec"]["clusterIP"] for item in services} - {address, "None"}
    values = " ".join(value for name, value in inside["environment"].items() if not name.startswith("KUBERNETES_"))
    assert [each for each in {address, *others} if each in values] == []
    named = {name for name in inside["environment"] if name.endswith("_SERVICE_HOST")}
    assert named == {"KUBERNETES_SERVICE_HOST"}


def test_every_process_has_no_privileges_and_can_get_none(inside: dict[str, Any]) -> None:
    assert inside["uid"] == [1000, 1000, 1000]
    assert inside["groups"] in ([1000], [])
    assert "1" in inside["statuses"]
    for process in inside["statuses"].values():
        assert process["Uid"].split() == ["1000"] * 4
        assert process["Gid"].split() == ["1000"] * 4
        assert {name: process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == dict.fromkeys(
            ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16
        )
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")


def test_no_other_process_is_seen(inside: dict[str, Any]) -> None:
    names = {process["Name"] for process in inside["statuses"].values()}
    assert inside["statuses"]["1"]["PPid"] == "0"
    assert not names & {"systemd", "init", "kubelet", "containerd", "containerd-shim", "nginx", "pause"}


def test_no_program_makes_root(inside: dict[str, Any]) -> None:
    assert inside["setuid"] == []
    assert inside["programs"] == []


def test_the_kernel_refuses_what_leads_out_of_a_container(inside: dict[str, Any]) -> None:
    refusals = {"EPERM", "EACCES", "EROFS", "ENOSYS", "ENOENT"}
    tried = {**inside["attempts"], **inside["system calls"]}
    assert len(tried) >= 20
    assert {name: outcome for name, outcome in tried.items() if outcome not in refusals} == {}
    # What isn't there at all refuses nothing; kernels can be built without SysRq, and cgroups differ by version.
    assert {tried[name] for name in inside["system calls"]} <= {"EPERM", "ENOSYS"}
    assert {name for name, outcome in tried.items() if outcome == "ENOENT"} <= {
        "a cgroup",
        "a new cgroup",
        "restart the machine",
    }


def test_devices_and_sockets_of_the_node_are_not_there(inside: dict[str, Any]) -> None:
    harmless = {"full", "null", "ptmx", "random", "tty", "urandom", "zero"}
    assert {device.removeprefix("/dev/") for device in inside["devices"]} <= harmless | {"pts/ptmx"}
    assert inside["sockets"] == []


def test_only_its_volumes_can_be_written(inside: dict[str, Any]) -> None:
    own = ("/workspace", "/home/coder", "/tmp", "/dev/shm", "/dev/mqueue")
    elsewhere = [path for path in inside["writable folders"] if not f"{path}/".startswith(tuple(f"{p}/" for p in own))]
    assert elsewhere == []
    assert {"/workspace", "/home/coder", "/tmp"} <= set(inside["writable folders"])
    files = [path for path in inside["writable files"] if not f"{path}/".startswith(tuple(f"{p}/" for p in own))]
    assert set(files) <= {"/dev/termination-log"}
