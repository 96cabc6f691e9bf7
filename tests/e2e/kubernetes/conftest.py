"""Alice and Bob, who have a running workspace each: the same for all modules, as starts take their time."""

from __future__ import annotations

import json

import pytest

from tests.e2e.kubernetes.inhabitants import Listener, listen, settle
from tests.integration.security.people import Person
from tests.support.cluster import ClusterProduct


@pytest.fixture(scope="module")
def alice(cluster: ClusterProduct) -> Person:
    cluster.remove_all(but=("alice", "bob"))
    return settle(cluster, "alice")


@pytest.fixture(scope="module")
def bob(cluster: ClusterProduct, alice: Person) -> Person:
    return settle(cluster, "bob")


@pytest.fixture(scope="module")
def bobs(cluster: ClusterProduct, bob: Person) -> Listener:
    """A program in Bob's workspace that shows what only he may see."""
    return listen(cluster, bob.name, 18081, "only-bob-may-read-this")


@pytest.fixture(scope="module")
def agent_token(cluster: ClusterProduct, alice: Person) -> str:
    """The token by which Alice's workspace reports, as she can read it."""
    done = cluster.exec(alice.name, "cat", "/run/vibecode/agent.json")
    token: str = json.loads(done.stdout)["token"]
    return token


@pytest.fixture(scope="module")
def program(cluster: ClusterProduct, alice: Person) -> Listener:
    """A program in Alice's workspace that she is connected to while things break."""
    return listen(cluster, alice.name, 18081, "alice")
