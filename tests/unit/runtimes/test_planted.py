"""What a workspace leaves in its own folder does not lead the server elsewhere."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.support.local_runtime import build, opened, reach, running
from tests.support.stores import MemoryStore
from vibecode.domain.workspace import Phase
from vibecode.runtimes.local.logs import WorkspaceLog
from vibecode.runtimes.local.watcher import FolderWatcher


@pytest.mark.parametrize("name", ["home", "run", "logs", "files"])
async def test_a_link_in_the_place_of_a_folder_keeps_it_from_starting(tmp_path: Path, name: str) -> None:
    async with opened(build(tmp_path / "data")) as runtime:
        folder = tmp_path / "data" / "workspaces" / (await running(runtime)).id
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        public = tmp_path / "public"
        public.mkdir(mode=0o755)
        (folder / name).rename(tmp_path / "moved")
        (folder / name).symlink_to(public)
        await runtime.start("alice")
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert f"{folder / name} is no folder, or a link to one" in failed.reason
        assert stat.S_IMODE(public.stat().st_mode) == 0o755
        assert not list(public.iterdir())

        (folder / name).unlink()
        (tmp_path / "moved").rename(folder / name)
        await runtime.start("alice")
        await reach(runtime, "alice", Phase.RUNNING)


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
@pytest.mark.parametrize("name", ["start.log", "editor.log"])
async def test_logs_go_nowhere_else(tmp_path: Path, name: str, kind: str) -> None:
    async with opened(build(tmp_path / "data")) as runtime:
        folder = tmp_path / "data" / "workspaces" / (await running(runtime)).id
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        precious = tmp_path / "precious"
        precious.write_text("precious")
        log = folder / "logs" / name
        log.unlink()
        if kind == "link":
            log.symlink_to(precious)
        elif kind == "hard link":
            log.hardlink_to(precious)
        else:
            os.mkfifo(log)
        await runtime.start("alice")
        await reach(runtime, "alice", Phase.RUNNING)
        assert "Ready" in " ".join([line.text async for line in runtime.logs("alice", follow=False)])
        assert precious.read_text() == "precious"
        assert stat.S_ISREG(log.lstat().st_mode)


@pytest.mark.parametrize("kind", ["link", "pipe"])
async def test_a_log_is_read_from_nowhere_else(tmp_path: Path, kind: str) -> None:
    log = WorkspaceLog(tmp_path, FolderWatcher())
    log.begin()
    (tmp_path / "secret").write_text("secret\n")
    if kind == "link":
        log.editor_path.symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(log.editor_path)
    assert [line.text async for line in log.read(follow=False)] == []
    assert log.last_words() == ""


async def test_the_note_of_a_process_names_no_socket(tmp_path: Path) -> None:
    store = MemoryStore()
    first = build(tmp_path, store=store)
    await first.open()
    workspace = await running(first)
    before = await first.upstream("alice")
    await first.close()
    note = tmp_path / "workspaces" / workspace.id / "run" / "process.json"
    state = json.loads(note.read_text())
    note.write_text(json.dumps({**state, "socket": str(tmp_path / "another.sock")}))
    async with opened(build(tmp_path, store=store)) as second:
        await reach(second, "alice", Phase.RUNNING)
        assert await second.upstream("alice") == before
        assert json.loads(note.read_text()) == {**state, "ready_at": json.loads(note.read_text())["ready_at"]}
