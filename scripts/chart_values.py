"""Read what the comments of a chart's values.yaml say of each value.

`# -- text` above a key describes the value below it, whatever is inside of it; its lines go on with `# `. A comment
without `--` is about a group of values. docs/kubernetes-values.md is made from them (scripts/docs.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = ROOT / "charts/vibecode-platform"
WORKSPACE = ROOT / "charts/vibecode-workspace"
_MARK = "-- "


@dataclass(frozen=True)
class Value:
    """A value that an operator can set."""

    path: str
    """Keys with dots between, as `helm --set` takes them."""
    default: Any
    description: str
    """Empty where values.yaml says nothing of it."""


def read_values(chart: Path) -> list[Value]:
    """Return the values of a chart in the order of its values.yaml."""
    text = (chart / "values.yaml").read_text(encoding="utf-8")
    defaults = yaml.safe_load(text)
    return list(_walk(yaml.compose(text, Loader=yaml.SafeLoader), defaults, (), text.splitlines()))


def _walk(node: yaml.Node | None, defaults: Any, path: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{'.'.join(path) or 'values.yaml'} is no group of values")
    for key, child in node.value:
        comment = _comment_above(lines, key.start_mark.line)
        here, default = (*path, key.value), defaults[key.value]
        if comment.startswith(_MARK):
            yield Value(".".join(here), default, comment.removeprefix(_MARK))
        elif isinstance(child, yaml.MappingNode) and child.value:
            yield from _walk(child, default, here, lines)
        else:
            yield Value(".".join(here), default, "")


def _comment_above(lines: list[str], line: int) -> str:
    """Return the comment that ends right above a line, on one line."""
    found: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].lstrip().lstrip("#").strip())
    return " ".join(found)


def values_table(chart: Path, *, grouped: bool) -> str:
    """Describe every value; with ``grouped`` in a table for each group."""
    head = ["| Value | Default | Meaning |", "| --- | --- | --- |"]
    lines = [] if grouped else head.copy()
    group = ""
    for value in read_values(chart):
        first = value.path.partition(".")[0]
        if grouped and first != group:
            lines += [*([""] if group else []), f"### {first}", "", *head]
            group = first
        lines.append(f"| `{value.path}` | {_default(value.default)} | {_cell(value.description)} |")
    return "\n".join(lines)


def _default(default: Any) -> str:
    if default is None:
        return "`null`"
    if default == "":
        return "empty"
    text = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
