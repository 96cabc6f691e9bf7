"""The local side of ``vibecode up``, ``down`` and ``status``: the server on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibecode.cli.options import client
from vibecode.cli.output import say

if TYPE_CHECKING:
    from vibecode.cli.client import RunningServer
    from vibecode.runtimes.local.layout import DataFolder
    from vibecode.settings import Settings

_PATIENCE = 15.0
"""Seconds for an answer to whether there is a server."""


def up(settings: Settings, *, port: int | None, foreground: bool) -> None:
    """Start the server, and print a link that signs in."""
    from vibecode.cli.output import note
    from vibecode.cluster.state import ClusterFolder

    running = answering(settings.data_dir)
    if running is not None:
        note(f"The server runs already at {running.url} (pid {running.pid}).")
        if port not in (None, 0) and not running.url.endswith(f":{port}"):
            note("It keeps its port: `vibecode down` first to change it.")
        ClusterFolder(settings.data_dir).remember_runtime("local")
        print_link(settings.data_dir)
        return
    _ensure_editor(settings)
    ClusterFolder(settings.data_dir).remember_runtime("local")
    if foreground:
        _run_here(settings)
        return
    from vibecode.server.background import log_file, start

    overrides = {"VIBECODE_DATA_DIR": str(settings.data_dir)} | ({} if port is None else {"VIBECODE_PORT": str(port)})
    note("Starting the server …")
    pid, url = start(settings.data_dir, overrides)
    note(f"The server runs at {url} (pid {pid}, log {log_file(settings.data_dir)}).")
    print_link(settings.data_dir)


def down(folder: Path, *, keep_workspaces: bool) -> None:
    """Stop all workspaces and the server, or workspaces that run on without one. Nothing is deleted."""
    from vibecode.cli.output import note
    from vibecode.server.background import stop

    server = answering(folder)
    if server is None:
        _down_without_server(folder, keep_workspaces=keep_workspaces)
        return
    going_on = _names(folder, "running") if keep_workspaces else set()
    if not keep_workspaces:
        stop_workspaces(folder)
    note("Stopping the server …")
    stop(server.pid)
    if going_on:
        say(f"The server has stopped; {_go_on(len(going_on))}")
    else:
        say("The server has stopped; your workspaces' files are kept. `vibecode up` starts it again.")


def status(folder: Path, *, as_json: bool) -> None:
    """Tell whether the server runs, and what it runs. Exit code 1 if it doesn't, or doesn't answer."""
    from vibecode.cli.output import ago_text, print_json
    from vibecode.domain.errors import ServerUnreachable

    try:
        server = answering(folder)
    except ServerUnreachable as error:
        if as_json:
            print_json({"running": True, "dataDir": str(folder), "problem": error.detail})
        else:
            say(error.detail)
        raise typer.Exit(1) from None
    if server is None:
        if as_json:
            print_json({"running": False, "dataDir": str(folder)})
        else:
            say("No server is running: start it with `vibecode up`.")
        raise typer.Exit(1)
    system: dict[str, Any] = client(folder).get("/system")
    if as_json:
        print_json({"running": True, "pid": server.pid, "dataDir": str(folder), **system})
        return
    counts = system["workspaces"]
    say(f"Server:      {system['url']} (version {system['version']}, pid {server.pid})")
    say(f"Started:     {ago_text(system['startedAt'])}")
    say(f"Runtime:     {system['runtime']}")
    say(f"Editor:      {system['editor']['current'] or 'none: run `vibecode editor install`'}")
    say(f"Workspaces:  {counts['running']} running of {counts['total']}")
    say(f"Data folder: {folder}")


def answering(data_dir: Path) -> RunningServer | None:
    """Return the server of a data folder; None if none runs.

    Raises
    ------
    ServerUnreachable
        One runs, and does not answer.
    """
    from vibecode.cli.client import NotRunning, running_server

    server = running_server(data_dir)
    if server is None:
        return None
    try:
        client(data_dir).get("/system", timeout=_PATIENCE)
    except NotRunning:
        return None
    return server


def print_link(data_dir: Path) -> None:
    """Print a one-time link that signs in, and nothing else to standard output."""
    from vibecode.cli.output import note

    link = client(data_dir).post("/login-links", {"user": None})
    note("Open this link to sign in; it works once, within 10 minutes (`vibecode login-link` prints another):")
    say(link["url"])


def _ensure_editor(settings: Settings) -> None:
    """Install the editor if there is none, with progress on the screen."""
    import asyncio
    import logging

    import structlog

    from vibecode.cli.output import note
    from vibecode.domain.errors import EditorUnavailable
    from vibecode.editor.store import EditorStore
    from vibecode.runtimes.local.layout import DataFolder

    # Standard output is for the link alone.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    DataFolder(settings.data_dir).prepare()
    store = EditorStore(settings.data_dir / "editors")
    try:
        current = store.current()
        ready = current is not None and bool(store.get(current.version))
    except EditorUnavailable as error:
        note(error.detail)
        ready = False
    if not ready:
        note("Installing the editor (code-server); this is done once …")
        asyncio.run(store.install(progress=lambda line: note(f"  {line}")))


def _run_here(settings: Settings) -> None:
    """Become the server process, so that a service manager's signals reach it."""
    import os

    os.environ["VIBECODE_DATA_DIR"] = str(settings.data_dir)
    os.environ["VIBECODE_PORT"] = str(settings.port)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "vibecode.server"])


