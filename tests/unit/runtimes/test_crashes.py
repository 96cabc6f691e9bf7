"""Editors that die, do not get ready, or can't be started at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psutil

from tests.support.local_runtime import (
    LIMIT,
    QUICK,
    HelperEditor,
    ask,
    build,
    in_terminal,
    opened,
    reach,
    running,
    spec,
    until,
)
from tests.support.stores import MemoryStore
from vibecode.domain.workspace import Phase, Workspace
from vibecode.runtimes.local.runtime import LocalRuntime


async def crash(runtime: LocalRuntime, code: int = 3) -> None:
    upstream = await runtime.upstream("alice")
    assert upstream is not None
    await ask(upstream.path or "", f"/exit?{code}")


async def next_start(runtime: LocalRuntime, before: Workspace) -> Workspace:
    await until(lambda: (w := runtime.peek("alice")) is not None and w.started_at not in (None, before.started_at))
    return await runtime.get("alice")


async def test_a_crash_restarts_it_and_says_why(tmp_path: Path) -> None:
    async with opened(build(tmp_path, options=replace(QUICK, back_off=1, max_back_off=1))) as runtime:
        before = await running(runtime)
        survivor = await in_terminal(runtime, "alice", "sleep", "300")
        await crash(runtime)
        crashed = await reach(runtime, "alice", Phase.STARTING)
        assert crashed.reason == "The editor crashed: exit code 3, restarting in 1 s."
        await next_start(runtime, before)
        assert "crashed: exit code 3, restarting in 1 s" in [e.message for e in await runtime.events("alice")]
        assert psutil.pid_exists(survivor)


async def test_a_killed_editor_is_noticed_and_named(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        before = await running(runtime)
        psutil.Process(_pid(tmp_path, before)).kill()
        await next_start(runtime, before)
        assert any("signal SIGKILL" in event.message for event in await runtime.events("alice"))


async def test_three_quick_crashes_fail_it_with_its_last_words(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        home = tmp_path / "workspaces" / workspace.id / "home"
        (home / "behave").write_text("crash 7")
        await crash(runtime)
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert "crashed 3 times in a row (exit code 7)" in failed.reason
        assert "Cannot find module 'heart' / helper gives up" in failed.reason
        assert len([e for e in await runtime.events("alice") if e.kind == "crashed"]) == 2
        assert (await runtime.events("alice"))[0].kind == "failed"
        assert await runtime.wait_ready("alice", timeout=LIMIT) is False

        (home / "behave").unlink()
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)


async def test_crashes_far_apart_are_each_the_first(tmp_path: Path) -> None:
    async with opened(build(tmp_path, options=replace(QUICK, healthy_after=0))) as runtime:
        workspace = await running(runtime)
        for _ in range(4):
            await crash(runtime)
            workspace = await next_start(runtime, workspace)
        messages = [event.message for event in await runtime.events("alice") if event.kind == "crashed"]
        assert messages == ["crashed: exit code 3, restarting in 0.05 s"] * 4


async def test_one_that_never_answers_is_given_up(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store, options=replace(QUICK, ready_limit=10))) as runtime:
        workspace = await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        (tmp_path / "workspaces" / workspace.id / "home" / "behave").write_text("never ready")
        await runtime.start("alice")
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert failed.reason.startswith("The editor did not answer within")
        assert "thinking about it" in failed.reason
        assert not (tmp_path / "workspaces" / workspace.id / "run" / "process.json").exists()
        assert store.records[workspace.id].failed


async def test_without_an_editor_it_fails_with_what_to_do_and_starts_later(tmp_path: Path) -> None:
    editor = HelperEditor()
    editor.version = None
    async with opened(build(tmp_path, editor=editor)) as runtime:
        await runtime.create(spec())
        failed = await reach(runtime, "alice", Phase.FAILED)
        assert failed.reason == "No editor is installed: run vibecode editor install."
        editor.version = "1.0.0"
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)


async def test_stopping_a_failed_one_makes_it_stopped(tmp_path: Path) -> None:
    editor = HelperEditor()
    editor.version = None
    async with opened(build(tmp_path, editor=editor)) as runtime:
        await runtime.create(spec())
        await reach(runtime, "alice", Phase.FAILED)
        await runtime.stop("alice", reason="Stopped by alice.")
        assert (await reach(runtime, "alice", Phase.STOPPED)).reason == "Stopped by alice."


def _pid(root: Path, workspace: Workspace) -> int:
    return int(json.loads((root / "workspaces" / workspace.id / "run" / "process.json").read_text())["pid"])
