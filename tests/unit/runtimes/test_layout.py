"""The data folder: who may use it, and where sockets go."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vibecode.domain.errors import DataFolderUnusable
from vibecode.runtimes.local.layout import MAX_SOCKET_NAME, MAX_SOCKET_PATH, DataFolder


def test_it_is_made_private_and_can_be_prepared_again(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "data"
    DataFolder(root).prepare()
    DataFolder(root).prepare()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "workspaces").stat().st_mode) == 0o700
    assert json.loads((root / "layout.json").read_text())["layout"] == 1


def test_an_open_folder_of_ours_is_closed(tmp_path: Path) -> None:
    DataFolder(tmp_path).prepare()
    tmp_path.chmod(0o755)
    DataFolder(tmp_path).prepare()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "layout.json").write_text(json.dumps({"layout": 2, "version": "9.0.0"}))
    with pytest.raises(DataFolderUnusable, match=r"written by a newer VibeCode \(9\.0\.0, layout 2\)"):
        DataFolder(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["layout.json"]


@pytest.mark.parametrize("content", ["", "[]", '{"layout": "x"}', "\x00"])
def test_a_damaged_layout_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "layout.json").write_text(content)
    with pytest.raises(DataFolderUnusable, match="is damaged"):
        DataFolder(tmp_path).prepare()


def test_somebody_elses_folder_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    tmp_path.chmod(0o755)
    with pytest.raises(DataFolderUnusable, match=r"holds other things \(thesis\.tex\)"):
        DataFolder(tmp_path).prepare()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderUnusable, match="is not a folder"):
        DataFolder(tmp_path / "data").prepare()


def test_the_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    with pytest.raises(DataFolderUnusable, match="belongs to another user"):
        DataFolder(tmp_path).prepare()


def test_a_full_disk_is_said(small_disk: Path) -> None:
    data = DataFolder(small_disk)
    data.prepare()
    with pytest.raises(OSError, match="No space"):
        (small_disk / "cache" / "big").write_bytes(bytes(1024 * 1024))
    with pytest.raises(DataFolderUnusable, match=r"is full: free some space, or use another folder by --data-dir"):
        DataFolder(small_disk).prepare()
    (small_disk / "cache" / "big").unlink()
    DataFolder(small_disk).prepare()


def test_a_read_only_disk_is_said(small_disk: Path) -> None:
    DataFolder(small_disk).prepare()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(DataFolderUnusable, match="can't be written"):
        DataFolder(small_disk).prepare()
    with pytest.raises(DataFolderUnusable, match="can't be written"):
        DataFolder(small_disk).lock(url="http://localhost:1")


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EROFS, "can't be written"), (errno.EDQUOT, "is full"), (errno.EIO, "can't be used")]
)
def test_failures_of_the_system_become_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataFolderUnusable, match=words):
        DataFolder(tmp_path).prepare()


def test_only_one_server_uses_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    DataFolder(tmp_path).prepare()
    script = (
        "import sys, time; from pathlib import Path; from vibecode.runtimes.local.layout import DataFolder\n"
        "data = DataFolder(Path(sys.argv[1])); data.lock(url='http://vibecode.localhost:8000')\n"
        "print('locked', flush=True)\n"
        "time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"locked\n"
            data = DataFolder(tmp_path)
            with pytest.raises(
                DataFolderUnusable,
                match=rf"in use by another server, pid {holder.pid} at http://vibecode\.localhost:8000: stop that",
            ):
                data.lock(url="http://vibecode.localhost:9000")
        finally:
            holder.kill()
    data.lock(url="http://vibecode.localhost:9000")
    data.release()
    data.lock(url="http://vibecode.localhost:9000")
    data.release()


def test_long_paths_get_their_sockets_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    data = DataFolder(deep)
    first, second = data.workspace("one", "alice").socket, data.workspace("two", "alice").socket
    assert first.parent != second.parent
    assert len(os.fsencode(first.parent)) + MAX_SOCKET_NAME < MAX_SOCKET_PATH
    assert not first.is_relative_to(deep)
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(first.parent.parent.stat().st_mode) == 0o700
    assert DataFolder(deep).workspace("one", "alice").socket == first
    assert DataFolder(tmp_path / ("e" * 100)).workspace("one", "alice").socket != first


@pytest.mark.parametrize("name", ["alice", "home", "run", "logs", "files"])
def test_the_folder_that_the_editor_shows_is_named_after_the_workspace(tmp_path: Path, name: str) -> None:
    paths = DataFolder(tmp_path).workspace("one", name)
    paths.make()
    assert paths.files.name == name
    assert not paths.files.exists()
    assert paths.files not in (paths.home, paths.run, paths.logs, paths.files_part)


def test_short_paths_keep_their_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DataFolder(Path("/srv/vc")).workspace("one", "alice").socket == Path(
        "/srv/vc/workspaces/one/run/editor.sock"
    )


@pytest.mark.parametrize("attack", ["link", "open", "file"])
def test_a_prepared_trap_in_the_shared_folder_is_refused(tmp_path: Path, attack: str) -> None:
    data = DataFolder(tmp_path / ("d" * 100))
    common = data.workspace("one", "alice").socket.parent.parent
    (common / "one").rmdir()
    common.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if attack == "link":
        common.symlink_to(elsewhere)
    elif attack == "open":
        common.mkdir()
        common.chmod(0o777)
    else:
        common.write_text("")
    with pytest.raises(DataFolderUnusable):
        data.workspace("one", "alice")
    assert list(elsewhere.iterdir()) == []


def test_too_long_everywhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("r" * 100)))
    with pytest.raises(DataFolderUnusable, match="too long for Unix sockets"):
        DataFolder(tmp_path / ("d" * 100)).workspace("one", "alice")