def _down_without_server(data_dir: Path, *, keep_workspaces: bool) -> None:
    """Stop, or only count, workspaces that go on after a server that was killed or told to keep them."""
    import asyncio

    from vibecode.domain.errors import Unavailable
    from vibecode.runtimes.local.layout import DataFolder
    from vibecode.runtimes.local.offline import running_in

    data = DataFolder(data_dir)
    if data.in_use():
        raise Unavailable(
            f"The server of {data_dir} does not answer: try again in a moment; if that doesn't help, end its process."
        )
    running = running_in(data)
    if not running:
        say("No server is running.")
    elif keep_workspaces:
        say(f"No server is running; {_go_on(len(running))}")
    else:
        count = asyncio.run(_stop_without_server(data))
        say(f"No server is running. {_workspaces(count)} of an earlier one stopped; all files are kept.")


async def _stop_without_server(data: DataFolder) -> int:
    from vibecode.cli.output import note
    from vibecode.database.engine import open_database
    from vibecode.database.workspaces import WorkspaceRepository
    from vibecode.runtimes.local.offline import stop_all

    data.prepare()
    data.lock(url="vibecode down")
    try:
        database = open_database(data.root / "vibecode.db")
        try:
            return await stop_all(
                data, WorkspaceRepository(database), on_stop=lambda name: note(f"Stopping workspace {name} …")
            )
        finally:
            await database.close()
    finally:
        data.release()


def _go_on(count: int) -> str:
    return f"{_workspaces(count)} {'goes' if count == 1 else 'go'} on. `vibecode up` finds them again."


def _workspaces(count: int) -> str:
    return f"{count} workspace{'' if count == 1 else 's'}"


def _names(data_dir: Path, *statuses: str) -> set[str]:
    return {w["name"] for w in client(data_dir).items("/workspaces?limit=200") if w["status"] in statuses}


def stop_workspaces(data_dir: Path) -> None:
    """Stop all workspaces, and wait until they have."""
    from vibecode.cli.output import note

    api = client(data_dir)
    waiting = _names(data_dir, "running", "starting", "pending", "stopping")
    if not waiting:
        return
    for name in sorted(waiting):
        note(f"Stopping workspace {name} …")
        api.post(f"/workspaces/{name}/stop")
    for event in api.stream("/events"):
        if event.event == "removed" or (event.event == "workspace" and event.data["status"] in ("stopped", "failed")):
            waiting.discard(event.data["name"])
        if not waiting and event.event != "ready":
            return
