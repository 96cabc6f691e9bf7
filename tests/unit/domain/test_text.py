"""What others wrote does nothing to a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode and 日本", "plain, ünïcode and 日本"),
        ("\x1b[32mgreen\x1b[0m", "green"),
        ("\x1b]0;title\x07task", "task"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("bell\x07", "bell "),
        ("\x1b", " "),
        ("abc\u202egnp.exe", "abc gnp.exe"),
        ("half \ud800", "half  "),
    ],
)
def test_orders_to_a_terminal_are_left_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_shall_stay_stays() -> None:
    assert printable("a\tb\x07", keep="\t") == "a\tb "


@given(st.text(st.characters() | st.sampled_from("\x1b[]\x9b\x9d\x07m0;")))
def test_nothing_unprintable_is_left(text: str) -> None:
    assert printable(text).isprintable()
