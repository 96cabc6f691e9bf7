"""The installed code-server, started as the local runtime starts it."""

from __future__ import annotations

import http.client
import socket
import stat
from pathlib import Path

import pytest

from tests.integration.editor.conftest import Workspace, wait_for_answer
from vibecode.domain.errors import Conflict
from vibecode.editor.launch import command, extensions_folder
from vibecode.editor.model import Editor
from vibecode.editor.page import SCRIPT
from vibecode.editor.processes import versions_in_use
from vibecode.editor.store import EditorStore

pytestmark = pytest.mark.editor


def _get(path: str, sock: socket.socket) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("editor")
    connection.sock = sock
    connection.request("GET", path)
    return connection.getresponse()


def _connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock


def test_it_answers_on_its_socket_and_nowhere_else(editor: Editor, workspace: Workspace) -> None:
    path = workspace.run / "editor.sock"
    # A configuration of the user's can't move it elsewhere.
    config = workspace.home / ".config/code-server/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("bind-addr: 0.0.0.0:8099\nauth: password\npassword: x\ncert: true\n", encoding="utf-8")
    argv = command(editor, socket=path, home=workspace.home, folder=workspace.files)
    with workspace.running(argv, editor) as process:
        wait_for_answer(process, lambda: _connect(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with _connect(path) as sock, _get(f"/?folder={workspace.files}", sock) as answer:
            page = answer.read().decode()
            policy = answer.headers["Content-Security-Policy"]
        assert answer.status == 200
        assert SCRIPT in page
        assert "'self'" in next(part for part in policy.split(";") if part.strip().startswith("script-src"))
        assert "configurationDefaults" in page
        nonce = next(part for part in policy.split() if part.startswith("'nonce-")).removeprefix("'nonce-")[:-1]
        inline = page[page.index("VibeCode: defaults") :]
        assert f'<script nonce="{nonce}">' in inline[:200], "its own policy would block the defaults"
        assert versions_in_use(editor.root.parent) == {editor.version: 1}
    assert "Could not locate the bindings file" not in workspace.log.read_text(encoding="utf-8")


def test_a_version_that_a_workspace_runs_is_not_removed(store: EditorStore, workspace: Workspace) -> None:
    editor = store.current()
    assert editor is not None
    other = store.root / "9.9.9"
    other.symlink_to(editor.root)
    store.use("9.9.9")
    with workspace.started(editor):
        with pytest.raises(Conflict, match="Running workspaces use"):
            store.remove(editor.version, in_use=versions_in_use(store.root))
        assert editor.entry.is_file()
    assert versions_in_use(store.root) == {}


def test_the_installation_is_whole(store: EditorStore) -> None:
    editor = store.current()
    assert editor is not None
    assert store.verify(editor.version) == []
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        assert (editor.vscode.parent.parent / name).is_file()
    assert (editor.root / "bin/LICENSE.node").is_file()
    assert (editor.vscode / "extensions/copilot/dist/extension.js").is_file(), "VS Code's Chat lives there"


def test_the_home_is_where_everything_of_the_user_is(editor: Editor, workspace: Workspace) -> None:
    with workspace.started(editor):
        pass
    assert extensions_folder(workspace.home).is_dir()
    assert {path.name for path in workspace.files.iterdir()} == set()
