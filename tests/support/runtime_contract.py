"""What every runtime does, whatever it runs workspaces with: the same tests for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import ClassVar

import pytest

from tests.support.kubernetes_runtime import LIMIT, reach, running, spec
from vibecode.domain.errors import (
    InvalidInput,
    InvalidName,
    NameTaken,
    RevisionMismatch,
    TemplateNotFound,
    WorkspaceNotFound,
)
from vibecode.domain.workspace import GitSource, Phase, TemplateSource, Workspace, WorkspaceChanges
from vibecode.runtimes.base import Runtime

Unanswered = Callable[[], AbstractContextManager[None]]


class RuntimeContract:
    """Needs a fixture ``runtime`` that is open and has no workspace."""

    SHOWN_WHEN_STARTED: ClassVar[tuple[Phase, ...]] = (Phase.STARTING,)

    @pytest.fixture
    def unanswered(self) -> Unanswered:
        """Return what keeps whoever else acts on requests from doing so for a while; here nobody does."""
        return nullcontext

    async def test_a_new_workspace_is_pending_and_then_runs(self, runtime: Runtime, unanswered: Unanswered) -> None:
        with unanswered():
            created = await runtime.create(spec())
        assert created.phase is Phase.PENDING
        assert (created.name, created.owner) == ("alice", "u-alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        workspace = await runtime.get("alice")
        assert (workspace.id, workspace.phase) == (created.id, Phase.RUNNING)
        assert workspace.reason
        assert workspace.started_at is not None
        assert workspace.last_active is not None
        assert runtime.peek("alice") == workspace
        assert runtime.peek_id(workspace.id) == workspace
        assert await runtime.upstream("alice") is not None

    async def test_of_many_creates_at_once_one_gets_the_name(self, runtime: Runtime) -> None:
        results = await asyncio.gather(
            *(runtime.create(spec(owner=f"u-{number}")) for number in range(8)), return_exceptions=True
        )
        assert sorted(isinstance(result, NameTaken) for result in results) == [False] + 7 * [True]
        (workspace,) = await runtime.list()
        assert [result.id for result in results if isinstance(result, Workspace)] == [workspace.id]
        with pytest.raises(NameTaken):
            await runtime.create(spec(owner="u-carol"))

    async def test_what_is_not_valid_is_refused_before_anything_is_made(self, runtime: Runtime) -> None:
        with pytest.raises(InvalidName):
            await runtime.create(spec("-rf"))
        with pytest.raises(InvalidInput):
            await runtime.create(spec(source=GitSource(url="ext::sh -c touch% /tmp/x")))
        with pytest.raises(InvalidInput):
            await runtime.create(spec(source=GitSource(url="https://git.example.org/a/b.git", branch="-x")))
        with pytest.raises(TemplateNotFound):
            await runtime.create(spec(source=TemplateSource(name="missing")))
        assert await runtime.list() == []

    async def test_nothing_is_known_of_a_name_that_nobody_took(self, runtime: Runtime) -> None:
        assert runtime.peek("nobody") is None
        assert runtime.peek_id("nothing") is None
        assert await runtime.upstream("nobody") is None
        assert runtime.process_activity("nobody") is None
        assert not await runtime.wait_ready("nobody", timeout=LIMIT)
        for asked in (
            runtime.get("nobody"),
            runtime.start("nobody"),
            runtime.stop("nobody", reason="Stopped."),
            runtime.restart("nobody"),
            runtime.update("nobody", WorkspaceChanges(idle_timeout=60)),
            runtime.delete("nobody", purge=True),
            runtime.ports("nobody"),
            runtime.events("nobody"),
            runtime.purge_kept("nobody", owner="u-alice"),
        ):
            with pytest.raises(WorkspaceNotFound):
                await asked
        with pytest.raises(WorkspaceNotFound):
            await anext(runtime.logs("nobody", follow=False))

    async def test_stop_and_start_can_be_repeated(self, runtime: Runtime, unanswered: Unanswered) -> None:
        first = await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await runtime.stop("alice", reason="Somebody else said so too.")
        stopped = await reach(runtime, "alice", Phase.STOPPED)
        assert stopped.reason == "Stopped by alice."
        assert (stopped.started_at, stopped.stops_at) == (None, None)
        assert await runtime.upstream("alice") is None
        assert runtime.process_activity("alice") is None
        assert not await runtime.ports("alice")
        with unanswered():
            started = await runtime.start("alice")
        assert started.phase in self.SHOWN_WHEN_STARTED
        await runtime.start("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        again = await runtime.get("alice")
        assert again.started_at is not None
        assert first.started_at is not None
        assert again.started_at > first.started_at
        assert (await runtime.start("alice")).revision == again.revision

    async def test_a_restart_begins_a_new_run(self, runtime: Runtime) -> None:
        before = await running(runtime)
        await runtime.restart("alice")
        after = await reach(runtime, "alice", lambda w: w.phase is Phase.RUNNING and w.started_at != before.started_at)
        assert after.id == before.id
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        await runtime.restart("alice")
        assert await runtime.wait_ready("alice", timeout=LIMIT)

    async def test_whoever_waits_is_woken_by_somebody_elses_start(self, runtime: Runtime) -> None:
        await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        assert not await runtime.wait_ready("alice", timeout=0.1)
        waiting = [asyncio.create_task(runtime.wait_ready("alice", timeout=LIMIT)) for _ in range(5)]
        await runtime.start("alice")
        assert await asyncio.gather(*waiting) == 5 * [True]

    async def test_an_update_needs_the_present_revision(self, runtime: Runtime) -> None:
        workspace = await running(runtime)
        changed = await runtime.update("alice", WorkspaceChanges(idle_timeout=60), revision=workspace.revision)
        assert changed.spec.idle_timeout == 60
        assert changed.revision > workspace.revision
        with pytest.raises(RevisionMismatch):
            await runtime.update("alice", WorkspaceChanges(never_idle=True), revision=workspace.revision)
        unchanged = await runtime.update("alice", WorkspaceChanges(idle_timeout=60))
        assert unchanged.revision == changed.revision
        forever = await runtime.update("alice", WorkspaceChanges(never_idle=True))
        assert forever.spec.idle_timeout is None
        results = await asyncio.gather(
            *(
                runtime.update("alice", WorkspaceChanges(idle_timeout=100 + n), revision=forever.revision)
                for n in range(5)
            ),
            return_exceptions=True,
        )
        assert sorted(isinstance(result, RevisionMismatch) for result in results) == [False] + 4 * [True]

    async def test_an_update_leaves_a_run_alone(self, runtime: Runtime) -> None:
        workspace = await running(runtime)
        changes = runtime.watch()
        for seconds in (60, 120, 180):
            assert (await runtime.update("alice", WorkspaceChanges(idle_timeout=seconds))).phase is Phase.RUNNING
        async with asyncio.timeout(LIMIT):
            async for change in changes:
                assert change.workspace is not None
                assert change.workspace.phase is Phase.RUNNING
                assert change.workspace.started_at == workspace.started_at
                if change.workspace.spec.idle_timeout == 180:
                    break

    async def test_a_slow_reader_misses_steps_but_not_the_last_state(self, runtime: Runtime) -> None:
        changes = runtime.watch()
        await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        change = await anext(changes)
        assert change.workspace is not None
        assert change.workspace.phase is Phase.STOPPED
        await runtime.delete("alice", purge=True)
        async with asyncio.timeout(LIMIT):
            async for change in changes:
                if change.workspace is None:
                    break
        assert (change.name, change.owner) == ("alice", "u-alice")

    async def test_the_words_about_its_use_show_while_it_runs(self, runtime: Runtime) -> None:
        workspace = await running(runtime)
        last_active = workspace.created_at + timedelta(minutes=5)
        stops_at = last_active + timedelta(minutes=12)
        runtime.set_idle_state("alice", reason="stops in 12 min", stops_at=stops_at, last_active=last_active)
        seen = runtime.peek("alice")
        assert seen is not None
        assert (seen.reason, seen.stops_at, seen.last_active) == ("stops in 12 min", stops_at, last_active)
        await runtime.stop("alice", reason="Stopped: nobody used it for 30 min.")
        stopped = await reach(runtime, "alice", Phase.STOPPED)
        assert (stopped.reason, stopped.stops_at) == ("Stopped: nobody used it for 30 min.", None)
        assert stopped.last_active == last_active
        await runtime.start("alice")
        await runtime.wait_ready("alice", timeout=LIMIT)
        assert (await runtime.get("alice")).stops_at is None

    async def test_lists_are_by_owner_and_name(self, runtime: Runtime) -> None:
        for name, owner in (("zoe", "u-1"), ("amy", "u-1"), ("bob", "u-2")):
            await runtime.create(spec(name, owner=owner))
        assert [w.name for w in await runtime.list()] == ["amy", "bob", "zoe"]
        assert [w.name for w in await runtime.list(owner="u-1")] == ["amy", "zoe"]
        assert [w.name for w in await runtime.list(owner="u-3")] == []

    async def test_two_deletes_at_once_and_what_comes_after(self, runtime: Runtime) -> None:
        first = await running(runtime)
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        waiter = asyncio.create_task(runtime.wait_ready("alice", timeout=LIMIT))
        await asyncio.sleep(0)
        await asyncio.gather(runtime.delete("alice", purge=True), runtime.delete("alice", purge=True))
        assert await waiter is False
        assert runtime.peek("alice") is None
        assert runtime.peek_id(first.id) is None
        assert await runtime.list_kept() == []
        again = await running(runtime, owner="u-bob")
        assert (again.id != first.id, again.owner) == (True, "u-bob")

    async def test_following_a_log_ends_with_the_workspace(self, runtime: Runtime) -> None:
        await running(runtime)

        async def follow() -> list[str]:
            return [line.text async for line in runtime.logs("alice", follow=True)]

        follower = asyncio.create_task(follow())
        await runtime.stop("alice", reason="Stopped by alice.")
        await reach(runtime, "alice", Phase.STOPPED)
        assert [line async for line in runtime.logs("alice", follow=False)]
        await runtime.delete("alice", purge=True)
        assert await asyncio.wait_for(follower, LIMIT)
