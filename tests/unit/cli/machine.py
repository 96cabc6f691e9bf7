"""A machine whose tools are stand-ins."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.support.programs import program
from vibecode.cli import lifecycle
from vibecode.cli.runtime import Runtime
from vibecode.cluster.state import ClusterFolder, State
from vibecode.runtimes.local.layout import DataFolder

INFO = '{"ServerVersion":"28.0","MemTotal":9000000000,"CgroupVersion":"2","DockerRootDir":""}'


class Machine:
    """A machine with Docker, kind, kubectl and helm, and a data folder."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.data = root / "data"
        self.bin.mkdir()
        DataFolder(self.data).prepare()
        self.folder = ClusterFolder(self.data)
        self.folder.prepare()
        self.log = root / "log"
        self.nodes(running=True)
        program(self.bin, "kind", f'echo "$@" >>{self.log}; echo v0.33.0')
        program(self.bin, "helm", "echo v4.3.1")
        self.kubectl({})

    def nodes(self, *, running: bool | None, ours: bool = False) -> None:
        """Let Docker have the cluster's node, running or not, perhaps made for the data folder; None for no node."""
        node = {
            "Name": "/c-control-plane",
            "Id": "id",
            "Config": {"Labels": {"io.x-k8s.kind.role": "control-plane"}},
            "State": {"Running": running},
            "HostConfig": {"PortBindings": {}},
            "Mounts": [{"Type": "bind", "Source": str(self.folder.mark)}] if ours else [],
        }
        script = f"""
case "$1" in
info) echo {shlex.quote(INFO)} ;;
ps) {"echo id" if running is not None else ":"} ;;
inspect) echo {shlex.quote(json.dumps([node]))} ;;
stop) echo "docker $@" >>{self.log} ;;
esac"""
        program(self.bin, "docker", script)

    def kubectl(self, answers: dict[str, str]) -> None:
        """Let kubectl answer command lines that hold some words."""
        cases = "\n".join(f"*{shlex.quote(words)}*) echo {shlex.quote(text)} ;;" for words, text in answers.items())
        program(
            self.bin,
            "kubectl",
            f"""case "$*" in
{cases}
*'version --client'*) echo 'Client Version: v1.36.3' ;;
*get*) echo '{{"items":[]}}' ;;
*) echo 'error: no answer' >&2; exit 1 ;;
esac""",
        )

    def has_cluster(self) -> None:
        """Let the data folder have a cluster."""
        self.folder.write(State(cluster="c", stage="created", node="id"))
        self.folder.remember_runtime("kubernetes")


def choose(machine: Machine, asked: Runtime | None = None, for_local: str = "") -> tuple[str, str]:
    """Return the runtime that `up` chooses, and what it says of that."""
    told: list[str] = []
    chosen = lifecycle._choose(machine.data, asked, for_local, told.append)
    (line,) = told
    return chosen, line
