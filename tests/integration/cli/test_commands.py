"""The command line against a server that it started itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import editors_folder, wait_until


class Cli:
    """The command line with a data folder of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def __call__(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-P", "-c", "from vibecode.cli.main import main; main()", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "VIBECODE_DATA_DIR": str(self.data_dir)},
            timeout=120,
        )
        assert result.returncode == code, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return result

    @property
    def pid(self) -> int:
        """The server's pid."""
        pid: int = json.loads(self("status", "--json").stdout)["pid"]
        return pid


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    data_dir = tmp_path_factory.mktemp("cli") / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "editors").symlink_to(editors_folder())
    cli = Cli(data_dir)
    up = cli("up", "--port", "0")
    assert up.stdout.startswith("http://vibecode.localhost:")
    assert "/sign-in#" in up.stdout
    yield cli
    cli("up", "--port", "0")
    for workspace in json.loads(cli("workspace", "list", "--json").stdout):
        cli("workspace", "delete", workspace["name"], "--purge", "--yes")
    cli("down")


def test_a_workspace_by_commands_alone(cli: Cli) -> None:
    assert "No workspaces yet" in cli("workspace", "list").stdout
    created = cli("workspace", "create", "shop", "--template", "web", "--param", "title=Shop", "--idle-timeout", "2h")
    assert created.stdout.startswith("http://shop.vibecode.localhost:")
    assert "Starting" in created.stderr
    shown = json.loads(cli("workspace", "show", "shop", "--json").stdout)
    assert shown["status"] == "running"
    assert shown["idleTimeout"] == 7200
    assert shown["source"]["parameters"] == {"title": "Shop"}
    assert "Address:" in cli("workspace", "show", "shop").stdout
    assert (
        cli("workspace", "update", "shop", "--idle-timeout", "90s").stdout == "Idle stop of shop: after 1 min 30 s.\n"
    )
    updated = json.loads(cli("workspace", "update", "shop", "--idle-timeout", "off", "--json").stdout)
    assert updated["idleTimeout"] is None
    assert "An idle timeout is" in cli("workspace", "update", "shop", "--idle-timeout", "5s", code=1).stderr
    listing = cli("workspace", "list").stdout.splitlines()
    assert listing[0].split()[:3] == ["NAME", "OWNER", "STATUS"]
    assert listing[1].startswith("shop ")
    assert "listening" in cli("workspace", "logs", "shop").stdout
    assert cli("workspace", "open", "shop", "--no-browser").stdout == created.stdout
    assert cli("workspace", "stop", "shop").stdout == "shop is stopped.\n"
    assert json.loads(cli("workspace", "start", "shop", "--json").stdout)["status"] == "running"
    cli("workspace", "restart", "shop")
    assert "kept" in cli("workspace", "delete", "shop", "--yes").stdout
    cli("workspace", "create", "shop")
    assert "gone" in cli("workspace", "delete", "shop", "--purge", "--yes").stdout


def test_a_clone_that_fails_says_why_and_leaves_a_way_on(cli: Cli) -> None:
    result = cli("workspace", "create", "clone", "--git", "http://127.0.0.1:1/none.git", code=1)
    assert "Error:" in result.stderr
    assert "127.0.0.1" in result.stderr
    assert json.loads(cli("workspace", "show", "clone", "--json").stdout)["status"] == "failed"
    cli("workspace", "delete", "clone", "--purge", "--yes")


def test_kept_files_are_listed_and_deleted(cli: Cli) -> None:
    assert cli("workspace", "list", "--kept").stdout == "No files of deleted workspaces are kept.\n"
    cli("workspace", "create", "old")
    cli("workspace", "delete", "old", "--yes")
    assert cli("workspace", "list", "--kept").stdout.splitlines()[1].startswith("old ")
    again = cli("workspace", "delete", "old", "--yes", code=1)
    assert again.stderr == "Error: old is deleted already, and its files are kept: --purge deletes those.\n"
    assert cli("workspace", "delete", "old", "--purge", "--yes").stdout == "Deleted the files that were kept of old.\n"
    assert json.loads(cli("workspace", "list", "--kept", "--json").stdout) == []
    cli("workspace", "delete", "old", "--purge", "--yes", code=1)


