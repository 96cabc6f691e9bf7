"""The first process of a container, from start to end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.unit.agent.conftest import Agent, ControlPlane, until

LIMIT = 30


def test_the_editor_is_started_on_the_workspace_s_folder(agent: Agent) -> None:
    agent.start(VIBECODE_SOURCE="", SOMETHING="of the pod", VSCODE_PROXY_URI="http://{{port}}--alice.example.org/")
    started = agent.started()
    assert started["cwd"] == str(agent.folder)
    assert started["argv"][-1] == str(agent.folder)
    assert f"0.0.0.0:{agent.editor_port}" in started["argv"]
    assert "--disable-proxy" in started["argv"]
    assert started["env"]["SOMETHING"] == "of the pod"
    assert started["env"]["VSCODE_PROXY_URI"] == "http://{{port}}--alice.example.org/"
    assert started["env"]["VIBECODE_WORKSPACE_ID"] == "0000-1111"


def test_what_the_source_says_is_not_passed_on_to_terminals(agent: Agent) -> None:
    (agent.folder / "kept").write_text("mine")
    source = json.dumps({"git": {"url": "https://me:secret@example.org/x.git"}})
    agent.start(VIBECODE_SOURCE=source, VIBECODE_EXTENSIONS="[]")
    environment = agent.started()["env"]
    assert "secret" not in json.dumps(environment)
    assert (agent.folder / "kept").read_text() == "mine"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, 137), (signal.SIGTERM, 143)])
def test_it_ends_as_the_editor_does(agent: Agent, number: signal.Signals, code: int) -> None:
    process = agent.start()
    agent.started()
    os.kill(agent.editor_pid(), number)
    assert process.wait(LIMIT) == code
    assert agent.message.read_text() == f"The editor ended by itself (signal {number.name}).\n"


def test_being_asked_to_stop_ends_everything_and_is_no_failure_of_the_editor(agent: Agent) -> None:
    process = agent.start()
    agent.started()
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 143
    assert not agent.message.exists()


def test_an_editor_that_stops_in_peace_leaves_the_kubelet_its_reason(agent: Agent, tmp_path: Path) -> None:
    # As code-server does. The kubelet would forget why it ended the pod if its container had succeeded.
    node = tmp_path / "editors/4.0.1/bin/node"
    quits = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(0))\nhost, _, port = sys.argv"
    node.write_text(node.read_text().replace("host, _, port = sys.argv", quits))
    process = agent.start()
    agent.started()
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 143
    assert not agent.message.exists()


def test_programs_that_ignore_the_request_are_killed_within_ten_seconds(agent: Agent, tmp_path: Path) -> None:
    stubborn = tmp_path / "editors/4.0.1/bin/node"
    pids = tmp_path / "pid"
    script = stubborn.read_text().replace(
        "host, _, port = sys.argv",
        "import signal, subprocess\n"
        "child = subprocess.Popen(['sh', '-c', 'trap : TERM HUP; while :; do sleep 1; done'], start_new_session=True)\n"
        f"Path({str(pids)!r}).write_text(str(child.pid))\n"
        "for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "host, _, port = sys.argv",
    )
    stubborn.write_text(script)
    process = agent.start()
    agent.started()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 137
    assert not _runs(int(pids.read_text()))


def test_a_template_makes_the_files_once(agent: Agent) -> None:
    source = json.dumps({"template": {"name": "web", "parameters": {}}})
    agent.start(VIBECODE_SOURCE=source)
    agent.started()
    assert (agent.folder / "serve.py").is_file()
    assert not (agent.folder / ".vibecode-new").exists()
    agent.close()
    (agent.folder / "serve.py").unlink()
    agent.start(VIBECODE_SOURCE=source)
    agent.started()
    assert not (agent.folder / "serve.py").exists()


def test_a_new_volume_counts_as_empty(agent: Agent) -> None:
    for folder in (agent.folder, agent.home):
        (folder / "lost+found").mkdir(mode=0o700)
    agent.start(VIBECODE_SOURCE=json.dumps({"template": {"name": "web"}}))
    agent.started()
    assert (agent.folder / "serve.py").is_file()
    assert (agent.folder / "lost+found").is_dir()
    if Path("/etc/skel/.bashrc").exists():
        assert (agent.home / ".bashrc").is_file()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"git": {"url": "http://127.0.0.1:1/x.git"}}, "can't be reached from this machine"),
        ({"git": {"url": "ext::sh -c true"}}, "The Git URL"),
        ({"template": {"name": "nope"}}, "There is no template nope"),
    ],
)
def test_a_source_that_can_t_be_used_ends_it_with_the_reason(
    agent: Agent, source: dict[str, object], sentence: str
) -> None:
    process = agent.start(VIBECODE_SOURCE=json.dumps(source))
    assert process.wait(LIMIT) == 65
    assert sentence in agent.message.read_text()
    assert f"Error: {agent.message.read_text()}" in agent.log.read_text()
    # Nothing is left that would pass for files.
    assert list(agent.folder.iterdir()) == []


def test_a_volume_that_can_t_be_written_is_named(agent: Agent) -> None:
    agent.home.rmdir()
    agent.home.write_text("no folder")
    process = agent.start()
    assert process.wait(LIMIT) == 65
    assert "must be writable for user" in agent.message.read_text()


def test_a_configuration_that_makes_no_sense_is_refused(agent: Agent) -> None:
    process = agent.start(VIBECODE_SOURCE="{")
    assert process.wait(LIMIT) == 65
    assert "VIBECODE_SOURCE is not JSON" in agent.log.read_text()


def test_stopping_ends_a_clone_too(agent: Agent, tmp_path: Path) -> None:
    # A server that takes the connection and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(LIMIT)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        process = agent.start(VIBECODE_SOURCE=json.dumps({"git": {"url": url}}))
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 143
    assert not (agent.folder / ".git").exists()


def test_the_control_plane_is_told_and_learns_of_a_port_soon(agent: Agent, control_plane: ControlPlane) -> None:
    agent.agent_file.write_text(json.dumps({"url": control_plane.url, "token": "vcw_1"}))
    agent.start()
    agent.started()
    token, report = until(lambda: control_plane.reports and control_plane.reports[0])
    assert "Ready after" in agent.log.read_text()
    assert token == "Bearer vcw_1"
    assert report["editorVersion"] == "4.0.1"
    assert report["memory"] > 0
    assert report["busyCommand"] is None
    assert {"sampledAt", "cpu", "storage", "ports"} <= report.keys()


def test_another_token_is_used_at_once_and_refusals_disturb_nobody(agent: Agent, control_plane: ControlPlane) -> None:
    control_plane.status = 503
    agent.agent_file.write_text(json.dumps({"url": control_plane.url, "token": "old"}))
    process = agent.start()
    agent.started()
    until(lambda: control_plane.reports)
    until(lambda: "The control plane can't be told" in agent.log.read_text())
    agent.agent_file.write_text(json.dumps({"url": control_plane.url, "token": "new"}))
    until(lambda: control_plane.reports[-1][0] == "Bearer new")
    assert process.poll() is None


def test_it_comes_again_when_it_is_told_to(agent: Agent, control_plane: ControlPlane) -> None:
    control_plane.status = 429
    agent.agent_file.write_text(json.dumps({"url": control_plane.url, "token": "t"}))
    agent.start()
    agent.started()
    until(lambda: len(control_plane.reports) >= 2)
    assert "can't be told" not in agent.log.read_text()


def test_without_a_control_plane_the_editor_runs(agent: Agent) -> None:
    process = agent.start()
    agent.started()
    until(lambda: "the editor goes on" in agent.log.read_text())
    assert process.poll() is None


def test_it_is_small(agent: Agent, control_plane: ControlPlane) -> None:
    agent.agent_file.write_text(json.dumps({"url": control_plane.url, "token": "t"}))
    process = agent.start()
    agent.started()
    until(lambda: control_plane.reports)
    status = Path(f"/proc/{process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 40_000


def _runs(pid: int) -> bool:
    result = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(result.stdout.strip()) and not result.stdout.startswith("Z")
