"""What the platform's parts may do in a cluster, and why: read from the chart, for docs/security.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from scripts.chart_values import PLATFORM

TEMPLATE: Final = PLATFORM / "templates/rbac.yaml"

_PLACES: Final = {
    "{{ $workspaces }}": "workspaces' namespace",
    "{{ $namespace }}": "platform's namespace",
}
"""What stands for the variables of the template."""

_CONDITION: Final = re.compile(r"{{- if \.Values\.(?P<value>[a-zA-Z.]+) }}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One rule of a role."""

    who: str
    where: str
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    """Of the objects that it is limited to; empty for all."""
    verbs: tuple[str, ...]
    why: str
    condition: str
    """The value that has to be true for it; empty if it always holds."""


def read_rights() -> list[Right]:
    """Return all rules of the chart, in its order."""
    text = TEMPLATE.read_text(encoding="utf-8")
    documents = [document for document in map(_load, text.split("\n---\n")) if document]
    accounts: dict[tuple[str, str], list[str]] = {}
    for document in documents:
        if document["kind"].endswith("Binding"):
            role = (document["roleRef"]["name"], document["metadata"]["namespace"])
            accounts[role] = [subject["name"] for subject in document["subjects"]]
    reasons = _reasons(text)
    rights = []
    for document in documents:
        metadata = document["metadata"]
        for rule in document.get("rules", []):
            why, condition = next(reasons)
            rights.append(
                Right(
                    who=" and ".join(
                        name.replace("-", " ") for name in accounts[metadata["name"], metadata["namespace"]]
                    ),
                    where=metadata["namespace"],
                    kinds=tuple(rule["resources"]),
                    names=tuple(rule.get("resourceNames", ())),
                    verbs=tuple(rule["verbs"]),
                    why=why,
                    condition=condition,
                )
            )
    return rights


def rights_table() -> str:
    """Describe every rule."""
    lines = ["| Who | Where | What | May | Why |", "| --- | --- | --- | --- | --- |"]
    for right in read_rights():
        what = ", ".join(f"`{kind}`" for kind in right.kinds)
        if right.names:
            what += f" named {', '.join(f'`{name}`' for name in right.names)}"
        if right.condition:
            what += f", with `{right.condition}` only"
        lines.append(f"| {right.who} | {right.where} | {what} | {', '.join(right.verbs)} | {right.why} |")
    return "\n".join(lines)


def _load(document: str) -> dict[str, Any] | None:
    """Return an object of the template, without what Helm would fill in elsewhere than in names."""
    for variable, word in _PLACES.items():
        document = document.replace(variable, word)
    lines = [line for line in document.splitlines() if "{{" not in line]
    loaded: dict[str, Any] | None = yaml.safe_load("\n".join(lines))
    return loaded


def _reasons(text: str) -> Iterator[tuple[str, str]]:
    """Yield the comment above each rule, and the condition that it stands in."""
    comment, condition = "", ""
    for line in text.splitlines():
        if found := _CONDITION.search(line):
            condition = found["value"]
        elif "{{- end }}" in line:
            condition = ""
        elif line.startswith("  # "):
            comment = line.removeprefix("  # ")
        elif line.startswith("  - apiGroups:"):
            yield comment, condition
