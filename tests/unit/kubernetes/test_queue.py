"""Each key once, at its time, never twice at the same time, and never lost."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.support.product_api import LIMIT
from vibecode.runtimes.kubernetes.queue import FIRST_RETRY, LONGEST_RETRY, SHARE, DelayQueue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


KEYS = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS, st.sampled_from([0.0, 1.0, 5.0])),
        st.tuples(st.just("get"), KEYS, st.just(0.0)),
        st.tuples(st.just("done"), KEYS, st.just(0.0)),
        st.tuples(st.just("wait"), KEYS, st.sampled_from([0.5, 1.0, 6.0])),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_key_is_lost_or_taken_twice(steps: list[tuple[str, str, float]]) -> None:
    asyncio.run(_run(steps))


async def _run(steps: list[tuple[str, str, float]]) -> None:
    clock = Clock()
    queue = DelayQueue(clock=clock, is_new=lambda key: key == "a")
    asked: dict[str, float] = {}
    """The earliest time at which each key that was asked for is due."""
    busy: set[str] = set()
    for kind, key, number in steps:
        if kind == "add":
            queue.add(key, delay=number)
            asked[key] = min(asked.get(key, float("inf")), clock.now + number)
        elif kind == "wait":
            clock.now += number
        elif kind == "done" and key in busy:
            busy.discard(key)
            queue.done(key)
        elif kind == "get":
            due = {name for name, at in asked.items() if at <= clock.now} - busy
            taken = await _take(queue)
            assert (taken is None) == (not due), (taken, due)
            if taken is not None:
                assert taken in due
                busy.add(taken)
                del asked[taken]
    # In the end everything that was asked for comes.
    for key in list(busy):
        queue.done(key)
    clock.now += 100
    rest = set()
    while (key_ := await _take(queue)) is not None:
        rest.add(key_)
        queue.done(key_)
    assert rest == set(asked)


async def _take(queue: DelayQueue) -> str | None:
    """Take a key if one is ready now."""
    task = asyncio.create_task(queue.get())
    for _ in range(3):
        await asyncio.sleep(0)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait([task])
    return None


async def test_many_workers_share_what_is_ready() -> None:
    queue = DelayQueue()
    done: list[str] = []
    most = at_once = 0

    async def work() -> None:
        nonlocal most, at_once
        while True:
            key = await queue.get()
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.001)
            at_once -= 1
            done.append(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    await asyncio.sleep(0)  # all wait by now
    names = [f"k{number}" for number in range(40)]
    for name in names:
        queue.add(name)
    async with asyncio.timeout(LIMIT):
        while len(done) < 40:
            await asyncio.sleep(0.001)
    for worker in workers:
        worker.cancel()
    await asyncio.wait(workers)
    assert sorted(done) == sorted(names)
    assert most == 4


async def test_what_was_begun_goes_first_and_what_is_new_has_its_share() -> None:
    queue = DelayQueue(is_new=lambda key: key.startswith("new"))
    for number in range(8):
        queue.add(f"new{number}")
    for number in range(8):
        queue.add(f"begun{number}")
    taken = [await queue.get() for _ in range(16)]
    assert [key for key in taken if key.startswith("new")] == [f"new{number}" for number in range(8)]
    assert [key for key in taken if key.startswith("begun")] == [f"begun{number}" for number in range(8)]
    assert [key.startswith("new") for key in taken[:8]] == ([False] * (SHARE - 1) + [True]) * (8 // SHARE)
    queue.add("new")
    assert await queue.get() == "new"


async def test_a_delay_wakes_a_waiting_worker() -> None:
    queue = DelayQueue()
    task = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("late", delay=5)
    queue.add("soon", delay=0.02)
    async with asyncio.timeout(LIMIT):
        assert await task == "soon"


def test_back_off_is_of_each_key_and_ends_with_success() -> None:
    clock = Clock()
    queue = DelayQueue(clock=clock)
    delays = [queue.retry("a") for _ in range(30)]
    assert FIRST_RETRY / 2 <= delays[0] <= FIRST_RETRY
    assert LONGEST_RETRY / 2 <= delays[-1] <= LONGEST_RETRY
    assert queue.retry("b") <= FIRST_RETRY
    assert queue.retry("b", at_least=30) == 30
    queue.forget("a")
    assert queue.retry("a") <= FIRST_RETRY
