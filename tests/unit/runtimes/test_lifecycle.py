"""Creating, starting, stopping, changing and deleting, over a small real process in the place of the editor."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.local_runtime import (
    LIMIT,
    QUICK,
    HelperEditor,
    build,
    in_terminal,
    opened,
    reach,
    running,
    spec,
    until,
)
from tests.support.stores import FailingStore, MemoryStore
from vibecode.domain.errors import (
    Conflict,
    DataFolderUnusable,
    InvalidInput,
    InvalidName,
    TemplateNotFound,
    WorkspaceNotFound,
)
from vibecode.domain.workspace import GitSource, Phase, TemplateSource
from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.runtime import LocalRuntime


async def next_sample(runtime: LocalRuntime) -> str | None:
    """Wait for a sample from now on; return the command that was busy."""
    first = runtime.process_activity("alice")
    await until(lambda: runtime.process_activity("alice") not in (None, first))
    activity = runtime.process_activity("alice")
    assert activity is not None
    return activity.busy_command


def _shifted(real: Callable[[], float], seconds: float) -> float:
    return real() + seconds


async def test_a_blank_workspace_runs(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        created = await runtime.create(spec())
        assert created.phase is Phase.PENDING
        assert created.reason == "Starting: making its folder."
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        workspace = await runtime.get("alice")
        assert workspace.phase is Phase.RUNNING
        assert workspace.reason.startswith("Running since ")
        assert workspace.started_at is not None
        assert workspace.editor_version == "1.0.0"
        upstream = await runtime.upstream("alice")
        assert upstream is not None
        assert upstream.path is not None
        assert Path(upstream.path).is_socket()
        kinds = [event.kind for event in await runtime.events("alice")]
        assert kinds == ["running", "starting", "created"]
        assert [event.kind for event in await runtime.events("alice", limit=1)] == ["running"]


async def test_nobody_else_can_look_in(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        root = tmp_path / "workspaces" / workspace.id
        for folder in (root, root / "home", root / "files", root / "files" / "alice", root / "run", root / "logs"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        agent = root / "run" / "agent.json"
        assert stat.S_IMODE(agent.stat().st_mode) == 0o600
        assert json.loads(agent.read_text()) == {
            "url": "http://127.0.0.1:8000",
            "dashboardUrl": "http://vibecode.localhost:8000/",
            "token": f"token-of-{workspace.id}",
        }


async def test_the_environment_has_what_is_needed_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIBECODE_SECRET", "of the server")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the operator")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    async with opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        root = tmp_path / "workspaces" / workspace.id
        process = psutil.Process(json.loads((root / "run" / "process.json").read_text())["pid"])
        environment = process.environ()
        assert process.cwd() == str(root / "files" / "alice")
        assert environment["HOME"] == str(root / "home")
        assert environment["XDG_CONFIG_HOME"] == str(root / "home" / ".config")
        assert environment["VIBECODE_WORKSPACE"] == "alice"
        assert environment["VIBECODE_WORKSPACE_ID"] == workspace.id
        assert environment["VIBECODE_AGENT_FILE"] == str(root / "run" / "agent.json")
        assert environment["VSCODE_PROXY_URI"] == "http://{{port}}--alice.vibecode.localhost:8000/"
        assert environment["HTTPS_PROXY"] == "http://proxy.test:3128"
        assert not {"VIBECODE_SECRET", "AWS_SECRET_ACCESS_KEY", "VIRTUAL_ENV"} & set(environment)


async def test_stop_and_start_keep_the_files_and_can_be_repeated(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        note = tmp_path / "workspaces" / workspace.id / "files" / "alice" / "note.txt"
        note.write_text("mine")
        await runtime.stop("alice", reason="Stopped by alice.")
        await runtime.stop("alice", reason="Somebody else said so too.")
        stopped = await reach(runtime, "alice", Phase.STOPPED)
        assert stopped.reason == "Stopped by alice."
        assert stopped.started_at is None
        assert await runtime.upstream("alice") is None
        messages = [event.message for event in await runtime.events("alice")]
        assert messages.count("Stopped by alice.") == 1
        assert (await runtime.start("alice")).phase is Phase.STARTING
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        first = runtime.peek("alice")
        await runtime.start("alice")
        assert runtime.peek("alice") == first
        assert note.read_text() == "mine"


async def test_a_stop_ends_what_terminals_started_wherever_it_went(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        await running(runtime)
        stubborn = await in_terminal(runtime, "alice", "bash", "-c", "trap '' HUP; setsid sleep 300 & exec sleep 300")
        shell = psutil.Process(stubborn)
        await until(lambda: len(shell.children()) == 1)
        detached = shell.children()[0]
        unmarked = psutil.Process(await in_terminal(runtime, "alice", "env", "-i", "/bin/sleep", "300"))
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        for process in (shell, detached, unmarked):
            assert ProcessId.of(process.pid) is None


async def test_restart_takes_the_editor_in_use_now(tmp_path: Path) -> None:
    editor = HelperEditor()
    async with opened(build(tmp_path, editor=editor)) as runtime:
        before = await running(runtime)
        editor.version = "2.0.0"
        await until(lambda: (w := runtime.peek("alice")) is not None and w.update_waits)
        await runtime.restart("alice")
        await until(lambda: (w := runtime.peek("alice")) is not None and w.editor_version == "2.0.0")
        after = await runtime.get("alice")
        kinds = [event.kind for event in await runtime.events("alice")]
        assert kinds[:3] == ["running", "starting", "stopping"]
        assert not after.update_waits
        assert after.started_at is not None
        assert before.started_at is not None
        assert after.started_at > before.started_at


async def test_delete_keeps_the_files_for_their_owner(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        first = await running(runtime)
        (tmp_path / "workspaces" / first.id / "files" / "alice" / "note.txt").write_text("mine")
        await runtime.delete("alice", purge=False)
        with pytest.raises(WorkspaceNotFound):
            await runtime.get("alice")
        assert store.records[first.id].deleted_at is not None

        with pytest.raises(Conflict, match="were kept"):
            await runtime.create(spec(source=TemplateSource(name="hello")))
        await runtime.create(spec(owner="u-bob"))
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        of_bob = await runtime.get("alice")
        assert of_bob.id != first.id
        assert not (tmp_path / "workspaces" / of_bob.id / "files" / "alice" / "note.txt").exists()
        await runtime.delete("alice", purge=True)

        again = await running(runtime)
        assert again.id == first.id
        assert (tmp_path / "workspaces" / again.id / "files" / "alice" / "note.txt").read_text() == "mine"
        events = await runtime.events("alice")
        assert any("the files of its earlier life were found" in event.message for event in events)


async def test_kept_files_are_listed_and_purged(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        first = await running(runtime)
        (tmp_path / "workspaces" / first.id / "files" / "alice" / "big").write_bytes(bytes(100_000))
        await runtime.delete("alice", purge=False)
        assert await runtime.list() == []
        assert await runtime.list_kept(owner="u-bob") == []
        (kept,) = await runtime.list_kept(owner="u-alice")
        assert (kept.id, kept.name, kept.owner) == (first.id, "alice", "u-alice")
        assert kept.usage.storage >= 100_000
        assert kept.reason.startswith("Deleted on ")

    async with opened(build(tmp_path, store=store)) as runtime:
        assert [kept.id for kept in await runtime.list_kept()] == [first.id]
        with pytest.raises(WorkspaceNotFound):
            await runtime.purge_kept("alice", owner="u-bob")
        results = await asyncio.gather(
            *(runtime.purge_kept("alice", owner="u-alice") for _ in range(2)), return_exceptions=True
        )
        assert sorted(isinstance(result, WorkspaceNotFound) for result in results) == [False, True]
        assert await runtime.list_kept() == []
        assert store.records == {}
        assert list((tmp_path / "workspaces").iterdir()) == []
        assert (await running(runtime)).id != first.id


async def test_kept_files_that_can_not_be_had_back_now_are_still_kept(tmp_path: Path) -> None:
    store = FailingStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        first = await running(runtime)
        await runtime.delete("alice", purge=False)
        store.full = True
        with pytest.raises(DataFolderUnusable):
            await runtime.create(spec())
        assert [kept.id for kept in await runtime.list_kept()] == [first.id]
        store.full = False
        assert (await running(runtime)).id == first.id


async def test_purge_removes_everything_read_only_files_too(tmp_path: Path) -> None:
    store = MemoryStore()
    async with opened(build(tmp_path, store=store)) as runtime:
        workspace = await running(runtime)
        cache = tmp_path / "workspaces" / workspace.id / "home" / "go" / "pkg"
        cache.mkdir(parents=True)
        (cache / "module.go").write_text("package module")
        (cache / "module.go").chmod(0o400)
        cache.chmod(0o500)
        await runtime.delete("alice", purge=True)
        assert list((tmp_path / "workspaces").iterdir()) == []
        assert store.records == {}
        assert store.log == []
        assert not await runtime.wait_ready("alice", timeout=LIMIT)


async def test_delete_while_starting_and_two_deletes_at_once(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        (tmp_path / "workspaces" / workspace.id / "home" / "behave").write_text("never ready")
        await runtime.start("alice")
        pid_file = tmp_path / "workspaces" / workspace.id / "run" / "process.json"
        await until(pid_file.exists)
        pid = json.loads(pid_file.read_text())["pid"]
        waiter = asyncio.create_task(runtime.wait_ready("alice", timeout=LIMIT))
        await asyncio.gather(runtime.delete("alice", purge=True), runtime.delete("alice", purge=True))
        assert not psutil.pid_exists(pid)
        assert await waiter is False
        assert list((tmp_path / "workspaces").iterdir()) == []


async def test_fifty_starts_at_once_wait_for_each_other(tmp_path: Path) -> None:
    async with opened(build(tmp_path, max_parallel_starts=4)) as runtime:
        changes = runtime.watch()
        names = [f"w{number}" for number in range(50)]
        await asyncio.gather(*(runtime.create(spec(name)) for name in names))
        waiting: set[str] = set()

        async def look() -> None:
            async for change in changes:
                starting = sum(1 for w in await runtime.list() if w.reason.startswith("Starting: waiting until"))
                assert starting <= 4
                if change.workspace is not None and "other start" in change.workspace.reason:
                    waiting.add(change.workspace.reason)

        looking = asyncio.create_task(look())
        ready = await asyncio.gather(*(runtime.wait_ready(name, timeout=4 * LIMIT) for name in names))
        assert not looking.done()
        looking.cancel()
        assert all(ready)
        assert all(re.fullmatch(r"Starting: waiting for \d+ other starts?\.", reason) for reason in waiting)
        assert len(waiting) > 10


async def test_a_template_brings_files_settings_and_extensions(tmp_path: Path) -> None:
    editor = HelperEditor()
    editor.extensions = ["sample.everywhere"]
    editor.failing_extensions = {"sample.everywhere": "sample.everywhere could not be installed: no network."}
    async with opened(build(tmp_path, editor=editor)) as runtime:
        with pytest.raises(TemplateNotFound):
            await runtime.create(spec(source=TemplateSource(name="missing")))
        source = TemplateSource(name="hello", parameters={"who": "Alice"})
        workspace = await running(runtime, source=source)
        root = tmp_path / "workspaces" / workspace.id
        assert (root / "files" / "alice" / "hello.txt").read_text() == "Hello Alice"
        assert json.loads((root / "home" / "seeded.json").read_text()) == {"editor.tabSize": 3}
        assert editor.installed == ["sample.hello"]
        failures = [event.message for event in await runtime.events("alice") if event.kind == "extension_failed"]
        assert failures == ["sample.everywhere could not be installed: no network."]

        editor.failing_extensions = {}
        await runtime.restart("alice")
        await until(lambda: "sample.everywhere" in editor.installed)
        failures = [event.message for event in await runtime.events("alice") if event.kind == "extension_failed"]
        assert len(failures) == 1


async def test_the_log_is_followed_through_a_restart_until_deletion(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        await running(runtime)
        texts: list[str] = []

        async def follow() -> None:
            nonlocal texts
            async for line in runtime.logs("alice", follow=True):
                texts += [line.text]

        follower = asyncio.create_task(follow())
        await until(lambda: "helper is listening" in texts)
        assert texts[0] == "Starting: making its folder."
        await runtime.restart("alice")
        await until(lambda: texts.count("helper is listening") == 2)
        await runtime.delete("alice", purge=True)
        await asyncio.wait_for(follower, LIMIT)


async def test_usage_and_busy_terminals_are_seen(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        await running(runtime)
        assert await next_sample(runtime) is None
        idle = await in_terminal(runtime, "alice", "bash", "-c", "sleep 300; true")
        await until(lambda: len(psutil.Process(idle).children()) == 1)
        async with asyncio.timeout(LIMIT):
            # What has begun just now counts with all that its start took.
            while await next_sample(runtime) is not None:
                pass
        await in_terminal(runtime, "alice", "bash", "-c", "exec -a 'npm test' bash -c 'while :; do :; done'")
        busy = "npm test -c while :; do :; done"
        await until(lambda: (a := runtime.process_activity("alice")) is not None and a.busy_command == busy)
        await until(lambda: (w := runtime.peek("alice")) is not None and w.usage.cpu > 0.03 and w.usage.memory > 1e6)
        await until(lambda: (w := runtime.peek("alice")) is not None and w.usage.storage > 0)


async def test_ports_are_those_of_its_own_processes(tmp_path: Path) -> None:
    server = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "open('port', 'w').write(str(s.getsockname()[1])); time.sleep(300)"
    )
    stranger = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with stranger, opened(build(tmp_path)) as runtime:
        workspace = await running(runtime)
        assert await runtime.ports("alice") == []
        pid = await in_terminal(runtime, "alice", "python3", "-c", server)
        port_file = tmp_path / "workspaces" / workspace.id / "files" / "alice" / "port"
        await until(lambda: port_file.exists() and port_file.read_text() != "")
        port = int(port_file.read_text())
        (found,) = await runtime.ports("alice")
        assert (found.port, found.pid) == (port, pid)
        assert found.process.startswith("python3")
        upstream = await runtime.upstream("alice", port=port)
        assert upstream is not None
        assert (upstream.host, upstream.port) == ("127.0.0.1", port)
        assert await runtime.upstream("alice", port=stranger.sockets[0].getsockname()[1]) is None


async def test_a_wall_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(build(tmp_path, options=replace(QUICK, sample_every=0.05))) as runtime:
        before = await running(runtime)
        real = time.time
        for jump in (10 * 365 * 86400, -10 * 365 * 86400):
            monkeypatch.setattr(time, "time", partial(_shifted, real, jump))
            await next_sample(runtime)
            now = await runtime.get("alice")
            assert now.phase is Phase.RUNNING
            assert now.started_at == before.started_at


async def test_a_name_that_is_not_valid_or_a_url_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    async with opened(build(tmp_path)) as runtime:
        with pytest.raises(InvalidName):
            await runtime.create(spec("-rf"))
        with pytest.raises(InvalidInput):
            await runtime.create(spec(source=GitSource(url="ext::sh -c touch% /tmp/x")))
        assert await runtime.list() == []
        assert list((tmp_path / "workspaces").iterdir()) == []
