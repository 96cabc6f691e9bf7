"""The small parts: changes, gate, logs, identities, listening sockets."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.local_runtime import LIMIT, until
from tests.support.ports import free_port
from vibecode.runtimes.base import Change
from vibecode.runtimes.changes import Changes
from vibecode.runtimes.local import identity
from vibecode.runtimes.local.ending import ExitWatch, end, wait_gone
from vibecode.runtimes.local.files import disk_usage, remove_tree, write_atomic
from vibecode.runtimes.local.gate import Gate
from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.listening import listeners, reachable
from vibecode.runtimes.local.logs import ROTATE_ABOVE, WorkspaceLog
from vibecode.runtimes.local.table import ProcessTable
from vibecode.runtimes.local.watcher import FolderWatcher


async def test_a_slow_reader_gets_the_last_state_of_each() -> None:
    changes = Changes()
    reader = changes.read()
    gone = Change(name="a", owner="u", workspace=None)
    for name in ("a", "b", "a"):
        changes.publish(Change(name=name, owner="u", workspace=None))
    changes.publish(Change(name="a", owner="v", workspace=None))
    changes.end()
    seen = [(change.name, change.owner) async for change in reader]
    assert seen == [("b", "u"), ("a", "u"), ("a", "v")]
    late = changes.read()
    changes.publish(gone)
    assert await anext(late) == gone


async def test_the_gate_keeps_order_and_survives_cancellation() -> None:
    gate = Gate(1)
    order: list[str] = []
    waits: dict[str, list[int]] = {"b": [], "c": [], "d": []}
    release = asyncio.Event()

    async def enter(name: str) -> None:
        async with gate.enter(lambda before: waits[name].append(before)):
            order.append(name)
            await release.wait()

    tasks = {}
    for name in "abcd":
        tasks[name] = asyncio.create_task(enter(name))
        await asyncio.sleep(0)
    assert order == ["a"]
    assert waits == {"b": [1], "c": [2], "d": [3]}
    tasks["b"].cancel()
    await asyncio.gather(tasks["b"], return_exceptions=True)
    tasks["a"].cancel()
    await until(lambda: order == ["a", "c"])
    assert waits["d"][-1] == 1
    release.set()
    await asyncio.gather(tasks["c"], tasks["d"])
    assert order == ["a", "c", "d"]
    async with asyncio.timeout(LIMIT), gate.enter(lambda before: None):
        pass


async def test_logs_are_merged_by_time_cleaned_and_rotated(tmp_path: Path) -> None:
    watcher = FolderWatcher()
    log = WorkspaceLog(tmp_path, watcher)
    log.editor_path.write_bytes(b"x" * (ROTATE_ABOVE + 1))
    log.begin()
    assert (tmp_path / "editor.log.1").stat().st_size == ROTATE_ABOVE + 1
    with log.editor_path.open("a") as file:
        file.write("[2020-01-01T00:00:00.000Z] info  earlier\n\x1b[31mred\x1b[0m\x07\n[2999-01-01T00:00:00.000Z] later")
    log.write("Starting with https://me:S3CR3T@host/a.")
    lines = [line async for line in log.read(follow=False)]
    assert [line.text for line in lines] == [
        "info  earlier",
        "red ",
        "Starting with https://***@host/a.",
        "later",
    ]
    assert lines[0].at == datetime(2020, 1, 1, tzinfo=UTC)
    assert log.last_words() == "info  earlier / red / later"
    log.begin()
    assert [line async for line in log.read(follow=False)] == []


@pytest.mark.parametrize("notified", [True, False])
async def test_followers_are_woken_by_what_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notified: bool
) -> None:
    watcher = FolderWatcher()
    if not notified:
        monkeypatch.setattr(watcher, "add", lambda folder, callback: None)
    log = WorkspaceLog(tmp_path, watcher)
    log.begin()
    texts: list[str] = []

    async def follow() -> None:
        nonlocal texts
        async for line in log.read(follow=True):
            texts += [line.text]

    follower = asyncio.create_task(follow())
    log.write("first")
    await until(lambda: texts == ["first"])
    with log.editor_path.open("a") as file:
        file.write("second\n")
    await until(lambda: texts == ["first", "second"])
    log.end()
    await asyncio.wait_for(follower, LIMIT)
    watcher.close()


@pytest.mark.parametrize("pidfd", [True, False])
async def test_an_exit_is_noticed_and_no_other_process_is_hit(monkeypatch: pytest.MonkeyPatch, pidfd: bool) -> None:
    if not pidfd:

        def missing(pid: int, flags: int = 0) -> int:
            raise OSError(38, "not implemented")

        monkeypatch.setattr(os, "pidfd_open", missing)
    child = await asyncio.create_subprocess_exec("sleep", "300")
    process = ProcessId.of(child.pid)
    assert process is not None
    stranger = ProcessId(process.pid, "another start")
    assert not stranger.is_alive()
    assert not stranger.send(signal.SIGKILL)
    assert await wait_gone([stranger], timeout=0) == []
    assert await wait_gone([process], timeout=0.01) == [process]
    gone = asyncio.Event()
    watch = ExitWatch(process, gone.set)
    assert process.send(signal.SIGTERM)
    await asyncio.wait_for(gone.wait(), LIMIT)
    watch.close()
    assert await child.wait() == -signal.SIGTERM
    late = asyncio.Event()
    ExitWatch(process, late.set)
    await asyncio.wait_for(late.wait(), LIMIT)


async def test_what_ignores_a_request_is_killed() -> None:
    stubborn = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        "trap '' TERM HUP; echo ready; while :; do read -t 60 < /dev/zero; done",
        stdout=asyncio.subprocess.PIPE,
    )
    assert stubborn.stdout is not None
    await stubborn.stdout.readline()
    process = ProcessId.of(stubborn.pid)
    assert process is not None
    await end([process], grace=0.2)
    assert await stubborn.wait() == -signal.SIGKILL


def test_setting_the_clock_does_not_change_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ProcessId.of(os.getpid())
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert before is not None
    assert before.is_alive()
    assert identity.start_of(2**22 + 1) is None


@pytest.mark.parametrize(
    ("bound", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "::1"),
        ("::ffff:0.0.0.0", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_where_a_bound_socket_is_reached(bound: str, address: str) -> None:
    assert reachable(bound) == address


def test_listening_sockets_of_a_process_are_found_on_both_families() -> None:
    with (
        # The system may give both families the same port, which then counts as reached by IPv4.
        socket.create_server(("127.0.0.1", free_port())) as four,
        socket.create_server(("::1", free_port()), family=socket.AF_INET6) as six,
    ):
        me = ProcessTable().scan().processes[os.getpid()]
        found = {listener.port: listener.address for listener in listeners([me])}
        assert found[four.getsockname()[1]] == "127.0.0.1"
        assert found[six.getsockname()[1]] == "::1"
        assert listeners([]) == []


async def test_sizes_follow_no_links(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "file").write_bytes(os.urandom(200_000))
    (tmp_path / "home" / "link").symlink_to("/usr")
    size = await disk_usage(tmp_path / "home", tmp_path / "missing")
    assert size is not None
    assert 200_000 <= size < 300_000


def test_removal_follows_no_link_out(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(precious)
    remove_tree(tree)
    remove_tree(tree)
    assert (precious / "file").read_text() == "mine"


def test_an_atomic_write_leaves_the_old_text_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \udc80")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
