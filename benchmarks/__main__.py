"""All benchmarks in one run: prints tables and writes JSON.

``python -m benchmarks [startup|proxy|edge|idle|cli|kubernetes|operator ...] [--quick] [--out FOLDER]``

Without names all are run; those on Kubernetes only where Docker and the tools of a KIND cluster are, and the operator's
only with KWOK, which plays its nodes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.kubernetes import missing_tools

PARTS: dict[str, tuple[str, list[str], list[str]]] = {
    "cli": ("benchmarks.cli", [], []),
    "proxy": ("benchmarks.proxy", [], ["--seconds", "1", "--rounds", "3"]),
    "edge": ("benchmarks.edge", [], ["--seconds", "1", "--rounds", "3"]),
    "startup": ("benchmarks.startup", [], ["--rounds", "3"]),
    "idle": ("benchmarks.idle", [], ["--seconds", "10", "--workspaces", "3"]),
    "kubernetes": ("benchmarks.kubernetes", [], ["--rounds", "1"]),
    "operator": ("benchmarks.operator", [], ["--workspaces", "50", "--idle", "5", "--changes", "5"]),
}


def _lacking(part: str) -> str:
    """Say what a part needs that isn't here; nothing if all is."""
    if part in ("kubernetes", "operator") and (missing := missing_tools()):
        return f"it needs a KIND cluster, and {missing}"
    if part == "operator" and shutil.which("kwok") is None:
        return "it needs KWOK, and there is no kwok"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, side by side with peers.")
    parser.add_argument("parts", nargs="*", help=f"which: {', '.join(PARTS)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder of the JSON files")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for part in options.parts or PARTS:
        module, full, quick = PARTS[part]
        print(f"\n## {part}\n", flush=True)
        if not options.parts and (lacking := _lacking(part)):
            print(f"Left out: {lacking}.", flush=True)
            continue
        arguments = [*(quick if options.quick else full), "--json", str(options.out / f"{part}.json")]
        if subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode:
            failed.append(part)
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
