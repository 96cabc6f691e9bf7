from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.cookies import OUR_NAMES, SESSION_NAMES, may_set, strip, values_of

_text = st.text(st.characters(codec="latin-1", exclude_characters=";\r\n\0"), max_size=12)
_others = st.tuples(_text.map(lambda name: "x" + name.replace("=", "")), _text).map("=".join)
_ours = st.tuples(st.sampled_from(sorted(OUR_NAMES)), _text).map("=".join)


@given(st.lists(st.one_of(_others, _ours)))
def test_what_is_left_has_all_of_theirs_and_none_of_ours(pairs: list[str]) -> None:
    left = strip("; ".join(pairs))
    kept = [] if left is None else [pair.strip(" \t") for pair in left.split(";")]
    expected = [pair.strip(" \t") for pair in pairs if pair.startswith("x")]
    assert [pair for pair in kept if pair] == [pair for pair in expected if pair]
    assert [value for name in SESSION_NAMES for value in values_of(name, [left or ""])] == []


@given(st.lists(_others))
def test_a_header_without_ours_is_left_alone(pairs: list[str]) -> None:
    header = "; ".join(pairs)
    assert strip(header) == header


@given(_text)
def test_no_cookie_that_a_browser_keeps_under_our_name_may_be_set(value: str) -> None:
    for name in OUR_NAMES:
        for form in (f"{name}={value}", f" {name} = {value}; Path=/", f"={name}={value}", name):
            assert not may_set(form, "alice.example")


@pytest.mark.parametrize("name", SESSION_NAMES)
def test_every_session_value_is_found_in_order(name: str) -> None:
    assert values_of(name, [f"a=b; {name}=one", f"{name}=two;{name}=;x{name}=three"]) == ["one", "two"]


def test_values_keep_their_equals_signs() -> None:
    assert values_of("vibecode", ["vibecode=a=b=="]) == ["a=b=="]


def test_nothing_left_is_none() -> None:
    assert strip("vibecode=x; __Host-vibecode-state=y") is None


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("a=b", True),
        ("a=b; Path=/; HttpOnly", True),
        ("a=b; Domain=alice.vibecode.localhost", True),
        ("a=b; domain=.ALICE.vibecode.localhost", True),
        ("a=b; Domain=", True),
        ("a=b; Domain=vibecode.localhost", False),
        ("a=b; domain = .vibecode.localhost", False),
        ("a=b; DOMAIN=localhost; Domain=alice.vibecode.localhost", False),
        ("a=Domain=vibecode.localhost", True),
        ("vibecodes=b", True),
        ("Vibecode-theme=b", True),
    ],
)
@pytest.mark.parametrize("port", ["", ":8000"])
def test_a_workspace_sets_cookies_for_its_own_host_only(value: str, allowed: bool, port: str) -> None:
    assert may_set(value, "alice.vibecode.localhost" + port) is allowed


def test_an_ipv6_host_is_understood() -> None:
    assert may_set("a=b; Domain=[::1]", "[::1]:8000")
    assert may_set("a=b; Domain=[::1]", "[::1]")
