"""What the server costs while nothing happens: memory and CPU, without workspaces and with running ones."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.report import print_table, write_json
from tests.support.product import Product, running_product


def measure(product: Product, seconds: float) -> dict[str, float]:
    """Return the server's memory in MiB and its CPU in thousandths of a core, over ``seconds``."""
    assert product.process is not None
    process = psutil.Process(product.process.pid)
    before = process.cpu_times()
    started = time.perf_counter()
    time.sleep(seconds)
    after = process.cpu_times()
    spent = (after.user - before.user) + (after.system - before.system)
    memory = process.memory_full_info()
    return {
        "rss_mib": memory.rss / 2**20,
        "uss_mib": memory.uss / 2**20,
        "cpu_thousandths": 1000 * spent / (time.perf_counter() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--workspaces", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, running_product(Path(folder)) as product:
        figures["0"] = measure(product, options.seconds)
        names = [f"idle-{number}" for number in range(options.workspaces)]
        started = time.perf_counter()
        for name in names:
            product.api("POST", "/workspaces", {"name": name})
        for name in names:
            product.wait_for(name, "running")
        all_running = time.perf_counter() - started
        figures[str(options.workspaces)] = measure(product, options.seconds)
        each = product.api("GET", "/workspaces")["items"]
        memory = sum(workspace["resources"]["memory"] for workspace in each) / len(each) / 2**20
    print_table(
        ["running workspaces", "memory (RSS)", "memory of its own (USS)", "CPU"],
        [
            [
                count,
                f"{f['rss_mib']:.0f} MiB",
                f"{f['uss_mib']:.0f} MiB",
                f"{f['cpu_thousandths'] / 10:.2f} % of a core",
            ]
            for count, f in figures.items()
        ],
    )
    print(f"\n{options.workspaces} created at once ran after {all_running:.1f} s; each uses {memory:.0f} MiB itself.")
    write_json(options.json, {"figures": figures, "all_running_seconds": all_running, "workspace_mib": memory})


if __name__ == "__main__":
    main()
