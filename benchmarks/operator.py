"""The operator alone, with thousands of workspaces on nodes that KWOK plays.

``python -m benchmarks.operator [--workspaces N ...] [--json PATH]``

Real are the API server, etcd, the controller manager and the scheduler of a cluster of kind's, and the operator, a
process beside it with a service account's rights. KWOK plays nodes, kubelets and the provisioner of volumes, and writes
as often as they do. Nothing of a workspace runs.

In each run: the same objects are written without the operator (the floor), then all workspaces are created at once
while the operator runs; it idles; it is started anew with nothing to do; single workspaces are stopped; all are
stopped; all are removed. The operator's CPU, memory, requests and bytes are its own alone. Times are those of the whole
cluster on this machine: who used it up is told beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.operator_cluster import simulated_cluster
from benchmarks.operator_steps import Steps
from benchmarks.operator_table import print_tables
from benchmarks.report import write_json


async def run(count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure so many workspaces on a cluster of their own."""
    floor = min(count, options.floor)
    with (
        tempfile.TemporaryDirectory(prefix="vibecode-bench-") as folder,
        simulated_cluster(workspaces=count + floor, kwok=options.kwok) as cluster,
    ):
        async with Steps(cluster, Path(folder), count=count, limit=options.limit) as steps:
            found: dict[str, Any] = {"workspaces": count, "floor": await steps.floor(floor)}
            with steps.operator() as first:
                found["start"] = await steps.start(first)
                found["idle"] = await steps.idle(first, options.idle)
            with steps.operator() as second:
                found["restart"] = await steps.restart(second)
                found["change"] = await steps.changes(second, options.changes)
                if found["start"]["complete"] and not options.keep:
                    found["stop"] = await steps.stop_all(second)
                    found["removal"] = await steps.remove_all(second)
                found["memory_mib"] = second.memory()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspaces", type=int, nargs="+", default=[1000])
    parser.add_argument("--floor", type=int, default=1000, help="at most so many are written without the operator")
    parser.add_argument("--idle", type=float, default=60, help="seconds")
    parser.add_argument("--changes", type=int, default=20, help="single workspaces that are stopped")
    parser.add_argument("--limit", type=float, default=1500, help="seconds for all to be as asked, in each step")
    parser.add_argument("--keep", action="store_true", help="neither stop nor remove all")
    parser.add_argument("--kwok", help="path of KWOK's program, if it isn't in PATH")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs = []
    for count in options.workspaces:
        try:
            runs.append(asyncio.run(run(count, options)))
        except RuntimeError as error:
            sys.exit(f"Error: {error}")
        print_tables(runs[-1])
        write_json(options.json, {"runs": runs})


if __name__ == "__main__":
    main()
