"""The embedded edge against configurable-http-proxy, NGINX and no proxy at all.

``python -m benchmarks.proxy [--seconds N] [--rounds N] [--json PATH]``

All of them run at once, each in one process; the load goes to one after the other, in rounds whose order turns, so
that a busy machine harms all alike. A figure is the median of its rounds, with the lowest and highest behind it. The
edge checks a session for each request and WebSocket; the others check nothing.

Latency: one connection to each, one request after the other and to all in turn; what is shown is the proxy's
percentile less that without a proxy.
Requests: 32 connections. Messages: 32 WebSockets, one 64-byte message under way on each. Bulk: one download. CPU is
what the proxy's own process used for each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import proxy_load
from benchmarks.proxy_peers import Running, configurable_http_proxy, nginx, ours

Rounds = dict[str, dict[str, list[float]]]
"""Figures by metric and by who was measured."""

_UNITS = {
    "added latency p50": ("µs", 1e6),
    "added latency p99": ("µs", 1e6),
    "requests/s": ("/s", 1.0),
    "CPU per request": ("µs", 1e6),
    "WebSocket messages/s": ("/s", 1.0),
    "CPU per message": ("µs", 1e6),
    "bulk": ("MB/s", 1e-6),
    "CPU per MB": ("µs", 1e12),
}
_LOWER_IS_BETTER = ("added latency p50", "added latency p99", "CPU per request", "CPU per message", "CPU per MB")
_RIVAL = "configurable-http-proxy"


def _measure(target: Running, seconds: float, add: Callable[[str, str, float], None]) -> None:
    loads: list[tuple[str, str, Callable[[int, float], proxy_load.Load]]] = [
        ("requests/s", "CPU per request", proxy_load.small_requests),
        ("WebSocket messages/s", "CPU per message", proxy_load.messages),
        ("bulk", "CPU per MB", proxy_load.bulk_bytes),
    ]
    for metric, cpu_metric, load in loads:
        before = target.cpu()
        done = load(target.port, seconds)
        add(metric, target.name, done.rate)
        add(cpu_metric, target.name, (target.cpu() - before) / done.amount)


def run(seconds: float, rounds: int) -> Rounds:
    """Measure; returns every round's figures."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vibecode-benchmarks"
    figures: Rounds = {}

    def add(metric: str, name: str, value: float) -> None:
        figures.setdefault(metric, {}).setdefault(name, []).append(value)

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vibecode-bench-")))
        direct = stack.enter_context(ours("upstream"))
        targets = [
            direct,
            stack.enter_context(ours("edge", str(direct.port))),
            stack.enter_context(configurable_http_proxy(direct.port, cache)),
            stack.enter_context(nginx(direct.port, folder)),
        ]
        for target in targets:
            proxy_load.small_requests(target.port, 1)
        for number in range(rounds):
            measured = proxy_load.latencies([target.port for target in targets], seconds * 2)
            for position, percentile in enumerate(("p50", "p99")):
                for target, found in zip(targets[1:], measured[1:], strict=True):
                    add(f"added latency {percentile}", target.name, found[position] - measured[0][position])
            turn = number % len(targets)
            for target in targets[turn:] + targets[:turn]:
                _measure(target, seconds, add)
    return figures


def table(figures: Rounds) -> str:
    """Return the figures as text for people."""
    names = ["vibecode", _RIVAL, "nginx", "direct"]
    lines = [f"{'':22}" + "".join(f"{name:>32}" for name in names) + f"{'against ' + _RIVAL:>34}"]
    for metric, (unit, factor) in _UNITS.items():
        row = f"{metric + ', ' + unit:22.22}"
        medians = {}
        for name in names:
            values = figures[metric].get(name)
            if values is None or (name == "direct" and metric.startswith("CPU")):
                row += f"{'–':>32}"
                continue
            medians[name] = statistics.median(values)
            low, high = min(values) * factor, max(values) * factor
            cell = f"{medians[name] * factor:,.0f} ({low:,.0f}–{high:,.0f})"
            row += f"{cell:>32}"
        ratio = medians["vibecode"] / medians[_RIVAL]
        better = ratio < 1 if metric in _LOWER_IS_BETTER else ratio > 1
        lines.append(row + f"{ratio:>26.2f}x {'better' if better else 'worse':>6}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every round's figures there")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed; get it with: apt-get install wrk", file=sys.stderr)
        return 1
    figures = run(arguments.seconds, arguments.rounds)
    print(table(figures))
    if arguments.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
        document = {
            "machine": machine,
            "seconds": arguments.seconds,
            "unit": "seconds, bytes or 1/s",
            "rounds": figures,
        }
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
