"""The operator against a real cluster: in this process or as one of its own, and an image that its pods can run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import yaml
from lightkube.config.kubeconfig import SingleConfig

from tests.support import api_server
from tests.support.require import require
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.config import OperatorConfig, parse_config
from vibecode.runtimes.kubernetes.connection import Connection, find_cluster
from vibecode.runtimes.kubernetes.controller import Controller
from vibecode.runtimes.kubernetes.errors import ApiUnavailable, ObjectNotFound
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT, READY_PORT
from vibecode.runtimes.kubernetes.resources import NAMESPACES, PODS, WORKSPACES, Object, Resource, Selection

KEY = b"0123456789abcdef0123456789abcdef"
IMAGE = "vibecode-test/workspace"
LIMIT = 90.0
"""Seconds that a pod may take to come or go, on a busy machine."""

_led: set[str] = set()
"""Namespaces that an operator of this process leads now."""

# What the workspace image does, as far as the operator sees it. Perl is in every Debian image.
_SERVER = r"""
use strict; use warnings; use IO::Socket::INET;
$| = 1; $SIG{TERM} = sub { exit 143 }; $SIG{PIPE} = 'IGNORE';
my $source = $ENV{VIBECODE_SOURCE} // '';
if ($source =~ /fill/) { open(my $file, '>', '/tmp/full') or die $!; print $file 'x' x 16777216; close $file }
if ($source =~ /crash/) { print "one\nboom: the last line\n"; exit 3 }
if ($source =~ /absent/) {
    open(my $log, '>', '/dev/termination-log'); print $log "The repository was not found.\n"; close $log; exit 65
}
my $port = fork ? EDITOR_PORT : READY_PORT;
my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
    my $line = <$client>; while (defined(my $more = <$client>)) { last if $more =~ /^\r?\n$/ }
    print $client "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"; close $client;
}
"""
_DOCKERFILE = 'FROM debian:trixie-slim\nCOPY server.pl /server.pl\nUSER 1000\nENTRYPOINT ["perl", "/server.pl"]\n'


def load_image(folder: Path) -> str:
    """Build the image, bring it into the kind cluster of the tests, and return its name, without a tag.

    There are two tags of it, 1 and 2.
    """
    name = _kind_cluster()
    if name is None or which("docker") is None or which("kind") is None:
        require("kubernetes", "the cluster is none of kind's, so no image can be brought in")
    server = _SERVER.replace("EDITOR_PORT", str(EDITOR_PORT)).replace("READY_PORT", str(READY_PORT))
    (folder / "server.pl").write_text(server)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    tags = [f"{IMAGE}:1", f"{IMAGE}:2"]
    subprocess.run(["docker", "build", "-q", *(f"-t{tag}" for tag in tags), str(folder)], check=True)
    subprocess.run(["kind", "load", "docker-image", *tags, "--name", name], check=True, capture_output=True)
    return IMAGE


def _kind_cluster() -> str | None:
    context = str(yaml.safe_load(Path(kubeconfig()).read_text())["current-context"])
    return context.removeprefix("kind-") if context.startswith("kind-") else None


def kubeconfig() -> str:
    """Return the path of the test cluster's kubeconfig; the test is left out, or fails, where there is none."""
    if not api_server._KUBECONFIG:
        require("kubernetes", "VIBECODE_TEST_KUBECONFIG names no cluster")
    return api_server._KUBECONFIG


