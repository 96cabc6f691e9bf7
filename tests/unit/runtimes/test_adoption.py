"""A server that is killed, and the next one that finds everything again."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.support.local_runtime import LIMIT, ask, build, opened, reach, running, until
from tests.support.stores import MemoryStore
from vibecode.domain.workspace import Phase, TemplateSource
from vibecode.runtimes.local import bringup
from vibecode.runtimes.local.editor_process import is_ready
from vibecode.runtimes.local.identity import ProcessId

REPOSITORY = Path(__file__).parents[3]


@asynccontextmanager
async def killed_server(root: Path) -> AsyncIterator[tuple[str, Path, int]]:
    """Run a server with one workspace in a process of its own, start a terminal in it, and kill the server."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.runtime_process", str(root)),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    workspace_id = (await asyncio.wait_for(server.stdout.readline(), LIMIT)).decode().strip()
    folder = root / "data" / "workspaces" / workspace_id
    editor = json.loads((folder / "run" / "process.json").read_text())
    pids = [editor["pid"]]
    try:
        pids.append(int(await ask(editor["socket"], f"/terminal?{quote(json.dumps(['sleep', '300']))}")))
        server.send_signal(signal.SIGKILL)
        await server.wait()
        yield workspace_id, folder, pids[-1]
    finally:
        for pid in pids:
            process = ProcessId.of(pid)
            if process is not None and psutil.Process(pid).environ().get("VIBECODE_WORKSPACE_ID") == workspace_id:
                process.send(signal.SIGKILL)


async def test_workspaces_outlive_a_killed_server(tmp_path: Path) -> None:
    async with killed_server(tmp_path) as (workspace_id, folder, terminal):
        state = json.loads((folder / "run" / "process.json").read_text())
        runtime = build(tmp_path / "data", store=MemoryStore(tmp_path / "store"))
        (folder / "run" / "agent.json").unlink()
        async with opened(runtime):
            found = runtime.peek("alice")
            assert found is not None
            assert found.id == workspace_id
            assert found.phase is Phase.RUNNING
            assert found.started_at is not None
            assert found.started_at.isoformat() == state["ready_at"]
            assert found.editor_version == "1.0.0"
            assert json.loads((folder / "run" / "process.json").read_text())["pid"] == state["pid"]
            assert json.loads((folder / "run" / "agent.json").read_text())["token"] == f"token-of-{workspace_id}"
            assert ProcessId.of(terminal) is not None

            # It is supervised like a child: its exit is noticed, and a stop ends it and what it started.
            await ask(state["socket"], "/exit?3")
            await until(
                lambda: (w := runtime.peek("alice")) is not None and w.started_at not in (None, found.started_at)
            )
            assert psutil.pid_exists(terminal)
            await runtime.stop("alice", reason="Stopped by alice.")
            await reach(runtime, "alice", Phase.STOPPED)
            await until(lambda: ProcessId.of(terminal) is None)


async def test_closing_leaves_workspaces_running(tmp_path: Path) -> None:
    store = MemoryStore()
    first = build(tmp_path, store=store)
    await first.open()
    before = await running(first)
    await first.close()
    async with opened(build(tmp_path, store=store)) as second:
        after = second.peek("alice")
        assert after is not None
        assert (after.phase, after.started_at) == (Phase.RUNNING, before.started_at)


async def test_an_editor_that_answers_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bringup, "is_ready", partial(is_ready, limit=0.2))
    async with killed_server(tmp_path) as (_, folder, _terminal):
        state = json.loads((folder / "run" / "process.json").read_text())
        editor = ProcessId(state["pid"], state["start_time"])
        editor.send(signal.SIGSTOP)
        async with opened(build(tmp_path / "data", store=MemoryStore(tmp_path / "store"))) as runtime:
            found = runtime.peek("alice")
            assert found is not None
            assert found.phase is Phase.STARTING
            editor.send(signal.SIGCONT)
            assert await runtime.wait_ready("alice", timeout=LIMIT)
            found = runtime.peek("alice")
            assert found is not None
            assert found.started_at is not None
            assert found.started_at.isoformat() == state["ready_at"]
            assert editor.is_alive()


async def test_an_editor_that_was_not_written_down_is_found_by_its_mark(tmp_path: Path) -> None:
    async with killed_server(tmp_path) as (_, folder, _terminal):
        pid = json.loads((folder / "run" / "process.json").read_text())["pid"]
        (folder / "run" / "process.json").unlink()
        runtime = build(tmp_path / "data", store=MemoryStore(tmp_path / "store"))
        async with opened(runtime):
            found = runtime.peek("alice")
            assert found is not None
            assert found.phase is Phase.RUNNING
            assert json.loads((folder / "run" / "process.json").read_text())["pid"] == pid


async def test_a_stranger_with_the_pid_is_never_signalled(tmp_path: Path) -> None:
    async with killed_server(tmp_path) as (_, folder, terminal):
        state = json.loads((folder / "run" / "process.json").read_text())
        editor = ProcessId.of(state["pid"])
        assert editor is not None
        editor.send(signal.SIGKILL)
        await until(lambda: not editor.is_alive())
        stranger = await asyncio.create_subprocess_exec("sleep", "300")
        try:
            state["pid"] = stranger.pid
            (folder / "run" / "process.json").write_text(json.dumps(state))
            async with opened(build(tmp_path / "data", store=MemoryStore(tmp_path / "store"))) as runtime:
                assert await runtime.wait_ready("alice", timeout=LIMIT)
                assert json.loads((folder / "run" / "process.json").read_text())["pid"] != stranger.pid
                # What its terminals left behind, with no editor to belong to, was cleaned.
                assert ProcessId.of(terminal) is None
                assert any(event.kind == "cleaned" for event in await runtime.events("alice"))
                await runtime.delete("alice", purge=True)
            assert stranger.returncode is None
            assert ProcessId.of(stranger.pid) is not None
        finally:
            stranger.kill()
            await stranger.wait()


async def test_a_deletion_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        workspace = await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        await runtime.close()
        folder = tmp_path / "workspaces" / workspace.id
        folder.rename(folder.with_name(f".trash-{workspace.id}"))
        again = build(tmp_path, store=store)
        await again.open()
        assert again.peek("alice") is None
        assert store.records == {}
        await again.close()
        assert list((tmp_path / "workspaces").iterdir()) == []


async def test_files_that_were_half_made_are_made_again(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        workspace = await running(runtime, source=TemplateSource(name="hello"))
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        await runtime.close()
        folder = tmp_path / "workspaces" / workspace.id
        (folder / "files" / "alice").rename(folder / "files.part")
        (folder / "files.part" / "half.txt").write_text("half")
        store.records[workspace.id] = replace(store.records[workspace.id], provisioned=False, wants_running=True)
        async with opened(build(tmp_path, store=store)) as again:
            assert await again.wait_ready("alice", timeout=LIMIT)
            assert [path.name for path in (folder / "files" / "alice").iterdir()] == ["hello.txt"]
            assert not (folder / "files.part").exists()
