"""People with a running workspace of their name on the cluster, and programs in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.security.people import Person, enter, host_of, sign_in
from tests.support.cluster import ClusterProduct
from tests.support.product_api import wait_until

INSIDE = Path(__file__).parent / "inside"


def settle(cluster: ClusterProduct, name: str) -> Person:
    """Add a user if there is none, sign them in and have a workspace of their name run, which never stops by itself."""
    answer = cluster.request("POST", "/api/v1/users", {"id": name})
    assert answer.status in (201, 409), answer.body
    person = Person(name, sign_in(cluster, name))
    wish = {"name": name, "idleTimeout": None}
    answer = cluster.request("POST", "/api/v1/workspaces", wish, token="", headers=person.headers(cluster))
    assert answer.status in (201, 409), answer.body
    cluster.wait_for(name, "running")
    return person


def run_inside(cluster: ClusterProduct, workspace: str, program: str, argument: object = None) -> Any:
    """Run a program of the folder ``inside`` in a workspace, as a person at its terminal would; return its answer."""
    source = (INSIDE / f"{program}.py").read_text()
    argv = () if argument is None else (json.dumps(argument),)
    done = cluster.exec(workspace, "python3", "-c", source, *argv, limit=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Listener:
    """A program in a workspace that listens on a port: ``inside/listen.py``."""

    cluster: ClusterProduct
    workspace: str
    port: int
    word: str

    @property
    def label(self) -> str:
        """The first part of its preview's address."""
        return f"{self.port}--{self.workspace}"

    @property
    def host(self) -> str:
        return host_of(self.cluster, self.label)

    def requests(self) -> list[str]:
        """Return a line for each request that it got."""
        done = self.cluster.exec(self.workspace, "cat", f"/tmp/{self.port}.log")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def session(self, person: Person) -> str:
        """Sign a person in to its preview, and return the session once it answers."""
        session = enter(self.cluster, person.cookie, self.label)

        def answers() -> bool:
            answer = self.cluster.request("GET", "/", token="", host=self.host, headers={"Cookie": session})
            return answer.status == 200 and answer.body == self.word.encode()

        wait_until(answers, f"the preview {self.label} answers")
        return session


def listen(cluster: ClusterProduct, workspace: str, port: int, word: str) -> Listener:
    """Start a listener, if it isn't there already; it ends with its container."""
    listener, probe = Listener(cluster, workspace, port, word), [["tcp", "127.0.0.1", port]]
    if run_inside(cluster, workspace, "probe", probe) == ["open"]:
        return listener
    script = 'setsid python3 -c "$0" "$1" "$2" >/tmp/$1.log 2>&1 </dev/null &'
    source = (INSIDE / "listen.py").read_text()
    done = cluster.exec(workspace, "sh", "-c", script, source, str(port), word)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: run_inside(cluster, workspace, "probe", probe) == ["open"], f"{workspace} listens on {port}")
    return listener
