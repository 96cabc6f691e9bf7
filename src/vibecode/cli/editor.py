"""``vibecode editor``: the installed versions of the editor. Works on the data folder, with or without a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vibecode.cli.options import Command, DataDir, Json, resolve
from vibecode.cli.output import say

if TYPE_CHECKING:
    from vibecode.editor.store import EditorStore

app = typer.Typer(
    help="Install, list, switch and remove versions of the editor.", no_args_is_help=True, rich_markup_mode=None
)

Version = Annotated[str, typer.Argument(help="A version, such as 4.139.1.", metavar="VERSION", show_default=False)]


@app.command("install", cls=Command)
def install(
    version: Annotated[
        str | None,
        typer.Argument(
            help="A version that `list` shows; the newest if not given.", metavar="VERSION", show_default=False
        ),
    ] = None,
    use: Annotated[
        bool, typer.Option("--use/--no-use", help="Use it for workspaces that are started from now on.")
    ] = True,
    again: Annotated[bool, typer.Option("--again", help="Replace an installation that is there.")] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Install a version beside those that are there. Running workspaces keep theirs until they are restarted."""
    import asyncio

    from vibecode.cli.output import note, print_json
    from vibecode.editor.processes import versions_in_use

    store = _store(data_dir)
    editor = asyncio.run(store.install(progress=note, version=version, again=again))
    if use:
        store.use(editor.version)
    if as_json:
        print_json(_described(store, editor.version, versions_in_use(store.root)))
    else:
        state = "used for new starts" if _is_current(store, editor.version) else "installed"
        say(f"Editor {editor.version} is {state}: {editor.root}")


@app.command("list", cls=Command)
def list_versions(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the installed versions and those that can be installed."""
    from vibecode.cli.output import bytes_text, print_json, print_table
    from vibecode.editor import locks
    from vibecode.editor.processes import versions_in_use

    store = _store(data_dir)
    installed = {editor.version for editor in store.installed()}
    versions = sorted(installed | set(locks.pinned()), key=locks.version_key, reverse=True)
    counts = versions_in_use(store.root)
    items = [_described(store, version, counts) for version in versions]
    if as_json:
        print_json(items)
        return
    rows = [
        [
            str(item["version"]),
            _state(item),
            bytes_text(size) if isinstance(size := item["sizeBytes"], int) else "-",
            str(item["workspaces"]) if item["installed"] else "-",
        ]
        for item in items
    ]
    print_table(["VERSION", "STATE", "SIZE", "RUNNING WORKSPACES"], rows, empty="No versions.")


@app.command("use", cls=Command)
def use(version: Version, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Use an installed version for workspaces that are started from now on."""
    from vibecode.cli.output import print_json
    from vibecode.editor.processes import versions_in_use

    store = _store(data_dir)
    store.use(version)
    if as_json:
        print_json(_described(store, version, versions_in_use(store.root)))
    else:
        say(f"Workspaces that are started from now on use editor {version}; running ones keep theirs.")


@app.command("remove", cls=Command)
def remove(version: Version, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Remove an installed version that nothing uses."""
    from vibecode.cli.output import print_json
    from vibecode.editor.processes import versions_in_use

    store = _store(data_dir)
    store.remove(version, in_use=versions_in_use(store.root))
    if as_json:
        print_json({"removed": version})
    else:
        say(f"Editor {version} is removed.")


def _store(data_dir: Path | None) -> EditorStore:
    import logging

    import structlog

    # Standard output is for results; what is worth knowing is told as progress or as an error.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    from vibecode.editor.store import EditorStore

    return EditorStore(resolve(data_dir) / "editors")


def _is_current(store: EditorStore, version: str) -> bool:
    current = store.current()
    return current is not None and current.version == version


def _described(store: EditorStore, version: str, counts: Mapping[str, int]) -> dict[str, object]:
    from vibecode.domain.errors import EditorUnavailable

    problem: str | None = None
    size: int | None = None
    is_installed = any(editor.version == version for editor in store.installed())
    if is_installed:
        try:
            size = store.manifest(version).size_bytes
        except EditorUnavailable as error:
            problem = error.detail
    return {
        "version": version,
        "installed": is_installed,
        "current": _is_current(store, version),
        "sizeBytes": size,
        "workspaces": counts.get(version, 0),
        "problem": problem,
    }


def _state(item: dict[str, object]) -> str:
    if item["problem"]:
        return "damaged"
    if item["current"]:
        return "used for new starts"
    return "installed" if item["installed"] else "can be installed"
