"""The whole product in processes of its own, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_port
from tests.support.product_api import LIMIT, Answer, ProductApi, wait_until
from tests.support.require import require

__all__ = ["LIMIT", "Answer", "Product", "editors_folder", "running_product", "wait_until"]


def editors_folder() -> Path:
    """Return the folder of installed editors; the test is left out, or fails, without one."""
    from vibecode.settings import default_data_dir

    base = Path(os.environ.get("VIBECODE_TEST_DATA_DIR") or default_data_dir())
    if not (base / "editors" / "current").exists():
        require("editor", f"there is no editor in {base}; `make test` installs one")
    return base / "editors"


@dataclass(frozen=True)
class LocalFolder:
    """A workspace's folder on this machine."""

    path: Path

    def read(self, name: str) -> str | None:
        path = self.path / name
        return path.read_text() if path.exists() else None

    def write(self, name: str, content: str | bytes) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@dataclass
class Product(ProductApi):
    """A server on a free port, with a data folder of its own."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""

    def start(self) -> None:
        """Start the server and wait until it answers; again on the port it had before."""
        reader, writer = os.pipe()
        log = (self.data_dir.parent / "server.log").open("ab")
        # Not one that the system gives to whoever asks for any: it would be gone when the server is started again.
        port = self.url.rpartition(":")[2] or str(free_port())
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vibecode.server"],
            pass_fds=[writer],
            stdout=log,
            stderr=log,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("VIBECODE_")},
                "VIBECODE_DATA_DIR": str(self.data_dir),
                "VIBECODE_PORT": port,
                "VIBECODE_READY_FD": str(writer),
                **self.environment,
            },
        )
        os.close(writer)
        log.close()
        with os.fdopen(reader) as pipe:
            message = json.loads(pipe.readline() or "{}")
        if "url" not in message:
            self.process.wait()
            raise AssertionError(f"the server did not start: {message} {self.log()}")
        self.url = message["url"]

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server; workspaces go on."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(LIMIT)
            self.process = None

    def log(self) -> str:
        """Return the server's log."""
        return (self.data_dir.parent / "server.log").read_text()

    @property
    def token(self) -> str:
        return (self.data_dir / "run" / "cli.token").read_text()

    @property
    def python(self) -> str:  # type: ignore[override]
        return sys.executable

    def files(self, workspace: str) -> LocalFolder:
        return LocalFolder(next((self.data_dir / "workspaces").glob(f"*/files/{workspace}")))

    def home(self, workspace: str) -> LocalFolder:
        return LocalFolder(self.files(workspace).path.parent.parent / "home")

    def is_alive(self, workspace: str, pid: int) -> bool:
        return Path(f"/proc/{pid}").exists()

    def lose_server(self) -> None:
        self.stop(signal.SIGKILL)
        self.start()

    def free_port(self, workspace: str) -> int:
        return free_port()


@contextmanager
def running_product(folder: Path, **environment: str) -> Iterator[Product]:
    """Run a product in ``folder``; at the end no process of it is left."""
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "editors").symlink_to(editors_folder())
    product = Product(data_dir, {"VIBECODE_ALLOW_LOCAL_SOURCES": "true", **environment})
    product.start()
    try:
        yield product
    finally:
        if product.process is None or product.process.poll() is not None:
            product.start()  # only a server knows its workspaces' processes
        names = [workspace["name"] for workspace in product.api("GET", "/workspaces?limit=200")["items"]]
        for name in names:
            product.request("DELETE", f"/api/v1/workspaces/{name}?purge=true")
        product.stop()
