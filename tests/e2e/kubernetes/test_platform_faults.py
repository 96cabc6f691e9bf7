"""Parts of the platform and of the cluster are gone for a while: who is at work goes on."""

from __future__ import annotations

from typing import Final

from tests.e2e.kubernetes.edge import get, send, status
from tests.e2e.kubernetes.inhabitants import Listener
from tests.e2e.kubernetes.objects import create, remove, wait_settled, workspace_object
from tests.e2e.kubernetes.outages import without_api_server, without_replicas
from tests.e2e.kubernetes.replicas import restarts
from tests.e2e.kubernetes.witness import at_work, holds
from tests.integration.security.people import Person
from tests.support.cluster import PATIENCE, ClusterProduct
from tests.support.product_api import wait_until

MINUTE: Final = 60.0


def test_the_database_is_gone_for_a_minute(cluster: ClusterProduct, alice: Person, program: Listener) -> None:
    """With the control plane that holds it. Who is at work goes on; who comes is told in a sentence."""
    with at_work(cluster, alice, program) as witness:
        with without_replicas(cluster, "control-plane", of=1):
            wait_until(lambda: witness.status() == 503, "new requests are told", limit=PATIENCE)
            for host in (program.host, f"vibecode.localhost:{cluster.port}"):
                answer = send(cluster, get(host, f"Cookie: {witness.session}", "Accept: text/html"))
                assert status(answer) == 503
                assert b"The control plane does" in answer
                assert b"answer right now" in answer
            holds(witness.is_connected, "the open editor goes on", seconds=MINUTE)
        wait_until(lambda: witness.status() == 200, "new requests pass again", limit=PATIENCE)
        assert witness.is_connected()
        assert witness.is_undisturbed()


def test_the_api_server_is_gone_for_a_minute(cluster: ClusterProduct, alice: Person, program: Listener) -> None:
    cluster.api("GET", "/me")  # by a token that is good: a new one can't be got meanwhile
    before = restarts(cluster)
    with at_work(cluster, alice, program) as witness:
        with without_api_server(cluster):
            holds(witness.is_served, "what runs is served", seconds=MINUTE)
            answer = cluster.request("POST", "/api/v1/workspaces", {"name": "too-early"})
            assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
        create(cluster, workspace_object("afterwards", running=True, batch="afterwards"))
        wait_settled(cluster, "afterwards", 1)
        assert restarts(cluster) == before
        assert witness.is_served()
        assert witness.is_undisturbed()
        cluster.api("POST", "/workspaces/alice/keep-running")
    remove(cluster, "afterwards")
