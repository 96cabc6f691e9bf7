"""The operator as a process that is measured: its CPU and memory by the kernel, the rest by its own metrics."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.operator_cluster import NAMESPACE, PLATFORM, Cluster
from benchmarks.proxy_peers import free_port
from tests.support.operators import KEY, config_data

_LINE = re.compile(r"^vibecode_operator_(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Snapshot:
    """What an operator has done so far; the difference of two is what it did between them."""

    at: float
    cpu: float = 0.0
    reconciles: int = 0
    failures: int = 0
    events: Counter[str] = field(default_factory=Counter)
    """Changes told by watches, by kind."""
    requests: Counter[str] = field(default_factory=Counter)
    """By method and kind (``PATCH Deployment``)."""
    received: Counter[str] = field(default_factory=Counter)
    """Bytes of answers, by method and kind."""

    def __sub__(self, other: Snapshot) -> Snapshot:
        return Snapshot(
            at=self.at - other.at,
            cpu=self.cpu - other.cpu,
            reconciles=self.reconciles - other.reconciles,
            failures=self.failures - other.failures,
            events=self.events - other.events,
            requests=self.requests - other.requests,
            received=self.received - other.received,
        )

    @property
    def writes(self) -> Counter[str]:
        """Requests that change something, but for the Lease, which is renewed every two seconds."""
        return Counter({key: n for key, n in self.requests.items() if key[:4] != "GET " and key[-5:] != "Lease"})

    @property
    def read_bytes(self) -> int:
        """Bytes that LISTs and watches brought."""
        return sum(n for key, n in self.received.items() if key.startswith("GET "))

    def as_json(self) -> dict[str, Any]:
        return {
            "seconds": self.at,
            "cpu_seconds": self.cpu,
            "reconciles": self.reconciles,
            "failed_reconciles": self.failures,
            "watch_events": dict(self.events),
            "requests": dict(self.requests),
            "received_bytes": dict(self.received),
        }


class Operator:
    """A running one."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self._known = psutil.Process(process.pid)
        self._port = port
        self._log = log
        self._began = time.perf_counter()

    @property
    def began(self) -> Snapshot:
        """The start of the process."""
        return Snapshot(at=self._began)

    def cpu(self) -> float:
        """Return the CPU seconds it used so far."""
        times = self._known.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> dict[str, float]:
        """Return its memory in MiB: now, its part of what is shared counted by share, and the most so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) / 1024
        full = self._known.memory_full_info()
        return {"rss": full.rss / 2**20, "pss": full.pss / 2**20, "peak_rss": peak}

    def snapshot(self) -> Snapshot:
        """Return what it has done so far."""
        counts: dict[str, Counter[str]] = {}
        for name, labels, value in _LINE.findall(self._get("/metrics")):
            found = dict(_LABEL.findall(labels))
            key = " ".join(filter(None, (found.get("method"), found.get("kind"))))
            counts.setdefault(name, Counter())[key] += int(float(value))
        return Snapshot(
            at=time.perf_counter(),
            cpu=self.cpu(),
            reconciles=counts["reconciles_total"][""],
            failures=counts["reconcile_failures_total"][""],
            events=counts.get("watch_events_total", Counter()),
            requests=counts.get("requests_total", Counter()),
            received=counts.get("received_bytes_total", Counter()),
        )

    def waiting(self) -> int:
        """Return how many workspaces wait for a worker."""
        return next(
            int(float(value)) for name, _, value in _LINE.findall(self._get("/metrics")) if name == "queue_ready"
        )

    def answers(self, path: str) -> bool:
        """Tell whether a path of its health server answers 200."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the operator ended: {self._log.read_text()[-2000:]}")
        try:
            self._get(path)
        except OSError:
            return False
        return True

    def log_lines(self) -> Counter[str]:
        """Return how often each warning or error was logged."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return Counter(str(line["event"]) for line in lines if line["level"] in ("warning", "error"))

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as answer:
            return str(answer.read().decode())


@contextlib.contextmanager
def operator(cluster: Cluster, folder: Path, *, workers: int | None = None) -> Iterator[Operator]:
    """Have an operator run as in production, but in no pod: a service account's rights, and logs at ``info``."""
    (folder / "key").write_bytes(KEY)
    config = config_data(NAMESPACE, PLATFORM, image="vibecode/workspace:1", workspace={"storageClassName": "simulated"})
    config["tokenKeyFile"] = str(folder / "key")
    if workers is not None:
        config["workers"] = workers
    settings = folder / "operator.json"
    settings.write_text(json.dumps(config))
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "KUBECONFIG": str(cluster.operators_kubeconfig),
        "VIBECODE_OPERATOR_CONFIG": str(settings),
        "VIBECODE_OPERATOR_HEALTH_PORT": str(port),
        "POD_NAME": "measured",
        "POD_NAMESPACE": PLATFORM,
    }
    log = folder / "operator.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "vibecode.operator"], env=environment, stderr=output)
    try:
        yield Operator(process, port, log)
    finally:
        process.terminate()
        process.wait(60)