def test_nothing_is_said_to_be_kept_of_what_was_never_made(cli: Cli) -> None:
    cli("workspace", "create", "never", "--git", "http://127.0.0.1:1/none.git", code=1)
    assert "none are kept" in cli("workspace", "delete", "never", "--yes").stdout


def test_deleting_without_a_terminal_needs_a_word(cli: Cli) -> None:
    cli("workspace", "create", "careful", "--no-wait")
    cli("workspace", "delete", "careful", code=2)
    cli("workspace", "delete", "careful", "--purge", "--yes")
    missing = cli("workspace", "delete", "careful", "--yes", code=1)
    assert missing.stderr == "Error: There is no workspace careful: `vibecode workspace list` shows yours.\n"


def test_users_and_sessions(cli: Cli) -> None:
    added = cli("user", "add", "bob", "--email", "bob@example.org")
    assert "/sign-in#" in added.stdout
    assert "bob@example.org" in cli("user", "list").stdout
    assert "/sign-in#" in cli("login-link", "--user", "bob").stdout
    cli("user", "remove", "bob")
    assert "bob" not in cli("user", "list").stdout
    sessions = json.loads(cli("session", "list", "--json").stdout)
    assert [session["current"] for session in sessions] == [True]
    assert cli("session", "revoke", "s-none", code=1).stderr.startswith("Error: There is no session s-none")


def test_up_again_prints_another_link(cli: Cli) -> None:
    pid = cli.pid
    first, second = (cli("up").stdout for _ in range(2))
    assert first != second
    assert cli.pid == pid


def test_a_killed_server_is_started_again_and_finds_its_workspaces(cli: Cli) -> None:
    cli("workspace", "create", "survivor")
    pid = cli.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the server is gone")
    cli("status", code=1)
    cli("up", "--port", "0")
    wait_until(lambda: _status(cli, "survivor") == "running", "it is found running")
    cli("workspace", "delete", "survivor", "--purge", "--yes")


def test_down_stops_what_a_killed_server_left(cli: Cli) -> None:
    cli("workspace", "create", "left")
    pid = cli.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the server is gone")
    assert "1 workspace goes on" in cli("down", "--keep-workspaces").stdout
    down = cli("down")
    assert "Stopping workspace left" in down.stderr
    assert "1 workspace of an earlier one stopped" in down.stdout
    assert cli("down").stdout == "No server is running.\n"
    cli("up", "--port", "0")
    shown = json.loads(cli("workspace", "show", "left", "--json").stdout)
    assert (shown["status"], shown["reason"]) == ("stopped", "Stopped by `vibecode down`.")
    cli("workspace", "delete", "left", "--purge", "--yes")


def _status(cli: Cli, name: str) -> str:
    return str(json.loads(cli("workspace", "show", name, "--json").stdout)["status"])


def test_down_keeps_workspaces_when_asked(cli: Cli) -> None:
    cli("workspace", "create", "stays")
    assert "1 workspace goes on" in cli("down", "--keep-workspaces").stdout
    cli("up", "--port", "0")
    wait_until(lambda: _status(cli, "stays") == "running", "it is found running")
    assert "Stopping workspace stays" in cli("down").stderr
    cli("up", "--port", "0")
    assert _status(cli, "stays") == "stopped"


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "editors").symlink_to(editors_folder())
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = Cli(data_dir)("up", "--port", str(port), code=1)
    error = result.stderr.splitlines()[-1]
    assert error.startswith(f"Error: Port {port}")
    assert "--port" in error


def test_a_second_server_on_the_folder_is_refused(cli: Cli) -> None:
    result = subprocess.run(
        [sys.executable, "-P", "-m", "vibecode.server"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "VIBECODE_DATA_DIR": str(cli.data_dir), "VIBECODE_PORT": "0"},
        timeout=60,
    )
    assert result.returncode == 1
    assert "in use by another server" in result.stderr
    assert "Traceback" not in result.stderr
    cli("status")


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
