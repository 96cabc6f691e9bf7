"""A disk that fills up and a database that fails, in the middle of things."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.support.local_runtime import LIMIT, HelperEditor, build, opened, reach, running, spec, until
from tests.support.stores import FailingStore, MemoryStore
from vibecode.domain.errors import DataFolderUnusable
from vibecode.domain.workspace import Phase
from vibecode.runtimes.local import bringup
from vibecode.runtimes.local.editor_process import EditorProcess
from vibecode.runtimes.local.store import WorkspaceRecord
from vibecode.runtimes.local.supervisor import Supervisor


async def test_a_full_disk_fails_a_start_with_what_to_do(small_disk: Path) -> None:
    async with opened(build(small_disk)) as runtime:
        await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        filler = small_disk / "cache" / "big"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(bytes(1024 * 1024))
        await runtime.start("alice")
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert failed.reason == "It could not be started (the disk is full: free some space): then start it again."
        filler.unlink()
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)


async def test_a_request_that_can_not_be_recorded_changes_nothing(tmp_path: Path) -> None:
    store = FailingStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        before = await running(runtime)
        store.full = True
        for request in (
            runtime.stop("alice", reason="Stopped by alice."),
            runtime.delete("alice", purge=True),
        ):
            with pytest.raises(DataFolderUnusable):
                await request
        assert runtime.peek("alice") == before
        store.full = False
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)


async def test_a_crash_is_survived_without_a_database(tmp_path: Path) -> None:
    store = FailingStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        workspace = await running(runtime)
        store.full = True
        (tmp_path / "workspaces" / workspace.id / "home" / "behave").write_text("crash 1")
        await runtime.restart("alice")
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert "crashed 3 times in a row" in failed.reason
        store.full = False
        (tmp_path / "workspaces" / workspace.id / "home" / "behave").unlink()
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)


class SlowStore(MemoryStore):
    """A store that can be held while it writes a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_failure = asyncio.Event()
        self.go_on = asyncio.Event()

    async def save(self, record: WorkspaceRecord) -> None:
        if record.failed:
            self.writes_failure.set()
            await self.go_on.wait()
        await super().save(record)


async def test_a_start_while_a_failure_is_written_is_not_lost(tmp_path: Path) -> None:
    editor, store = HelperEditor(), SlowStore()
    editor.version = None
    async with opened(build(tmp_path, store=store, editor=editor)) as runtime:
        await runtime.create(spec())
        await store.writes_failure.wait()
        editor.version = "1.0.0"
        start = asyncio.create_task(runtime.start("alice"))
        await asyncio.sleep(0)
        store.go_on.set()
        await start
        await reach(runtime, "alice", Phase.RUNNING)
        assert not store.records[(await runtime.get("alice")).id].failed


async def test_a_stop_while_a_failure_is_written_is_not_lost(tmp_path: Path) -> None:
    editor, store = HelperEditor(), SlowStore()
    editor.version = None
    async with opened(build(tmp_path, store=store, editor=editor)) as runtime:
        await runtime.create(spec())
        await store.writes_failure.wait()
        stop = asyncio.create_task(runtime.stop("alice", reason="Stopped by alice."))
        await asyncio.sleep(0)
        store.go_on.set()
        await stop
        assert (await reach(runtime, "alice", Phase.STOPPED)).reason == "Stopped by alice."


async def test_a_start_while_the_rest_of_a_failed_one_is_ended_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, go_on = asyncio.Event(), asyncio.Event()
    end_process = Supervisor.end_process

    async def held(supervisor: Supervisor) -> None:
        ending.set()
        await go_on.wait()
        await end_process(supervisor)

    async def too_late(process: EditorProcess, *, limit: float) -> bool:
        return False

    async with opened(build(tmp_path)) as runtime:
        with monkeypatch.context() as patched:
            patched.setattr(bringup, "wait_until_ready", too_late)
            patched.setattr(Supervisor, "end_process", held)
            await runtime.create(spec())
            await ending.wait()
        await runtime.start("alice")
        go_on.set()
        await reach(runtime, "alice", Phase.RUNNING)
        assert "failed" in [event.kind for event in await runtime.events("alice")]


async def test_operations_from_all_sides_end_where_the_last_one_said(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        await running(runtime)
        for last in (Phase.STOPPED, Phase.RUNNING):
            for _ in range(5):
                await asyncio.gather(
                    runtime.restart("alice"),
                    runtime.stop("alice", reason="Stopped by alice."),
                    runtime.start("alice"),
                    return_exceptions=True,
                )
            if last is Phase.STOPPED:
                await runtime.stop("alice", reason="Stopped by alice.")
            else:
                await runtime.start("alice")
            await reach(runtime, "alice", last)
        workspace_id = (await runtime.get("alice")).id
        await until(lambda: len(_editors(workspace_id)) == 1)
        assert await runtime.wait_ready("alice", timeout=LIMIT)


async def test_deleting_right_after_creating_leaves_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        for _ in range(5):
            await runtime.create(spec())
            await runtime.delete("alice", purge=False)
        assert await runtime.list() == []
        leftovers = [path for path in (tmp_path / "workspaces").iterdir() if path.name not in store.records]
        assert leftovers == []


def _editors(workspace_id: str) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(workspace_id in part for part in process.info["cmdline"] or ())
    ]
