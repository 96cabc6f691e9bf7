"""The copy stays right whatever happens to the watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.product_api import LIMIT
from tests.support.watch_server import WatchServer, serving
from vibecode.runtimes.kubernetes import reflector as module
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.reflector import Reflector, backoff
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object, Selection


class Watched:
    def __init__(self, server: WatchServer, client: Client) -> None:
        self.server = server
        self.changes: list[tuple[str, bool, bool]] = []
        self.reflector = Reflector(
            client, Selection(resource=WORKSPACES, namespace="ns"), trim=_trim, on_change=self._changed
        )

    def _changed(self, name: str, new: Object | None, old: Object | None) -> None:
        self.changes.append((name, new is not None, old is not None))

    def values(self) -> dict[str, int]:
        return {name: item["spec"]["value"] for name, item in self.reflector.store.items()}

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():
                await asyncio.sleep(0.005)

    async def until_right(self) -> None:
        """Wait until the copy is what the server holds."""
        await self.until(
            lambda: self.values() == {name: item["spec"]["value"] for name, item in self.server.objects.items()}
        )

    async def until_watching(self) -> None:
        await self.until(lambda: self.server.watching == 1)


def _trim(obj: Object) -> Object:
    return {"metadata": obj["metadata"], "spec": obj["spec"]}


@asynccontextmanager
async def watched(*names: str) -> AsyncIterator[Watched]:
    async with serving() as (server, client):
        for name in names:
            server.put(name, value=1)
        subject = Watched(server, client)
        task = asyncio.create_task(subject.reflector.run())
        try:
            async with asyncio.timeout(LIMIT):
                await subject.reflector.synced()
            await subject.until_watching()
            yield subject
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: how long is waited is tested apart."""
    monkeypatch.setattr(module, "backoff", lambda _failures: 0.01)


async def test_reads_then_follows() -> None:
    async with watched("a", "b") as subject:
        assert subject.values() == {"a": 1, "b": 1}
        subject.server.put("a", value=2)
        subject.server.put("c", value=1)
        subject.server.remove("b")
        await subject.until_right()
        assert subject.changes == [
            ("a", True, False),
            ("b", True, False),
            ("a", True, True),
            ("c", True, False),
            ("b", False, True),
        ]


async def test_reads_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client.pages, "__kwdefaults__", {"page_size": 7})
    async with watched(*(f"w{number:03}" for number in range(50))) as subject:
        assert len(subject.reflector.store) == 50
        assert len(subject.server.lists) == 8


async def test_a_watch_that_ends_goes_on_from_where_it_was() -> None:
    async with watched("a") as subject:
        subject.server.put("a", value=2)
        await subject.until_right()
        at = subject.server.version
        subject.server.end()
        await subject.until(lambda: len(subject.server.watches) == 2)
        assert subject.server.watches[1]["resourceVersion"] == str(at)
        assert subject.reflector.lists == 1


async def test_a_bookmark_moves_the_version_on() -> None:
    async with watched("a") as subject:
        subject.server.bookmark()
        at = subject.server.version
        subject.server.put("b", value=1)
        await subject.until_right()
        subject.server.bookmark()
        at = subject.server.version
        subject.server.end()
        await subject.until(lambda: len(subject.server.watches) == 2)
        assert subject.server.watches[1]["resourceVersion"] == str(at)


async def test_changes_while_the_connection_is_cut_arrive() -> None:
    async with watched("a", "b") as subject:
        subject.server.cut()
        subject.server.put("a", value=5)
        subject.server.remove("b")
        await subject.until_right()
        assert subject.reflector.lists == 1


async def test_half_an_event_is_none() -> None:
    async with watched("a") as subject:
        subject.server.send_raw(b'{"type":"MODIFIED","object":{"metadata":{"na')
        subject.server.end()
        await subject.until(lambda: len(subject.server.watches) == 2)
        subject.server.put("a", value=3)
        await subject.until_right()


async def test_gone_reads_everything_again_and_tells_what_vanished() -> None:
    async with watched("a", "b", "c") as subject:
        subject.server.cut()
        subject.server.remove("b")
        subject.server.put("c", value=2)
        subject.server.forget_history()
        await subject.until_right()
        assert subject.reflector.lists == 2
        # "a" did not change, so nothing is told of it again.
        assert subject.changes[3:] == [("c", True, True), ("b", False, True)]


async def test_gone_in_the_middle_of_a_watch() -> None:
    async with watched("a") as subject:
        subject.server.forget_history()
        subject.server.expire()
        await subject.until(lambda: subject.reflector.lists == 2)
        subject.server.put("a", value=9)
        await subject.until_right()


async def test_errors_are_tried_again() -> None:
    async with watched("a") as subject:
        subject.server.failures = [500, 429, 503, 403]
        subject.server.put("a", value=2)
        subject.server.cut()
        subject.server.put("b", value=2)
        await subject.until_right()


