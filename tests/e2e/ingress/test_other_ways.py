"""Other ways, by an upgrade: a controller that reads ingress-nginx's annotations, and an Ingress for each workspace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e.ingress.traffic import ask, assert_large_bodies_pass
from tests.e2e.kubernetes.edge import websocket
from tests.e2e.kubernetes.inhabitants import Listener
from tests.integration.security.people import Person, enter
from tests.support.cluster import PLATFORM
from tests.support.ingress import DOMAIN, EXAMPLES, BehindIngress, exchange
from tests.support.product_api import wait_until

CERTIFICATE: Final = {"tls": {"mode": "secret", "secretName": EXAMPLES["wildcard-ingress"]["tls"]["secretName"]}}
"""In the place of cert-manager, which this cluster lacks."""


def status(cluster: BehindIngress, host: str) -> int:
    return cluster.request("GET", "/", token="", host=host, headers={"Accept": "text/html"}).status


@pytest.fixture
def annotated(cluster: BehindIngress) -> Iterator[None]:
    """The Ingress is served by what reads ingress-nginx's annotations."""
    first = cluster.readers()
    cluster.upgrade(EXAMPLES["ingress-nginx-annotations"])
    wait_until(lambda: cluster.readers().isdisjoint(first), "the first controller no longer serves it")
    wait_until(lambda: status(cluster, DOMAIN) == 200, "the other controller serves it")
    yield
    cluster.upgrade()
    wait_until(lambda: cluster.readers() == first, "the first controller serves it again")
    wait_until(lambda: status(cluster, DOMAIN) == 200, "it is served again")


def test_annotations_of_ingress_nginx_say_what_has_to_be_said(
    cluster: BehindIngress, alice: Person, program: Listener, annotated: None
) -> None:
    session = program.session(alice)
    assert_large_bodies_pass(program, session)
    with websocket(cluster, program.host, session) as connection:
        assert connection.echoes("through the other controller")
    arrived = ask(program, session, path="/headers").json
    assert (arrived["host"], arrived["x-forwarded-proto"]) == (program.host, "https")
    with cluster.connect_plainly() as plain:
        answer = exchange(plain, "GET", "/", None, {"Host": DOMAIN})
    assert (answer.status, answer.headers["location"]) == (308, f"https://{DOMAIN}/")


@pytest.fixture
def each(cluster: BehindIngress, alice: Person) -> Iterator[None]:
    """Each workspace has an Ingress."""
    cluster.upgrade(EXAMPLES["ingress-per-workspace"], CERTIFICATE)
    yield
    cluster.kubectl("delete", "secret", "tls-second", "-n", PLATFORM, "--ignore-not-found")
    cluster.upgrade()
    wait_until(lambda: status(cluster, f"nobody.{DOMAIN}") != 404, "one Ingress serves all names again")
    wait_until(
        lambda: "/workspace-" not in cluster.kubectl("get", "ingress", "-n", PLATFORM, "-o", "name"),
        "those of the workspaces are gone",
    )


def test_each_workspace_has_an_ingress_and_a_certificate(cluster: BehindIngress, alice: Person, each: None) -> None:
    cluster.api("POST", "/workspaces", {"name": "second"})
    ingress = wait_until(
        lambda: cluster.kubectl("get", "ingress", "workspace-second", "-n", PLATFORM, "-o", "name", check=False),
        "it has an Ingress",
    )
    assert ingress.strip().endswith("/workspace-second")
    host = f"second.{DOMAIN}"
    certificate, key = cluster.certificate_for(host)
    cluster.kubectl("create", "secret", "tls", "tls-second", "-n", PLATFORM, "--cert", certificate, "--key", key)

    def served() -> bool:
        with cluster.connect(host) as connection:
            names = (connection.getpeercert() or {}).get("subjectAltName", ())
        return ("DNS", host) in names

    wait_until(served, "its own certificate is served")
    cluster.wait_for("second", "running")
    assert status(cluster, host) == 303
    # One that was there before has an Ingress, too.
    wait_until(lambda: status(cluster, f"{alice.name}.{DOMAIN}") != 404, "the older one has an Ingress")
    session = enter(cluster, alice.cookie, alice.name)
    page = cluster.request(
        "GET", "/?folder=/workspace", token="", host=f"{alice.name}.{DOMAIN}", headers={"Cookie": session}
    )
    assert (page.status, "workbench" in page.body.decode()) == (200, True)
    assert status(cluster, DOMAIN) == 200
    assert status(cluster, f"nobody.{DOMAIN}") == 404
    cluster.api("DELETE", "/workspaces/second?purge=true")
    wait_until(
        lambda: "workspace-second" not in cluster.kubectl("get", "ingress", "-n", PLATFORM, "-o", "name"),
        "its Ingress went with it",
    )
