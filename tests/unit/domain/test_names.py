"""Names of workspaces, users and templates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.errors import InvalidName
from vibecode.domain.names import MAX_LENGTH, RESERVED, is_valid_name, suggest_name, validate_name


@pytest.mark.parametrize("name", ["a", "0", "alice", "my-project", "a1-b2-c3", "x" * MAX_LENGTH, "42"])
def test_dns_labels_are_names(name: str) -> None:
    assert validate_name(name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "can't be empty"),
        ("x" * (MAX_LENGTH + 1), "at most 40"),
        ("Alice", "lower case: try alice"),
        ("a--b", "two hyphens in a row"),
        ("xn--bcher-kva", "two hyphens in a row"),
        ("-a", "starts and ends"),
        ("a-", "starts and ends"),
        ("a_b", "try a-b"),
        ("a.b", "try a-b"),
        ("a b", "try a-b"),
        ("a/../b", "a-z, 0-9 and hyphens"),
        ("alice\n", "a-z, 0-9 and hyphens"),
        ("аlice", "'а'"),  # Cyrillic
        ("pаypal", "from another alphabet"),
        ("ａlice", "from another alphabet"),  # full width
        ("api", "reserved"),
        ("www", "reserved"),
        ("login", "reserved"),
    ],
)
def test_what_is_wrong_is_said_in_words(name: str, says: str) -> None:
    with pytest.raises(InvalidName, match=re.escape(says)) as caught:
        validate_name(name)
    assert caught.value.field == "name"


@given(st.text(max_size=60))
def test_a_valid_name_is_a_safe_dns_label(name: str) -> None:
    if is_valid_name(name):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name)
        assert "--" not in name
        assert name not in RESERVED


@given(st.text(max_size=100))
def test_every_suggestion_is_valid(text: str) -> None:
    assert is_valid_name(suggest_name(text))


@given(st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,19}", fullmatch=True))
def test_a_valid_name_is_its_own_suggestion(name: str) -> None:
    if is_valid_name(name):
        assert suggest_name(name) == name
