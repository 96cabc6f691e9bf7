"""The Kubernetes side of ``vibecode up``, ``down`` and ``status``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vibecode.cli.options import client
from vibecode.cli.output import note, say

if TYPE_CHECKING:
    from vibecode.cluster.bringup import Running
    from vibecode.cluster.overview import Overview
    from vibecode.settings import Settings

_TAKEOVER = 30.0
"""Seconds within which new pods have taken over from old ones."""

_PATIENCE = 5.0
"""Seconds for the API's answer, where something can be told without it."""


def up(settings: Settings, *, name: str | None) -> None:
    """Bring the cluster up, and print a link that signs in."""
    from vibecode.cluster.bringup import BringUp
    from vibecode.cluster.progress import Progress

    try:
        running = BringUp(settings, cluster=name, progress=Progress()).run()
    except KeyboardInterrupt:
        note("Interrupted. `vibecode up` goes on where this one ended.")
        raise typer.Exit(130) from None
    _tell(running, settings.data_dir)
    _print_link(settings.data_dir)


def _print_link(data_dir: Path) -> None:
    """Print the link; while new pods take over from old ones, a request in between may find neither."""
    import time

    from vibecode.cli.server import print_link
    from vibecode.domain.errors import ApiFailure, ServerUnreachable

    deadline = time.monotonic() + _TAKEOVER
    while True:
        try:
            print_link(data_dir)
            return
        except (ApiFailure, ServerUnreachable) as error:
            passing = not isinstance(error, ApiFailure) or error.reported_status in (502, 503, 504)
            if not passing or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _tell(running: Running, data_dir: Path) -> None:
    """Say what a person needs once: how to trust the certificate, and how kubectl finds the cluster."""
    from vibecode.cluster.state import ClusterFolder

    folder = ClusterFolder(data_dir)
    if running.new_authority:
        from vibecode.cluster.certificates import how_to_trust

        note(f"{running.address.https_url} works too, once this machine trusts its certificate:")
        note(f"  {how_to_trust(folder.ca_certificate)}")
    if running.created:
        note(f"For kubectl and helm: export KUBECONFIG='{folder.kubeconfig}'")


def down(data_dir: Path, *, keep_workspaces: bool) -> None:
    """Stop the cluster; everything in it is kept."""
    from vibecode.cli.server import stop_workspaces
    from vibecode.cluster import teardown
    from vibecode.cluster.progress import Progress
    from vibecode.cluster.state import ClusterFolder
    from vibecode.domain.errors import VibeCodeError

    folder = ClusterFolder(data_dir)
    with folder.lock(lambda: note("Another command works on this cluster: waiting for it to end …")):
        state = folder.read()
        unfinished = state is not None and state.is_unfinished
        if not keep_workspaces and not unfinished and teardown.runs(folder):
            try:
                client(data_dir).get("/system", timeout=_PATIENCE)
                stop_workspaces(data_dir)
            except VibeCodeError as error:
                note(f"Workspaces were not asked to stop, so they start again with the cluster: {error.detail}")
        name = teardown.stop(folder, Progress())
    if name is None:
        say("The cluster does not run.")
    elif unfinished:
        say(f"What there is of the cluster {name} has stopped. {teardown.GOES_ON}")
    else:
        going_on = " Running workspaces start again with it." if keep_workspaces else ""
        say(f"The cluster {name} has stopped; all data is kept. `vibecode up` starts it again.{going_on}")


def delete(data_dir: Path, *, yes: bool) -> None:
    """Delete the cluster with everything in it, after a question."""
    from vibecode.cluster import teardown
    from vibecode.cluster.progress import Progress
    from vibecode.cluster.state import ClusterFolder
    from vibecode.domain.errors import InvalidInput

    folder = ClusterFolder(data_dir)
    state = folder.read()
    if state is None:
        raise InvalidInput(
            "--delete-data is for the cluster of the kubernetes runtime, and this data folder has none. Workspaces of "
            "the local runtime are deleted by `vibecode workspace delete --purge`."
        )
    if not yes:
        _confirm(state.cluster)
    with folder.lock(lambda: note("Another command works on this cluster: waiting for it to end …")):
        name = teardown.delete(folder, Progress())
    say(
        f"The cluster {name} is deleted, with all workspaces and accounts in it. Kept: Docker's images, and the "
        f"certificate authority in {folder.root}."
    )


def _confirm(cluster: str) -> None:
    """Ask for the cluster's name."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("Deleting asks for a confirmation: add --yes where there is no terminal.")
    note(f"This deletes the cluster {cluster} with the files of all workspaces in it, and all accounts, for good.")
    if typer.prompt(f"Type {cluster} to go on", err=True, default="", show_default=False) != cluster:
        note("Nothing was deleted.")
        raise typer.Exit(1)


def status(data_dir: Path, *, as_json: bool) -> None:
    """Tell what the cluster is made of, and what runs in it. Exit code 1 if not all of it does."""
    from vibecode.cli.output import print_json
    from vibecode.cluster import overview
    from vibecode.cluster.errors import ClusterUnavailable
    from vibecode.cluster.state import ClusterFolder
    from vibecode.domain.errors import VibeCodeError

    base = {"runtime": "kubernetes", "dataDir": str(data_dir)}
    try:
        seen = overview.look(ClusterFolder(data_dir))
    except ClusterUnavailable as error:
        if as_json:
            print_json({"running": False, **base, "problem": error.detail})
        else:
            say(error.detail)
        raise typer.Exit(1) from None
    system: dict[str, Any] = {}
    problem = seen.problem
    if seen.running and not problem and not seen.url:
        problem = "The platform is not installed yet: `vibecode up` goes on where it ended."
    elif seen.running and not problem:
        try:
            system = client(data_dir).get("/system", timeout=_PATIENCE)
        except VibeCodeError as error:
            problem = error.detail
    if as_json:
        print_json(
            {"running": seen.running, **base, **system, **seen.as_json(), **({"problem": problem} if problem else {})}
        )
    else:
        _show(seen, system, problem, data_dir)
    if problem or not seen.healthy:
        raise typer.Exit(1)


def _show(seen: Overview, system: dict[str, Any], problem: str, data_dir: Path) -> None:
    if not seen.containers:
        is_gone = "is not there yet" if seen.unfinished else "is gone"
        say(f"The cluster {seen.cluster} {is_gone}: `vibecode up` makes a new one.")
        return
    if not seen.running and not problem:
        say(f"The cluster {seen.cluster} is stopped: start it with `vibecode up`.")
        return
    from vibecode.cli.output import ago_text

    say(f"Runtime:     kubernetes, cluster {seen.cluster}")
    say(f"Address:     {seen.url or 'none yet'}")
    if system:
        counts = system["workspaces"]
        say(f"Started:     {ago_text(system['startedAt'])} (version {system['version']})")
        say(f"Workspaces:  {counts['running']} running of {counts['total']}")
    for node in seen.nodes:
        say(f"Node:        {node.name} {'ready' if node.ready else f'not ready: {node.message}'}")
    for each in seen.components:
        say(f"Component:   {each.name} {each.ready} of {each.wanted} ready")
    if problem:
        say(f"Problem:     {problem}")
    say(f"Data folder: {data_dir}")