class Surface:
    """What a user of the cluster does with workspaces, and sees of them."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace

    async def create(self, name: str = "alice", **spec: Any) -> Object:
        obj = {"metadata": {"name": name}, "spec": {"owner": "alice", **spec}}
        return await self.client.create(WORKSPACES, obj, namespace=self.namespace)

    async def change(self, name: str = "alice", **spec: Any) -> Object:
        return await self.client.patch(WORKSPACES, name, {"spec": spec}, namespace=self.namespace)

    async def delete(self, name: str = "alice") -> None:
        await self.client.delete(WORKSPACES, name, namespace=self.namespace)

    async def get(self, resource: Resource = WORKSPACES, name: str = "alice") -> Object:
        return await self.client.get(resource, name, namespace=self.namespace)

    async def find(self, resource: Resource, labels: str = "") -> list[Object]:
        return await self.client.list(Selection(resource=resource, namespace=self.namespace, labels=labels))

    async def names(self, resource: Resource) -> set[str]:
        return {item["metadata"]["name"] for item in await self.find(resource)}

    async def pods(self, name: str = "alice") -> list[Object]:
        return await self.find(PODS, f"vibecode.dev/workspace={name}")

    async def until(
        self, condition: Callable[[Object], bool], *, name: str = "alice", timeout: float = LIMIT
    ) -> Object:
        """Wait until a Workspace meets a condition."""
        last: Object = {}
        try:
            async with asyncio.timeout(timeout):
                while True:
                    last = await self.get(name=name)
                    if condition(last):
                        return last
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not in {timeout} s: {json.dumps(last.get('status'), indent=1)}") from None

    async def until_phase(self, phase: str, *, name: str = "alice", timeout: float = LIMIT) -> Object:
        """Wait until the operator has seen the present spec, and the workspace is in a phase."""
        return await self.until(
            lambda item: (
                item.get("status", {}).get("phase") == phase
                and item["status"]["observedGeneration"] == item["metadata"]["generation"]
            ),
            name=name,
            timeout=timeout,
        )

    async def gone_pods(self, name: str = "alice", *, timeout: float = LIMIT) -> None:
        """Wait until a workspace has no pod."""
        async with asyncio.timeout(timeout):
            while await self.pods(name):
                await asyncio.sleep(0.1)

    async def gone(self, resource: Resource, name: str, *, timeout: float = LIMIT) -> None:
        """Wait until an object is gone."""
        async with asyncio.timeout(timeout):
            while True:
                try:
                    await self.get(resource, name)
                except ObjectNotFound:
                    return
                await asyncio.sleep(0.1)


async def wait_for(condition: Callable[[], Any], *, timeout: float = LIMIT, every: float = 0.1) -> None:
    """Wait until an asynchronous condition holds, asking so often (seconds)."""
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(every)


def make_config(
    namespace: str, platform_namespace: str, *, image: str = f"{IMAGE}:1", **changes: Any
) -> OperatorConfig:
    """Return a configuration with small resources."""
    return parse_config(config_data(namespace, platform_namespace, image=image, **changes))


def config_data(namespace: str, platform_namespace: str, *, image: str = f"{IMAGE}:1", **changes: Any) -> Object:
    """Return the same as JSON has it; ``changes`` are merged into ``workspace``, or stand beside it."""
    workspace = {
        "image": image,
        "imagePullPolicy": "Never",
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        "storage": {"workspace": "100Mi", "home": "50Mi"},
        **changes.pop("workspace", {}),
    }
    return {
        "namespace": namespace,
        "platformNamespace": platform_namespace,
        "addresses": {"scheme": "http", "domain": "example.org", "workspaceDomain": "ws.example.org", "port": 80},
        "workspace": workspace,
        **changes,
    }


class MortalConnection(Connection):
    """A connection that is dead after so many writes, as those of a process are that was killed."""

    def __init__(self, config: SingleConfig, *, writes: int) -> None:
        super().__init__(config)
        self._writes_left = writes

    async def json(self, method: str, path: str, **arguments: Any) -> Object:
        if self._writes_left <= 0:
            raise ApiUnavailable("killed")
        self._writes_left -= method != "GET"
        return await super().json(method, path, **arguments)


def mortal_client(*, writes: int) -> Client:
    """Return a client of the test cluster that can write only so often."""
    connection = MortalConnection(find_cluster(kubeconfig=Path(kubeconfig())), writes=writes)
    return Client(connection, field_manager="vibecode-operator")


@asynccontextmanager
async def operating(
    config: OperatorConfig, *, client: Client | None = None
) -> AsyncIterator[tuple[Controller, Client]]:
    """Have an operator lead in this process, without an election: that it is the only one, the test has to see to."""
    assert config.namespace not in _led, "another operator leads already: the two would undo each other's work"
    _led.add(config.namespace)
    client = client or api_server.connect("vibecode-operator")
    controller = Controller(client, config, key=KEY, identity="test")
    tasks = [asyncio.create_task(controller.watch()), asyncio.create_task(controller.lead())]
    try:
        yield controller, client
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        _led.remove(config.namespace)
        await client.close()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                task.result()


@asynccontextmanager
async def namespaces(client: Client) -> AsyncIterator[tuple[str, str]]:
    """Have a namespace of workspaces, as strict as in production, and one of the platform."""
    async with api_server.fresh_namespace(client) as workspaces, api_server.fresh_namespace(client) as platform:
        strict = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
        await client.patch(NAMESPACES, workspaces, strict, namespace=None)
        yield workspaces, platform


class Replica:
    """An operator as a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=20)

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()


@contextmanager
def replica(folder: Path, config: Object, *, identity: str) -> Iterator[Replica]:
    """Have a replica of the operator run."""
    (folder / "key").write_bytes(KEY)
    settings = folder / "operator.json"
    settings.write_text(json.dumps({**config, "tokenKeyFile": str(folder / "key")}))
    log = folder / f"{identity}.log"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "KUBECONFIG": kubeconfig(),
        "VIBECODE_OPERATOR_CONFIG": str(settings),
        "VIBECODE_OPERATOR_HEALTH_PORT": "0",
        "POD_NAME": identity,
        "POD_NAMESPACE": config["platformNamespace"],
    }
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-m", "vibecode.operator"], env=environment, stderr=output)
    running = Replica(process, log)
    try:
        yield running
    finally:
        if process.poll() is None:
            running.kill()
