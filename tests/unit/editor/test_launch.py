from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from vibecode.editor.launch import command, environment
from vibecode.editor.model import Editor

EDITOR = Editor.at(Path("/data/editors/4.1.0"), "4.1.0")
HOME = Path("/data/workspaces/w1/home")


def test_the_command_listens_on_the_socket_alone() -> None:
    argv = command(EDITOR, socket=Path("/run/w1/editor.sock"), home=HOME, folder=Path("/data/workspaces/w1/files"))
    assert argv[:2] == [str(EDITOR.node), str(EDITOR.entry)]
    assert argv[-1] == "/data/workspaces/w1/files"
    options = dict(itertools.pairwise(argv))
    assert options["--socket"] == "/run/w1/editor.sock"
    assert options["--socket-mode"] == "600"
    assert options["--auth"] == "none"
    assert options["--session-socket"] == "/run/w1/session.sock", "the default is too long for a socket"
    assert options["--user-data-dir"] == f"{HOME}/.local/share/code-server"
    assert options["--extensions-dir"] == f"{HOME}/.local/share/code-server/extensions"
    assert "--bind-addr" not in argv
    assert {"--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"} <= set(argv)


def test_the_operators_secrets_stay_with_the_operator() -> None:
    base = {
        "PATH": "/usr/bin:/bin",
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C",
        "https_proxy": "http://proxy.example.org",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "GITHUB_TOKEN": "secret",
        "ANTHROPIC_API_KEY": "secret",
        "VIBECODE_SECRET": "secret",
        "PASSWORD": "secret",
        "VSCODE_IPC_HOOK_CLI": "/tmp/other-editor.sock",
        "NODE_OPTIONS": "--inspect",
        "CODE_SERVER_CONFIG": "/etc/other.yaml",
        "XDG_DATA_HOME": "/home/operator/data",
        "HOME": "/home/operator",
    }
    result = environment(EDITOR, home=HOME, base=base)
    assert "secret" not in result.values()
    assert set(result) == {"PATH", "LANG", "LC_TIME", "https_proxy", "SSL_CERT_FILE", "HOME", "SHELL"}
    assert result["HOME"] == str(HOME)


def test_the_editors_node_is_there_for_those_who_have_none() -> None:
    path = environment(EDITOR, home=HOME, base={"PATH": "/usr/bin"})["PATH"]
    assert path == f"{HOME}/.local/bin:/usr/bin:/data/editors/4.1.0/bin"


def test_vibecodes_own_python_is_not_the_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/opt/vibecode/venv")
    path = environment(EDITOR, home=HOME, base={"PATH": "/opt/vibecode/venv/bin:/usr/bin"})["PATH"]
    assert path.split(":")[1:] == ["/usr/bin", "/data/editors/4.1.0/bin"]


def test_what_is_given_wins() -> None:
    result = environment(EDITOR, home=HOME, base={}, extra={"VSCODE_PROXY_URI": "http://{{port}}--w1.x/", "LANG": "C"})
    assert result["VSCODE_PROXY_URI"] == "http://{{port}}--w1.x/"
    assert result["LANG"] == "C"
