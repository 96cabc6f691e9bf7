"""The images, built once (Docker keeps the steps), and containers as a cluster would run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.require import require
from vibecode.domain.errors import DockerUnavailable
from vibecode.images import build, catalog, docker

HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:exec")
OWN = "uid=1000,gid=1000,exec"


def until(condition: Callable[[], Any], *, within: float = 60) -> Any:
    """Wait for something that becomes true, and return it."""
    end = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def built() -> Callable[[str], build.Built]:
    """Build an image, if it isn't there, and return it."""
    if shutil.which("docker") is None:
        require("docker", "docker is not installed")
    try:
        docker.output("version", "--format", "{{.Server.Version}}")
    except DockerUnavailable as error:
        require("docker", error.detail)

    def make(name: str) -> build.Built:
        return build.build(catalog.image(name), progress=print)

    return make


class Container:
    """A container that runs until it is removed."""

    def __init__(self, *arguments: str) -> None:
        self.id = docker.output("run", "--detach", *arguments).strip()

    def exec(self, *command: str) -> str:
        """Run a command inside, and return what it prints."""
        return docker.output("exec", self.id, *command)

    def logs(self) -> str:
        """Return what its first process has said."""
        result = subprocess.run(
            ["docker", "logs", self.id], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return result.stdout

    def state(self) -> dict[str, Any]:
        """Return its state."""
        found: dict[str, Any] = json.loads(docker.output("inspect", "--format", "{{json .State}}", self.id))
        return found

    def answers(self, path: str = "/healthz", *, port: int = 8080, host: str | None = None) -> bool:
        """Tell whether something inside answers 200."""
        assert self.state()["Running"], self.logs()
        command = ["docker", "exec", self.id, "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{port}{path}"]
        if host is not None:
            command += ["-H", f"Host: {host}"]
        return subprocess.run(command, capture_output=True).returncode == 0

    def exit_code(self, *, within: float = 60) -> int:
        """Wait for its end and return its exit code."""
        until(lambda: not self.state()["Running"], within=within)
        code: int = self.state()["ExitCode"]
        return code


@pytest.fixture
def run(built: Callable[[str], build.Built]) -> Iterator[Callable[..., Container]]:
    """Start a container of an image, as locked up as a cluster has it."""
    started: list[Container] = []

    def start(name: str, *command: str, options: tuple[str, ...] = (), folders: tuple[str, ...] = ()) -> Container:
        mounts = [part for folder in folders for part in ("--tmpfs", f"{folder}:{OWN}")]
        container = Container(*HARDENED, *mounts, *options, built(name).reference, *command)
        started.append(container)
        return container

    yield start
    for container in started:
        subprocess.run(["docker", "rm", "--force", "--volumes", container.id], capture_output=True)
