"""The operator takes up another key, and not before the control plane can know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.operator.run import follow
from vibecode.services.agents import LOOK_EVERY, OVERLAP, SETTLE, SharedKey

KUBELET = 90.0
"""Seconds that a changed Secret takes at most to come to a pod: the kubelet's sync period, and half of it more."""


class Finished(Exception):
    """The story is over."""


async def test_a_changed_key_is_signed_with_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "key"
    one, two, three = (number * 32 for number in (b"1", b"2", b"3"))
    path.write_bytes(one)
    told: list[float | bytes] = []
    time = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal time
        time += seconds
        told.append(seconds)
        if len(told) == 2:
            path.write_bytes(two)
        if len(told) == 7:
            path.write_bytes(three)
        if len(told) == 12:
            raise Finished

    with pytest.raises(Finished):
        await follow(SharedKey(path, now=lambda: time), told.append, sleep=sleep)
    look = LOOK_EVERY
    assert told == [look, look, SETTLE, two, look, look, look, SETTLE, three, look, look, look]


def test_a_key_is_good_until_all_have_changed() -> None:
    # The control plane has the new key before the operator signs with it, whoever's kubelet was the first.
    assert SETTLE > KUBELET
    # And the old one until the last workspace has got its new token.
    assert OVERLAP > KUBELET + SETTLE + KUBELET
