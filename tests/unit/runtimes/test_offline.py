"""Workspaces that a server left running, stopped without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.local_runtime import build, opened, running
from tests.support.stores import MemoryStore
from tests.unit.runtimes.test_adoption import killed_server
from vibecode.domain.workspace import Phase
from vibecode.runtimes.local.identity import ProcessId
from vibecode.runtimes.local.layout import DataFolder
from vibecode.runtimes.local.offline import running_in, stop_all


async def test_what_a_killed_server_left_is_stopped_and_stays_so(tmp_path: Path) -> None:
    async with (
        opened(build(tmp_path / "other")) as other,
        killed_server(tmp_path) as (workspace_id, folder, terminal),
    ):
        of_others = await running(other, "bob")
        data, store, stopped = DataFolder(tmp_path / "data"), MemoryStore(tmp_path / "store"), list[str]()
        assert running_in(data) == [workspace_id]
        assert await stop_all(data, store, on_stop=stopped.append) == 1
        assert stopped == ["alice"]
        assert running_in(data) == []
        assert ProcessId.of(terminal) is None
        assert not (folder / "run" / "process.json").exists()
        still = other.peek("bob")
        assert still is not None
        # What it uses is measured again and again.
        assert replace(still, usage=of_others.usage) == of_others
        assert running_in(DataFolder(tmp_path / "other")) == [of_others.id]
        assert await stop_all(data, store, on_stop=stopped.append) == 0

        async with opened(build(tmp_path / "data", store=MemoryStore(tmp_path / "store"))) as again:
            found = again.peek("alice")
            assert found is not None
            assert (found.phase, found.reason) == (Phase.STOPPED, "Stopped by `vibecode down`.")
            assert (await again.events("alice"))[0].message == "Stopped by `vibecode down`."


def test_a_folder_without_workspaces_has_none_running(tmp_path: Path) -> None:
    assert running_in(DataFolder(tmp_path / "none")) == []
    assert not (tmp_path / "none").exists()


def test_whether_a_server_uses_the_folder(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    assert not data.in_use()
    data.lock(url="http://vibecode.localhost:8000")
    assert DataFolder(tmp_path).in_use()
    data.release()
    assert not data.in_use()
