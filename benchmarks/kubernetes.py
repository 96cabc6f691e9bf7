"""From nothing, and from stopped, to an editor that answers, on a KIND cluster: VibeCode, by hand, and JupyterHub.

``python -m benchmarks.kubernetes [--rounds N] [--json PATH] [--without jupyterhub]``

By hand is the floor: the objects of a real workspace under another name, applied in one ``kubectl apply``, started by
``kubectl scale``, and asked for through their Service. JupyterHub spawns the same image with the same volumes and
resources; ``peers/jupyterhub/jupyterhub_config.py`` says how, and what was chosen in its favour.

All are asked by one client in a pod on the node where the edge is: for ``/healthz`` of code-server, until that answers
200. VibeCode's part is what a person's browser does who is signed in: the API's answer to "create", the way in to the
workspace's address, and a request there which the edge holds. To wake, it is that request alone.

The sides take turns in rounds, whose order turns as well; one workspace runs at a time. A first round is not counted. A
ratio is of one round; the figures are medians with the lowest and highest behind them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kubernetes_sides import (
    Product,
    Side,
    by_hand,
    client_in,
    jupyterhub,
    read_workspace,
    remove_namespaces,
    settle,
)
from benchmarks.report import print_table, ratio, spread, write_json
from tests.support.cluster import TOOLS, ClusterProduct

CLUSTER = "vibecode-bench"
ORIGIN = "bench-origin"
"""The workspace whose objects are copied."""
CASES = ("create", "start")
QUIET = 2.0
"""Seconds before each measurement, for what came before to end."""

Rounds = dict[str, dict[str, list[float]]]
"""Seconds by case and side."""


@contextlib.contextmanager
def product_on_kind(data_dir: Path | None) -> Iterator[ClusterProduct]:
    """Have the product on a cluster of its own, which is deleted at the end; one in ``data_dir`` is kept."""
    with tempfile.TemporaryDirectory(prefix="vibecode-bench-") as folder:
        cluster = ClusterProduct(data_dir or Path(folder), name=CLUSTER)
        print("Making the cluster, some minutes …", file=sys.stderr, flush=True)
        try:
            cluster.up()
            yield cluster
        finally:
            if data_dir is None:
                cluster.vibecode("down", "--delete-data", "--yes")


@contextlib.contextmanager
def all_sides(cluster: ClusterProduct, *, with_hub: bool, cleans: bool) -> Iterator[list[Side]]:
    """Make the sides ready; with ``cleans`` everything of theirs is removed at the end."""
    cluster.remove_all()
    with contextlib.ExitStack() as stack:
        if cleans:
            stack.callback(remove_namespaces, cluster)
            stack.callback(cluster.remove_all)
        client = stack.enter_context(client_in(cluster))
        cluster.create(ORIGIN)
        workspace = read_workspace(cluster, ORIGIN)
        cluster.api("DELETE", f"/workspaces/{ORIGIN}?purge=true")
        sides: list[Side] = [Product(cluster, client), by_hand(cluster, client, ORIGIN, workspace)]
        if with_hub:
            sides.append(jupyterhub(cluster, client, workspace))
        yield sides


def run(cluster: ClusterProduct, sides: list[Side], rounds: int) -> Rounds:
    """Measure; return every round's figures."""
    figures: Rounds = {case: {side.name: [] for side in sides} for case in CASES}
    for number in range(-1, rounds):
        turn = number % len(sides)
        said = []
        for side in sides[turn:] + sides[:turn]:
            workspace = f"bench-{number + 1}"
            found = {}
            settle(cluster)
            time.sleep(QUIET)
            found["create"] = side.create(workspace)
            time.sleep(QUIET)
            side.stop(workspace)
            time.sleep(QUIET)
            found["start"] = side.start(workspace)
            side.stop(workspace)
            side.delete(workspace)
            said.append(f"{side.name} {found['create']:.2f} s and {found['start']:.2f} s")
            if number >= 0:
                for case, seconds in found.items():
                    figures[case][side.name].append(seconds)
        label = f"Round {number + 1} of {rounds}" if number >= 0 else "Warming up"
        print(f"{label}: {', '.join(said)} (load {os.getloadavg()[0]:.1f}).", file=sys.stderr, flush=True)
    return figures


def rows(figures: Rounds) -> list[list[str]]:
    """Return the table."""
    found = []
    for case, title in (("create", "created until the editor answers"), ("start", "stopped until the editor answers")):
        (_, ours), *others = figures[case].items()
        cells = [spread(ours, digits=2, unit="s")]
        for _, theirs in others:
            cells += [spread(theirs, digits=2, unit="s"), spread(ratio(ours, theirs), digits=2) + "x"]
        found.append([title, *cells])
    return found


def summary(figures: Rounds) -> dict[str, dict[str, float]]:
    """Return the ratios of the medians."""
    found: dict[str, dict[str, float]] = {}
    for case, sides in figures.items():
        (_, ours), *others = sides.items()
        found[case] = {name: statistics.median(ours) / statistics.median(theirs) for name, theirs in others}
    return found


def missing_tools() -> str:
    """Return what keeps this from running here; empty if nothing does."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} can't be found"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        return "Docker does not answer"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kubernetes", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every round's figures there")
    parser.add_argument("--without", choices=["jupyterhub"], help="leave it out")
    parser.add_argument("--data-dir", type=Path, help="use the cluster of this folder, and keep it")
    arguments = parser.parse_args()
    if lacking := missing_tools():
        print(f"This needs a KIND cluster, and {lacking}.", file=sys.stderr)
        return 1
    with (
        product_on_kind(arguments.data_dir) as cluster,
        # A cluster that is deleted need not be cleaned.
        all_sides(cluster, with_hub=arguments.without != "jupyterhub", cleans=arguments.data_dir is not None) as sides,
    ):
        before = os.getloadavg()[0]
        figures = run(cluster, sides, arguments.rounds)
        after = os.getloadavg()[0]
    print(f"Load of the machine: {before:.1f} to {after:.1f} on {os.cpu_count()} processors.\n")
    names = [side.name for side in sides]
    headers = ["", names[0]]
    for name in names[1:]:
        headers += [name, "ratio"]
    print_table(headers, rows(figures))
    content: dict[str, object] = {
        "unit": "s",
        "load": [before, after],
        "rounds": figures,
        "ratios_of_medians": summary(figures),
    }
    write_json(arguments.json, content)
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
