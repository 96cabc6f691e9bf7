"""The command line without a server: help, usage, and sentences for what is missing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scripts import docs
from vibecode import __version__
from vibecode.cli import doctor
from vibecode.cli.durations import parse_duration
from vibecode.cli.main import app
from vibecode.runtimes.local.layout import DataFolder


def run(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    environment = {**os.environ, "VIBECODE_DATA_DIR": str(data_dir), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-P", "-c", "from vibecode.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_help_shows_the_commands_and_where_to_start(tmp_path: Path) -> None:
    result = run("--help", data_dir=tmp_path)
    assert result.returncode == 0
    for command in ("up", "down", "status", "doctor", "workspace", "user", "session", "editor", "login-link"):
        assert command in result.stdout
    assert "vibecode up" in result.stdout


def test_version(tmp_path: Path) -> None:
    assert run("--version", data_dir=tmp_path).stdout.strip() == f"vibecode {__version__}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("workspace", "create"),
        ("workspace", "create", "x", "--git", "u", "--template", "t"),
        ("workspace", "create", "x", "--branch", "main"),
        ("workspace", "create", "x", "--param", "a=b"),
        ("workspace", "create", "x", "--template", "t", "--param", "nothing"),
        ("workspace", "create", "x", "--idle-timeout", "soon"),
        ("workspace", "update", "x"),
        ("workspace", "update", "x", "--idle-timeout", "soon"),
        ("nothing",),
        ("up", "--port", "many"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, data_dir=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ("workspace", "list"),
        ("workspace", "create", "alice"),
        ("workspace", "delete", "alice", "--yes"),
        ("user", "list"),
        ("session", "list"),
        ("template", "list"),
        ("login-link",),
    ],
)
def test_without_a_server_one_line_says_how_to_start_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, data_dir=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "Error: No server is running on this machine: start it with `vibecode up`.\n"
    assert result.stdout == ""


def test_status_and_down_without_a_server(tmp_path: Path) -> None:
    status = run("status", "--json", data_dir=tmp_path)
    assert status.returncode == 1
    assert json.loads(status.stdout) == {"running": False, "dataDir": str(tmp_path)}
    down = run("down", data_dir=tmp_path)
    assert down.returncode == 0
    assert down.stdout == "No server is running.\n"


def leave_server_file(data_dir: Path) -> None:
    """Leave what a running server of this process would."""
    run_folder = data_dir / "run"
    left = {
        "pid": os.getpid(),
        "url": "http://vibecode.localhost:1",
        "domain": "vibecode.localhost",
        "socket": str(run_folder / "api.sock"),
        "token_file": str(run_folder / "cli.token"),
        "version": "0",
    }
    (run_folder / "server.json").write_text(json.dumps(left))
    (run_folder / "cli.token").write_text("x")


def test_a_server_file_that_was_left_behind_fools_nobody(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    leave_server_file(tmp_path)
    assert run("status", data_dir=tmp_path).returncode == 1
    assert run("down", data_dir=tmp_path).stdout == "No server is running.\n"


@pytest.mark.parametrize("hangs", [False, True], ids=["nothing listens", "it hangs up"])
def test_a_server_that_does_not_answer_is_not_said_to_be_gone(tmp_path: Path, hangs: bool) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    folder.lock(url="http://vibecode.localhost:1")
    leave_server_file(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        if hangs:
            listener.bind(str(tmp_path / "run" / "api.sock"))
            listener.listen()
            threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        status = run("status", data_dir=tmp_path)
        as_json = run("status", "--json", data_dir=tmp_path)
        others = [run(*command, data_dir=tmp_path) for command in (("up",), ("down",), ("workspace", "list"))]
    folder.release()
    words = f"The server (pid {os.getpid()}) does not answer"
    assert status.returncode == 1
    assert status.stdout.startswith(words)
    assert json.loads(as_json.stdout)["running"] is True
    for result in others:
        assert result.returncode == 1
        assert result.stderr.startswith(f"Error: {words}")


def hang_up(listener: socket.socket) -> None:
    """Take each connection and end it without an answer, as a server without free descriptors does."""
    with contextlib.suppress(OSError):
        while True:
            listener.accept()[0].close()


def test_a_wrong_setting_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBECODE_PORT", "99999")
    result = run("up", data_dir=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "Error: VIBECODE_PORT takes a whole number from 0 to 65535.\n"


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    result = run("doctor", "--json", data_dir=tmp_path)
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert checks["data folder"]["ok"]
    assert not checks["editor"]["ok"]
    assert "vibecode editor install" in checks["editor"]["detail"]
    assert result.returncode == 1


def test_doctor_looks_at_the_address_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBECODE_HOST", "192.0.2.1")
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json", data_dir=tmp_path).stdout)}
    assert not checks["server"]["ok"]
    assert "192.0.2.1" in checks["server"]["detail"]


def test_doctor_says_how_to_raise_low_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hard, ok in ((1024, False), (4096, True), (resource.RLIM_INFINITY, True)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (256, hard))
        assert [check.ok for check in doctor._open_files()] == [ok]
    file = tmp_path / "max_user_watches"
    for content, ok in (("8192\n", False), ("65536\n", True)):
        file.write_text(content)
        (check,) = doctor._watches(file)
        assert check.ok is ok
        assert ("sysctl" in check.detail) is not ok
    assert list(doctor._watches(tmp_path / "of another system")) == []


@pytest.mark.parametrize("name", [name for name, command in docs.commands() if not hasattr(command, "commands")])
def test_help_names_things_plainly(name: str, tmp_path: Path) -> None:
    text = CliRunner().invoke(app, [*name.split()[1:], "--help"]).output
    assert text.startswith(f"Usage: {name} [OPTIONS]")
    assert not re.search(r"[{}<>]|\[[a-z]+\]", text.replace("[required]", "")), text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1/"])
def test_a_server_elsewhere_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("VIBECODE_URL", url)
    monkeypatch.setenv("VIBECODE_TOKEN", "t")
    result = run("workspace", "list", data_dir=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        f"Error: {url}, which VIBECODE_URL names, can't be reached (Connection refused): "
        "check the address and the network.\n"
    )


@pytest.mark.parametrize("url", ["http://code.example.org", "http://10.0.0.1:8000/", "http://localhost.example.org"])
def test_a_token_is_not_sent_in_clear_to_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("VIBECODE_URL", url)
    monkeypatch.setenv("VIBECODE_TOKEN", "secret")
    result = run("workspace", "list", data_dir=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        "Error: VIBECODE_URL would send VIBECODE_TOKEN unencrypted through the network: use an address with https://.\n"
    )


@pytest.mark.parametrize("url", ["http://[::1]:1", "http://VibeCode.localhost:1"])
def test_this_machine_is_reached_without_encryption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VIBECODE_URL", url)
    monkeypatch.setenv("VIBECODE_TOKEN", "t")
    assert "can't be reached" in run("workspace", "list", data_dir=tmp_path).stderr


@pytest.mark.parametrize("url", ["code.example.org", "http://", "http://x:port", "http://[::1"])
def test_an_address_that_is_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VIBECODE_URL", url)
    monkeypatch.setenv("VIBECODE_TOKEN", "t")
    result = run("workspace", "list", data_dir=tmp_path)
    assert result.stderr.startswith("Error: VIBECODE_URL is an address such as")
    assert result.stderr.count("\n") == 1


def test_down_says_that_a_server_hangs(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    folder.lock(url="http://vibecode.localhost:8000")
    result = run("down", data_dir=tmp_path)
    folder.release()
    assert result.returncode == 1
    assert "does not answer" in result.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("2h", 7200), ("1d", 86400), ("30", 1800), ("off", None)]
)
def test_durations(text: str, seconds: int | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-5m", "1.5h", "5 m", "٣m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)
