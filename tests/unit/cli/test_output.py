"""Nothing that a workspace chose reaches a terminal as an order."""

from __future__ import annotations

import json

import pytest

from vibecode.cli.output import note, print_json, print_table, say

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202eevil\nroot  admin"


def test_tables_lines_and_notes_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["NAME", "REASON"], [["alice", EVIL]], empty="None.")
    say(EVIL)
    note(f"Error: {EVIL}")
    out, err = capsys.readouterr()
    assert "evil root" in out
    assert out.count("\n") == 3
    assert err.count("\n") == 1
    assert all(character.isprintable() or character == "\n" for character in out + err)


def test_json_keeps_what_it_says_and_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"reason": EVIL, "name": "zoë", "odd": "\U000e0001\ud800"}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "zoë" in out
    assert all(character.isprintable() or character == "\n" for character in out)