async def test_watches_that_end_at_once_are_not_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as by a proxy that keeps no connection open."""
    async with watched("a") as subject:
        pauses: list[tuple[int, int]] = []

        def note(failures: int) -> float:
            pauses.append((failures, len(subject.server.watches)))
            subject.server.put("a", value=failures)
            return 0.01

        monkeypatch.setattr(module, "backoff", note)
        subject.server.ends_at_once = True
        subject.server.end()
        await subject.until(lambda: len(pauses) >= 6)
        # One watch, one pause, and each longer than the last, whatever comes by the watches.
        assert pauses[:6] == [(number, number) for number in range(1, 7)]
        subject.server.ends_at_once = False
        await subject.until_right()
        assert subject.reflector.lists == 1


async def test_a_watch_that_lasted_is_followed_by_the_next_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[int] = []

    def note(failures: int) -> float:
        pauses.append(failures)
        return 0.01

    monkeypatch.setattr(module, "backoff", note)
    monkeypatch.setattr(module, "QUICK", 0.0)
    async with watched("a") as subject:
        await subject.until_watching()
        subject.server.end()
        await subject.until(lambda: len(subject.server.watches) == 2)
        await subject.until_watching()
        subject.server.end()
        await subject.until(lambda: len(subject.server.watches) == 3)
        assert pauses == []


async def test_what_was_written_is_read_at_once_and_told_once() -> None:
    async with watched("a") as subject:
        told = len(subject.changes)
        version = str(subject.server.version + 1)
        noted = {"metadata": {"name": "a", "uid": "a-11", "resourceVersion": version}, "spec": {"value": 7}}
        subject.reflector.note(noted)
        assert subject.values() == {"a": 7}
        subject.server.put("a", value=7)
        subject.server.put("b", value=1)
        await subject.until_right()
        assert [change[0] for change in subject.changes[told:]] == ["b"]


async def test_what_somebody_else_changed_before_is_told_although_the_answer_held_it() -> None:
    async with watched("a") as subject:
        told = len(subject.changes)
        version = str(subject.server.version + 2)
        # Theirs is the next version, ours the one after it; our answer is here before the watch tells of theirs.
        noted = {"metadata": {"name": "a", "uid": "a-11", "resourceVersion": version}, "spec": {"value": 7}}
        subject.reflector.note(noted)
        subject.server.put("a", value=6)
        subject.server.put("a", value=7)
        subject.server.put("b", value=1)
        await subject.until_right()
        assert [change[0] for change in subject.changes[told:]] == ["a", "b"]


async def test_what_was_changed_before_is_told_by_a_list_too() -> None:
    async with watched("a") as subject:
        await subject.until_watching()
        told = len(subject.changes)
        subject.server.cut()
        version = str(subject.server.version + 2)
        subject.reflector.note(
            {"metadata": {"name": "a", "uid": "a-11", "resourceVersion": version}, "spec": {"value": 7}}
        )
        subject.server.put("a", value=6)
        subject.server.put("a", value=7)
        subject.server.forget_history()
        await subject.until(lambda: subject.reflector.lists == 2 and len(subject.changes) > told)
        assert subject.changes[told][0] == "a"


async def test_an_answer_that_comes_after_the_end_brings_nothing_back() -> None:
    async with watched("a") as subject:
        answer = subject.server.put("a", value=2)
        subject.server.remove("a")
        await subject.until(lambda: "a" not in subject.reflector.store)
        subject.server.bookmark()
        subject.server.put("b", value=1)
        await subject.until_right()
        subject.reflector.note(answer)
        assert subject.values() == {"b": 1}


async def test_an_old_answer_does_not_hide_what_is_newer() -> None:
    async with watched("a") as subject:
        old = subject.server.objects["a"]
        subject.server.put("a", value=2)
        await subject.until_right()
        subject.reflector.note(old)
        assert subject.values() == {"a": 2}


async def test_the_end_of_one_is_not_the_end_of_the_next_of_its_name() -> None:
    async with watched("a") as subject:
        version = str(subject.server.version + 2)
        subject.reflector.note(
            {"metadata": {"name": "a", "uid": "another", "resourceVersion": version}, "spec": {"value": 8}}
        )
        subject.server.remove("a")
        subject.server.put("b", value=1)
        await subject.until(lambda: "b" in subject.reflector.store)
        assert subject.values() == {"a": 8, "b": 1}


async def test_a_silent_connection_counts_as_dead() -> None:
    async with serving() as (server, client):
        from vibecode.runtimes.kubernetes.errors import ApiUnavailable

        selection = Selection(resource=WORKSPACES, namespace="ns")
        with pytest.raises(ApiUnavailable):
            async for _ in client.watch(selection, version=str(server.version), silence=0.1):
                pass


def test_backoff_grows_to_its_limit_and_is_spread() -> None:
    for failures, longest in ((1, 0.5), (2, 1.0), (3, 2.0), (20, 10.0), (2000, 10.0)):
        delays = [backoff(failures) for _ in range(200)]
        assert longest / 2 <= min(delays) < max(delays) <= longest
