"""The script and `vibecode provision` refuse the same things, before anything is asked of a cluster."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.chart_values import ROOT
from vibecode.cli.main import main
from vibecode.domain.names import is_valid_name

Tool = Callable[..., "subprocess.CompletedProcess[str]"]


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/provision-workspace.sh."""
    command = [str(ROOT / "scripts/provision-workspace.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `vibecode provision`, in this process since that is quicker."""
    stdout, stderr, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["vibecode", "provision", *arguments]
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(sys.argv, code, stdout.getvalue(), stderr.getvalue())


BOTH = pytest.mark.parametrize("tool", [script, command])


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", os.devnull)


@pytest.fixture
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have only what a shell script needs found, neither kubectl nor helm."""
    for name in ("bash", "env", "dirname", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(tmp_path))


@BOTH
@pytest.mark.parametrize("arguments", [(), ("alice",), ("alice", "a@example.org", "code.example.org", "more")])
def test_wrong_usage_is_told(tool: Tool, arguments: tuple[str, ...]) -> None:
    result = tool(*arguments)
    assert result.returncode == 2
    assert "Usage: " in result.stderr
    assert not result.stdout


@BOTH
def test_help_tells_the_arguments(tool: Tool) -> None:
    result = tool("--help")
    assert result.returncode == 0
    assert "USER_ID EMAIL [DOMAIN]" in result.stdout


@BOTH
@pytest.mark.parametrize("name", ["", "Alice", "a--b", "-a", "a-", "a.b", "a_b", "x" * 41, "é", "a b", "a\nb", "$(id)"])
def test_a_user_id_that_is_none_is_refused(tool: Tool, name: str) -> None:
    assert not is_valid_name(name)
    # What begins with a hyphen would be an option.
    result = tool(*(("--",) if tool is command else ()), name, "a@example.org")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: A user ")
    assert len(result.stderr.splitlines()) == 1


@BOTH
@pytest.mark.parametrize("email", ["", "alice", "@b.org", "alice@", "a b@c.org", "a@b@c", "x" * 250 + "@a.org"])
def test_an_address_that_is_none_is_refused(tool: Tool, email: str) -> None:
    result = tool("alice", email)
    assert (result.returncode, result.stderr) == (1, "Error: EMAIL is an address such as alice@example.org.\n")


@BOTH
@pytest.mark.parametrize("domain", ["Code.example.org", "https://code.example.org", "a..b", "a-.org", "a.org/"])
def test_a_domain_that_is_none_is_refused(tool: Tool, domain: str) -> None:
    result = tool("alice", "alice@example.org", domain)
    assert result.returncode == 1
    assert result.stderr == "Error: DOMAIN is a host name in lower case, such as code.example.org.\n"


@BOTH
def test_a_missing_tool_is_named_with_how_to_get_it(tool: Tool, no_tools: None) -> None:
    result = tool("alice", "alice@example.org")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: kubectl is not installed")
    assert "Install Tools" in result.stderr or "https://" in result.stderr


def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--timeout takes a time" in command("alice", "a@example.org", "--timeout", "soon").stderr
    monkeypatch.setenv("VIBECODE_PROVISION_TIMEOUT", "soon")
    assert "VIBECODE_PROVISION_TIMEOUT takes a time" in script("alice", "a@example.org").stderr
