"""The command line and the two runtimes: which is meant, and what is said of a cluster. Stand-ins play the tools."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.programs import program
from tests.unit.cli.machine import Machine, choose
from tests.unit.cli.test_cli import run
from vibecode.cli import doctor
from vibecode.cli.runtime import Runtime


def test_up_takes_kubernetes_where_the_tools_are_there(machine: Machine) -> None:
    assert choose(machine) == (
        "kubernetes",
        "Runtime: kubernetes, because Docker answers, and kind, kubectl and helm are there.",
    )


def test_up_takes_local_where_one_is_missing_and_names_it(machine: Machine) -> None:
    program(machine.bin, "kind", "echo kind v0.20.0")
    chosen, line = choose(machine)
    assert chosen == "local"
    assert "kind 0.20.0" in line
    program(machine.bin, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    program(machine.bin, "kind", "echo kind v0.33.0")
    assert (
        choose(machine)[1]
        == "Runtime: local, because for kubernetes something is missing: Docker's daemon doesn't answer."
    )


def test_up_does_not_leave_workspaces_of_this_machine_behind(machine: Machine) -> None:
    (machine.data / "workspaces/w-1").mkdir(parents=True)
    chosen, line = choose(machine)
    assert chosen == "local"
    assert "1 workspace is of" in line
    assert choose(machine, Runtime.KUBERNETES)[0] == "kubernetes"


def test_up_keeps_to_what_was_used_before(machine: Machine) -> None:
    machine.folder.remember_runtime("local")
    assert choose(machine)[0] == "local"
    machine.has_cluster()
    program(machine.bin, "docker", "exit 1")
    assert choose(machine)[0] == "kubernetes"


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--runtime", "kubernetes", "--port", "8000"),
        ("up", "--runtime", "kubernetes", "--foreground"),
        ("up", "--name", "c", "--port", "8000"),
        ("up", "--runtime", "local", "--name", "c"),
        ("up", "--runtime", "docker"),
    ],
)
def test_options_of_the_other_runtime_are_wrong_usage(machine: Machine, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, data_dir=machine.data)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_local_is_refused_while_the_cluster_runs(machine: Machine) -> None:
    machine.has_cluster()
    result = run("up", "--runtime", "local", data_dir=machine.data)
    assert result.returncode == 1
    assert result.stderr == (
        "Error: The kubernetes runtime is in use with this data folder: stop it first (`vibecode down`).\n"
    )


def test_a_cluster_of_somebody_else_is_left_alone(machine: Machine) -> None:
    result = run("up", "--name", "c", data_dir=machine.data)
    assert result.returncode == 1
    error = result.stderr.splitlines()[-1]
    assert error.startswith("Error: There is a cluster c already, which was not made with this data folder")
    assert not machine.log.exists() or "delete" not in machine.log.read_text()


def test_down_stops_the_nodes_and_keeps_them(machine: Machine) -> None:
    machine.has_cluster()
    result = run("down", data_dir=machine.data)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "The cluster c has stopped; all data is kept. `vibecode up` starts it again.\n"
    assert "Workspaces were not asked to stop" in result.stderr
    assert machine.log.read_text().startswith("docker stop")
    machine.nodes(running=False)
    assert run("down", data_dir=machine.data).stdout == "The cluster does not run.\n"


def test_deleting_data_needs_a_word_and_says_what_was_kept(machine: Machine) -> None:
    refused = run("down", "--delete-data", data_dir=machine.data)
    assert refused.returncode == 1
    assert "--delete-data is for the cluster" in refused.stderr
    machine.has_cluster()
    machine.folder.write_private(machine.folder.ca_key, "key")
    assert run("down", "--delete-data", data_dir=machine.data).returncode == 2
    assert not machine.log.exists()
    done = run("down", "--delete-data", "--yes", data_dir=machine.data)
    assert done.returncode == 0, done.stderr
    assert "The cluster c is deleted" in done.stdout
    assert "Kept:" in done.stdout
    assert "delete cluster --name c" in machine.log.read_text()
    assert machine.folder.read() is None
    assert machine.folder.runtime is None
    assert machine.folder.ca_key.read_text() == "key"


def test_status_tells_of_a_cluster_that_is_stopped_or_gone(machine: Machine) -> None:
    machine.has_cluster()
    machine.nodes(running=False)
    stopped = run("status", data_dir=machine.data)
    assert (stopped.returncode, stopped.stdout) == (1, "The cluster c is stopped: start it with `vibecode up`.\n")
    machine.nodes(running=None)
    assert run("status", data_dir=machine.data).stdout == "The cluster c is gone: `vibecode up` makes a new one.\n"
    program(machine.bin, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    silent = run("status", "--json", data_dir=machine.data)
    assert silent.returncode == 1
    assert json.loads(silent.stdout)["running"] is False
    assert "start Docker" in json.loads(silent.stdout)["problem"]


def test_status_names_what_is_not_ready(machine: Machine) -> None:
    machine.has_cluster()
    node = {
        "metadata": {"name": "c-control-plane"},
        "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no network yet"}]},
    }
    operator = {
        "kind": "Deployment",
        "metadata": {"name": "operator", "generation": 1},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1},
    }
    machine.kubectl({"get nodes": json.dumps({"items": [node]}), "get deployments": json.dumps({"items": [operator]})})
    result = run("status", data_dir=machine.data)
    assert result.returncode == 1
    assert "Node:        c-control-plane not ready: no network yet\n" in result.stdout
    assert "Component:   operator 1 of 2 ready\n" in result.stdout
    assert "Problem:     The platform is not installed yet" in result.stdout


def test_doctor_wants_the_tools_only_where_they_are_used(machine: Machine) -> None:
    program(machine.bin, "kind", "echo kind v0.20.0")
    checks = {
        check.name: check for check in doctor.run_checks(machine.data, host="127.0.0.1", port=0, domain="localhost")
    }
    assert (checks["kind"].ok, checks["kind"].needed) == (False, False)
    assert "Only `--runtime kubernetes` needs it." in checks["kind"].detail
    assert checks["docker"].ok
    assert checks["editor"].needed
    machine.has_cluster()
    checks = {
        check.name: check for check in doctor.run_checks(machine.data, host="127.0.0.1", port=0, domain="localhost")
    }
    assert checks["kind"].needed
    assert not checks["editor"].needed
    assert run("doctor", data_dir=machine.data).returncode == 1


class _Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "Bearer new"
        content = b'{"items": [], "nextCursor": null}' if known else b"{}"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def leave_access(machine: Machine, port: int) -> None:
    machine.has_cluster()
    left = {
        "url": f"http://code.invalid:{port}",
        "address": "127.0.0.1",
        "token_file": str(machine.folder.token),
        "ca_file": "",
        "cluster": "c",
    }
    machine.folder.write_private(machine.folder.access, json.dumps(left))
    machine.folder.write_private(machine.folder.token, "old")


def test_commands_reach_the_cluster_and_renew_a_token_of_an_earlier_start(machine: Machine, api: int) -> None:
    leave_access(machine, api)
    machine.kubectl({"exec --namespace vibecode-platform": "new"})
    result = run("workspace", "list", data_dir=machine.data)
    assert result.returncode == 0, result.stderr
    assert machine.folder.token.read_text() == "new"
    assert machine.folder.token.stat().st_mode & 0o777 == 0o600


def test_a_token_that_is_refused_even_so_is_one_line(machine: Machine, api: int) -> None:
    leave_access(machine, api)
    machine.kubectl({"exec --namespace vibecode-platform": "wrong"})
    result = run("workspace", "list", data_dir=machine.data)
    assert result.returncode == 1
    assert result.stderr == "Error: The server answered with status 401.\n"


def test_a_cluster_that_does_not_answer_is_named(machine: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        leave_access(machine, port)
        result = run("workspace", "list", data_dir=machine.data)
    assert result.returncode == 1
    assert result.stderr == (
        f"Error: The cluster c does not answer at http://code.invalid:{port} (Connection refused): `vibecode up` "
        "starts it if it is stopped, and `vibecode status` tells more.\n"
    )
