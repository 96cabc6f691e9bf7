"""``vibecode --help`` against the bare interpreter, which is the floor."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import print_table, ratio, spread, write_json

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "vibecode --help": [str(Path(sys.executable).parent / "vibecode"), "--help"],
    "vibecode workspace --help": [str(Path(sys.executable).parent / "vibecode"), "workspace", "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(-1, options.rounds):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if round_ >= 0:  # the first round only warms the disk's cache
                figures[name].append((time.perf_counter() - started) * 1000)
    base = figures["python -c pass"]
    print_table(
        ["command", "time", "ratio to the floor"],
        [[name, spread(values, unit="ms"), spread(ratio(values, base), digits=1)] for name, values in figures.items()],
    )
    write_json(options.json, {"unit": "ms", "rounds": figures})


if __name__ == "__main__":
    main()
