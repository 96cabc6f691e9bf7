"""Alice and Bob, who have a running workspace each."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.kubernetes.inhabitants import Listener, listen, settle
from tests.integration.security.people import Person
from tests.support.cluster import ClusterProduct


@pytest.fixture(scope="module")
def alice(cluster: ClusterProduct) -> Iterator[Person]:
    cluster.remove_all()
    yield settle(cluster, "alice")
    cluster.remove_all()


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
