"""``vibecode up``, ``down`` and ``status``: which runtime is meant, and on to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vibecode.cli.options import DataDir, Json, resolve
from vibecode.cli.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from vibecode.cluster.state import RuntimeName


def up(
    runtime: Annotated[
        Runtime | None,
        typer.Option(
            "--runtime",
            help="What workspaces run on: local, or kubernetes for a KIND cluster in Docker. If not given: the one "
            "used before, else kubernetes where Docker, kind, kubectl and helm are there.",
            metavar="RUNTIME",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="With kubernetes: name of the cluster; vibecode-cluster if not given.", metavar="NAME"
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="With local: TCP port to listen on; 8000 if not set.", metavar="PORT")
    ] = None,
    foreground: Annotated[
        bool,
        typer.Option(
            "--foreground", help="With local: run in this terminal or under a service manager, with logs here."
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Start VibeCode, and print a link that signs you in. Again: finish what was interrupted, print another link."""
    from vibecode.cli.output import note
    from vibecode.settings import load_settings

    settings = load_settings(port=port, data_dir=None if data_dir is None else resolve(data_dir))
    for_local = "--port" if port is not None else "--foreground" if foreground else ""
    if for_local and (runtime is Runtime.KUBERNETES or name is not None):
        raise typer.BadParameter(f"{for_local} is for the local runtime.")
    if name is not None and runtime is Runtime.LOCAL:
        raise typer.BadParameter("--name is for the kubernetes runtime.")
    asked = Runtime.KUBERNETES if runtime is None and name is not None else runtime
    chosen = _choose(settings.data_dir, asked, for_local, note)
    if chosen == "kubernetes":
        from vibecode.cli import kubernetes

        kubernetes.up(settings, name=name)
        return
    from vibecode.cli import server

    server.up(settings, port=port, foreground=foreground)


def down(
    keep_workspaces: Annotated[
        bool, typer.Option("--keep-workspaces", help="Leave running workspaces alone; `up` finds them again.")
    ] = False,
    delete_data: Annotated[
        bool,
        typer.Option(
            "--delete-data", help="With kubernetes: delete the cluster with all workspaces, after a question."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Stop all workspaces, and the server or the cluster. Nothing is deleted unless you say so."""
    folder = resolve(data_dir)
    if delete_data:
        from vibecode.cli import kubernetes

        kubernetes.delete(folder, yes=yes)
    elif _in_use(folder) == "kubernetes":
        from vibecode.cli import kubernetes

        kubernetes.down(folder, keep_workspaces=keep_workspaces)
    else:
        from vibecode.cli import server

        server.down(folder, keep_workspaces=keep_workspaces)


def status(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Tell whether VibeCode runs, and what it runs. Exit code 1 if it doesn't, or not all of it answers."""
    folder = resolve(data_dir)
    if _in_use(folder) == "kubernetes":
        from vibecode.cli import kubernetes

        kubernetes.status(folder, as_json=as_json)
    else:
        from vibecode.cli import server

        server.status(folder, as_json=as_json)


def _in_use(data_dir: Path) -> RuntimeName:
    """Return the runtime that a data folder is used with."""
    from vibecode.cli.client import running_server
    from vibecode.cluster.state import ClusterFolder

    if running_server(data_dir) is not None:
        return "local"
    return ClusterFolder(data_dir).runtime or "local"


def _choose(data_dir: Path, asked: Runtime | None, for_local: str, tell: Callable[[str], None]) -> RuntimeName:
    """Choose the runtime, and say which and why."""
    from vibecode.cli import server
    from vibecode.cluster import choice
    from vibecode.cluster.state import ClusterFolder

    folder = ClusterFolder(data_dir)
    name: RuntimeName | None = None if asked is None else asked.key
    remembered = folder.runtime
    runs = False
    if choice.cluster_matters(name, for_local, remembered):
        from vibecode.cluster.teardown import runs as cluster_runs

        runs = cluster_runs(folder)
    chosen = choice.choose(
        choice.Facts(
            asked=name,
            for_local_only=for_local,
            local_server=server.answering(data_dir) is not None,
            remembered=remembered,
            cluster_runs=runs,
            local_workspaces=_local_workspaces(data_dir),
        )
    )
    if chosen is None:
        from vibecode.cluster.fitness import problem

        chosen = choice.by_tools(problem())
    tell(f"Runtime: {chosen.runtime}, {chosen.why}.")
    return chosen.runtime


def _local_workspaces(data_dir: Path) -> int:
    try:
        return sum(1 for entry in (data_dir / "workspaces").iterdir() if entry.is_dir())
    except OSError:
        return 0
