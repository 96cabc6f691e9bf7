"""How often somebody may do something."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from vibecode.services.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_one_each_time() -> None:
    clock = Clock()
    rates = Rates(per_second=2, burst=3, now=clock)
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait("b") == 0
    clock.now += 0.5
    assert [rates.wait("a"), rates.wait("a")] == [0, 0.5]
    clock.now += 100
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


@given(st.lists(st.floats(0, 3), max_size=200), st.floats(0.5, 5), st.integers(1, 10))
def test_never_more_than_the_budget_and_who_waits_as_told_is_let_through(
    gaps: list[float], per_second: float, burst: int
) -> None:
    clock = Clock()
    rates = Rates(per_second=per_second, burst=burst, now=clock)
    began, passed = clock.now, 0
    for gap in gaps:
        clock.now += gap
        wait = rates.wait("a")
        passed += wait == 0
        assert passed <= burst + math.floor((clock.now - began) * per_second + 1e-6)
        if wait:
            assert wait <= 1 / per_second + 1e-6
            clock.now += wait + 1e-6
            assert rates.wait("a") == 0
            passed += 1


def test_it_keeps_no_more_than_it_may() -> None:
    clock = Clock()
    rates = Rates(per_second=1, burst=1, most=3, now=clock)
    assert [rates.wait(key) for key in "abc"] == [0, 0, 0]
    assert rates.wait("d") > 0, "there is no room, so nobody else passes"
    clock.now += 1
    assert [rates.wait(key) for key in "defg"] == [0, 0, 0, 1]
