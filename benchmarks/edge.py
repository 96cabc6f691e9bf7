"""The edge of a cluster against plain NGINX that proxies to the same upstream and checks nothing.

``python -m benchmarks.edge [--seconds N] [--rounds N] [--json PATH]``

The edge is NGINX with the configuration that is shipped (access log off), the check it asks, and the tunnel for
WebSockets; each NGINX has one worker. Both run at once and the load goes to one after the other, in rounds whose order
turns. A ratio is of one round; the figures are medians with the lowest and highest behind them.

Latency: one connection to each, one request after the other and to both in turn; p50 and p99 of the whole, and what
it adds to no proxy at all. Requests: 32 connections, of an open page (whose answers the edge may repeat for a second)
and of a program (each is asked about). Messages: 32 WebSockets, one 64-byte message under way on each. Bulk: one
download. CPU is that of all processes of the edge.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks import proxy_load
from benchmarks.proxy_peers import Running, free_port, nginx, ours, run_program
from benchmarks.report import print_table, ratio, spread, write_json

IMAGE = Path(__file__).parents[1] / "images" / "edge"
EDGE, PLAIN, DIRECT = "vibecode", "nginx", "direct"

Rounds = dict[str, dict[str, list[float]]]
"""Figures by metric and by who was measured."""

_BUFFERS = "proxy_buffer_size 16k; proxy_buffers 4 16k; proxy_busy_buffers_size 16k;"
"""As the edge has them: with NGINX's own smaller ones bulk data is slower."""

_UNITS = {
    "latency p50": ("µs", 1e6),
    "latency p99": ("µs", 1e6),
    "added latency p50": ("µs", 1e6),
    "requests/s, open page": ("/s", 1.0),
    "CPU per request, open page": ("µs", 1e6),
    "requests/s, program": ("/s", 1.0),
    "CPU per request, program": ("µs", 1e6),
    "WebSocket messages/s": ("/s", 1.0),
    "CPU per message": ("µs", 1e6),
    "bulk": ("MB/s", 1e-6),
    "CPU per MB": ("µs", 1e12),
}
_MORE_IS_BETTER = ("requests/s, open page", "requests/s, program", "WebSocket messages/s", "bulk")
_LOADS: list[tuple[str, str, Callable[[int, float], proxy_load.Load]]] = [
    ("requests/s, open page", "CPU per request, open page", proxy_load.small_requests),
    ("requests/s, program", "CPU per request, program", partial(proxy_load.small_requests, of_a_page=False)),
    ("WebSocket messages/s", "CPU per message", proxy_load.messages),
    ("bulk", "CPU per MB", proxy_load.bulk_bytes),
]


@dataclass(frozen=True)
class Target:
    """Something that answers, and the processes that do the work."""

    name: str
    port: int
    processes: list[psutil.Process]

    def cpu(self) -> float:
        """Return the CPU seconds that they used so far."""
        times = [process.cpu_times() for process in self.processes]
        return float(sum(each.user + each.system for each in times))


@contextlib.contextmanager
def edge(upstream: int, folder: Path) -> Iterator[Target]:
    """Run the edge: NGINX, the check, and the tunnel."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not Path("/usr/lib/nginx/modules/ngx_http_lua_module.so").exists():
        raise RuntimeError("NGINX is not installed; get it with: apt-get install nginx libnginx-mod-http-lua")
    port, socket = free_port(), folder / "tunnel.sock"
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-m", "benchmarks.edge_server", str(upstream)]
        check = stack.enter_context(run_program("check", command, None))
        places = {
            "VIBECODE_EDGE_LISTEN": str(socket),
            "VIBECODE_EDGE_CONTROL_PLANE": f"http://127.0.0.1:{check.port}",
            "VIBECODE_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", "vibecode.edge"]
        tunnel = stack.enter_context(run_program("tunnel", command, socket, os.environ | places))
        settings = {
            "TMP": str(folder), "APP": f"127.0.0.1:{upstream}", "VERIFY": f"127.0.0.1:{check.port}",
            "TUNNEL": f"unix:{socket}", "HTTP_PORT": f"127.0.0.1:{port}", "WORKERS": "1",
            "HEALTH_PORT": f"127.0.0.1:{free_port()}", "ACCESS_LOG": "false",
            # One client sends all of it. It is counted, as anybody is, but never too much.
            "REQUESTS": "999999", "BURST": "999999",
        }  # fmt: skip
        environment = os.environ | {f"VIBECODE_EDGE_{name}": value for name, value in settings.items()}
        rendered = subprocess.run(
            [str(IMAGE / "entrypoint.sh"), "render"], env=environment, capture_output=True, text=True, check=True
        ).stdout
        config = folder / "edge.conf"
        # As the plain one: a single process, and connections that last.
        config.write_text(
            "master_process off;\n" + re.sub(r"keepalive_requests \d+", "keepalive_requests 1000000000", rendered)
        )
        started = stack.enter_context(run_program(EDGE, [program, "-c", str(config), "-e", "stderr"], port))
        yield Target(EDGE, port, [started.process, check.process, tunnel.process])


def _of(running: Running) -> Target:
    return Target(running.name, running.port, [running.process])


def run(seconds: float, rounds: int) -> Rounds:
    """Measure; returns every round's figures."""
    figures: Rounds = {}

    def add(metric: str, name: str, value: float) -> None:
        figures.setdefault(metric, {}).setdefault(name, []).append(value)

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vibecode-bench-")))
        direct = _of(stack.enter_context(ours("upstream")))
        (folder / "plain").mkdir()
        (folder / "edge").mkdir()
        plain = _of(stack.enter_context(nginx(direct.port, folder / "plain", more=_BUFFERS)))
        targets = [plain, stack.enter_context(edge(direct.port, folder / "edge"))]
        for target in targets:
            proxy_load.small_requests(target.port, 1)
        for number in range(rounds):
            measured = proxy_load.latencies([target.port for target in (direct, *targets)], seconds * 2)
            for target, found in zip(targets, measured[1:], strict=True):
                add("latency p50", target.name, found[0])
                add("latency p99", target.name, found[1])
                add("added latency p50", target.name, found[0] - measured[0][0])
            turn = number % len(targets)
            for metric, cpu_metric, load in _LOADS:
                for target in targets[turn:] + targets[:turn]:
                    before = target.cpu()
                    done = load(target.port, seconds)
                    add(metric, target.name, done.rate)
                    add(cpu_metric, target.name, (target.cpu() - before) / done.amount)
    return figures


def rows(figures: Rounds) -> list[list[str]]:
    """Return the table; a ratio over 1 is what the edge costs."""
    found = []
    for metric, (unit, factor) in _UNITS.items():
        ours_, plain = figures[metric][EDGE], figures[metric][PLAIN]
        cost = ratio(plain, ours_) if metric in _MORE_IS_BETTER else ratio(ours_, plain)
        digits = 1 if statistics.median(plain) * factor < 100 else 0
        found.append(
            [
                f"{metric}, {unit}",
                spread([value * factor for value in ours_], digits=digits),
                spread([value * factor for value in plain], digits=digits),
                spread(cost, digits=2) + "x",
            ]
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write every round's figures there")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed; get it with: apt-get install wrk", file=sys.stderr)
        return 1
    figures = run(arguments.seconds, arguments.rounds)
    print(f"Load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.\n")
    print_table(["", "edge", "plain NGINX", "costs"], rows(figures))
    write_json(arguments.json, {"seconds": arguments.seconds, "unit": "seconds, bytes or 1/s", "rounds": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
