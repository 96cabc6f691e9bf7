"""The product behind an ingress controller, on a cluster of these tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.kubernetes.inhabitants import Listener, listen, settle
from tests.integration.security.people import Person
from tests.support.ingress import BehindIngress, behind_ingress


@pytest.fixture(scope="package")
def cluster() -> Iterator[BehindIngress]:
    with behind_ingress() as running:
        yield running


@pytest.fixture(scope="package")
def alice(cluster: BehindIngress) -> Person:
    """Alice, who has a running workspace of her name."""
    return settle(cluster, "alice")


@pytest.fixture(scope="package")
def program(cluster: BehindIngress, alice: Person) -> Listener:
    """A program in Alice's workspace that listens on a port."""
    return listen(cluster, alice.name, 18081, "only-alice-may-read-this")


@pytest.fixture(scope="package")
def session(alice: Person, program: Listener) -> str:
    """Alice's session at that program's preview."""
    return program.session(alice)
