"""Command lines in the pages are accepted, and messages are those of the code."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import pytest

from scripts import docs
from tests.unit.docs.pages import PAGES, ROOT, fenced, read

COMMANDS = dict(docs.commands())


def command_lines() -> Iterator[tuple[str, str, bool]]:
    """Yield pages' names, their command lines, and whether each is one to be run as it is."""
    for page in PAGES:
        for block in fenced(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(\S+/)?vibecode\s", line.strip()):
                    yield page.name, line.strip(), True
        for span in re.findall(r"`(vibecode [^`\n]+)`", page.read_text(encoding="utf-8")):
            yield page.name, span, False


def parse(line: str, *, complete: bool) -> None:
    """Follow a command line through the command's tree; fail where a name or option isn't there, or an argument lacks.

    Prose may name a command without what it needs; what is ``complete`` may not.
    """
    words = shlex.split(line, comments=True)
    name, rest = "vibecode", words[1:]
    while rest and hasattr(COMMANDS[name], "commands") and not rest[0].startswith("-"):
        name = f"{name} {rest.pop(0)}"
        assert name in COMMANDS, f"there is no command `{name}`"
    if rest == ["--help"]:
        return
    assert rest or not hasattr(COMMANDS[name], "commands") or name == words[0], f"`{name}` is only a group"
    options = {option: p for p in COMMANDS[name].params for option in docs.option_names(p)}
    given: list[str] = []
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            given.append(word)
            continue
        option, has_value, _ = word.partition("=")
        assert option in options, f"`{name}` has no option {option}"
        if not options[option].is_flag and not has_value:
            assert rest, f"{option} needs a value"
            rest.pop(0)
    arguments = [p for p in COMMANDS[name].params if p.param_type_name == "argument"]
    assert len(given) <= len(arguments), f"`{name}` takes no {given[len(arguments) :]}"
    assert not complete or len(given) >= sum(p.required for p in arguments), f"`{name}` needs more"


@pytest.mark.parametrize(("page", "line", "complete"), sorted(set(command_lines())))
def test_command_lines_are_accepted(page: str, line: str, complete: bool) -> None:
    parse(line, complete=complete)


@pytest.mark.parametrize(
    "line", ["vibecode workspace fly", "vibecode up --ports 1", "vibecode workspace show a b", "vibecode editor use"]
)
def test_wrong_command_lines_are_found(line: str) -> None:
    with pytest.raises(AssertionError):
        parse(line, complete=True)


def strings() -> str:
    """Return all texts in the code, with … for what is filled in, one a line."""
    found: list[str] = []
    for file in [*ROOT.glob("src/**/*.py"), *ROOT.glob("scripts/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values]
                found.append("".join(parts).replace("\n", " "))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value.replace("\n", " "))
    return "\n".join(found)


def test_messages_in_troubleshooting_are_those_of_the_code() -> None:
    code = strings()
    quoted = 0
    for row in re.findall(r"^\| (`.*?) \|", read("docs/troubleshooting.md"), re.MULTILINE):
        for message in re.findall(r"`([^`]+)`", row):
            quoted += 1
            pieces = [piece.strip() for piece in message.split("…") if len(piece.strip()) > 3]
            for piece in pieces:
                assert piece in code, f"no message of the code holds {piece!r}"
    assert quoted > 50
