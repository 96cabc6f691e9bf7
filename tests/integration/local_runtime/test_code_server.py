"""The real code-server, supervised: what a helper process can't show."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.support.editors import copy_tree_cheaply
from tests.support.local_runtime import reach, running, spec, until
from tests.support.real_runtime import real_runtime
from vibecode.domain.workspace import Phase, TemplateSource
from vibecode.editor.model import CODE_SERVER
from vibecode.editor.store import EditorStore
from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.runtime import LocalRuntime

pytestmark = pytest.mark.editor
REPOSITORY = Path(__file__).parents[3]


def process_of(root: Path, workspace_id: str) -> ProcessId:
    state = json.loads((root / "workspaces" / workspace_id / "run" / "process.json").read_text())
    return ProcessId(state["pid"], state["start_time"])


async def page(runtime: LocalRuntime, path: str = "/") -> tuple[int, str]:
    upstream = await runtime.upstream("alice")
    assert upstream is not None
    assert upstream.path is not None
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(upstream.path)) as session,
        session.get(f"http://localhost{path}") as response,
    ):
        return response.status, f"{response.url.query_string} {await response.text()}"


async def test_it_starts_serves_the_workbench_and_stops_without_a_trace(root: Path, editors: EditorStore) -> None:
    async with real_runtime(root, editors) as runtime:
        workspace = await running(runtime)
        current = editors.current()
        assert current is not None
        assert workspace.editor_version == current.version
        status, text = await page(runtime)
        assert status == 200
        assert "workbench" in text
        assert str(root / "workspaces" / workspace.id / "files" / "alice") in text
        assert await runtime.ports("alice") == []
        await until(lambda: (w := runtime.peek("alice")) is not None and w.usage.memory > 50e6 and w.usage.storage > 0)
        activity = runtime.process_activity("alice")
        assert activity is not None
        assert activity.busy_command is None
        texts = [line.text async for line in runtime.logs("alice", follow=False)]
        assert any("HTTP server listening on" in text for text in texts)
        processes = [
            ProcessId.of(process.pid)
            for process in psutil.Process(process_of(root, workspace.id).pid).children(recursive=True)
        ]
        assert processes
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        assert not any(process.is_alive() for process in processes if process is not None)
        assert not process_of_is_left(root, workspace.id)

        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=60)
        assert (await page(runtime))[0] == 200


def process_of_is_left(root: Path, workspace_id: str) -> bool:
    return (root / "workspaces" / workspace_id / "run" / "process.json").exists()


async def test_a_template_is_made_with_its_settings(root: Path, editors: EditorStore) -> None:
    template = root / "templates" / "tiny"
    (template / "files").mkdir(parents=True)
    (template / "template.toml").write_text(
        'title = "Tiny"\ndescription = "Nearly nothing."\n[settings]\n"editor.tabSize" = 3\n'
    )
    (template / "files" / "hello.txt").write_text("Hello")
    async with real_runtime(root, editors) as runtime:
        workspace = await running(runtime, source=TemplateSource(name="tiny"))
        folder = root / "workspaces" / workspace.id
        assert (folder / "files" / "alice" / "hello.txt").read_text() == "Hello"
        settings = folder / "home/.local/share/code-server/User/settings.json"
        assert json.loads(settings.read_text())["editor.tabSize"] == 3


async def test_a_killed_editor_comes_back(root: Path, editors: EditorStore) -> None:
    async with real_runtime(root, editors) as runtime:
        before = await running(runtime)
        process_of(root, before.id).send(signal.SIGKILL)
        await until(
            lambda: (w := runtime.peek("alice")) is not None and w.started_at not in (None, before.started_at),
            timeout=60,
        )
        assert (await page(runtime))[0] == 200
        assert any("signal SIGKILL" in event.message for event in await runtime.events("alice"))


async def test_it_outlives_a_killed_server(root: Path, editors: EditorStore) -> None:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.real_runtime", str(root), str(editors.root)),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    workspace_id = (await asyncio.wait_for(server.stdout.readline(), 60)).decode().strip()
    server.send_signal(signal.SIGKILL)
    await server.wait()
    before = process_of(root, workspace_id)
    async with real_runtime(root, editors) as runtime:
        # An editor that still loads VS Code's server may not answer the first question.
        await reach(runtime, "alice", Phase.RUNNING)
        assert process_of(root, workspace_id) == before
        assert (await page(runtime))[0] == 200
    assert not before.is_alive()


async def test_a_damaged_editor_fails_with_its_words(root: Path, editors: EditorStore) -> None:
    current = editors.current()
    assert current is not None
    damaged = EditorStore(root / "editors")
    copy_tree_cheaply(current.root, root / "editors" / current.version)
    (root / "editors" / "current").write_text(current.version)
    entry = root / "editors" / current.version / CODE_SERVER / "out/node/entry.js"
    entry.unlink()
    entry.write_text("require('./something-that-is-gone')")
    async with real_runtime(root, damaged) as runtime:
        await runtime.create(spec())
        failed = await reach(runtime, "alice", Phase.FAILED, timeout=60)
        assert "crashed 3 times in a row (exit code 1)" in failed.reason
        assert "Its last words: " in failed.reason
        texts = [line.text async for line in runtime.logs("alice", follow=False)]
        assert any("Cannot find module './something-that-is-gone'" in text for text in texts)
