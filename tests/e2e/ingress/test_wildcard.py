"""One wildcard Ingress, as a program meets it that says exactly what it wants."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e.ingress.traffic import assert_large_bodies_pass
from tests.e2e.kubernetes.edge import websocket
from tests.e2e.kubernetes.inhabitants import Listener
from tests.integration.security.people import Person
from tests.support.cluster import PLATFORM
from tests.support.ingress import DOMAIN, EXAMPLES, BehindIngress, exchange
from tests.support.product_api import Answer, wait_until

STRANGER: Final = "code.example.net"
FORGED: Final = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Host": STRANGER,
    "X-Forwarded-Proto": "http",
    "X-Real-Ip": "198.51.100.7",
    "Forwarded": "for=198.51.100.7;proto=http",
}


def plain(cluster: BehindIngress, host: str, path: str = "/", **headers: str) -> Answer:
    """Send a request over plain http through the controller."""
    with cluster.connect_plainly() as connection:
        return exchange(connection, "GET", path, None, {"Host": host, **headers})


@contextlib.contextmanager
def beside_the_controller(cluster: BehindIngress) -> Iterator[int]:
    """Reach the edge from where no controller is: the pod's own loopback, by a port of this machine."""
    argv = cluster.kubectl_argv("port-forward", "-n", PLATFORM, "deploy/edge", ":8080", "--address", "127.0.0.1")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().split(" -> ")[0].rpartition(":")[2])
        finally:
            process.terminate()


def test_volumes_are_of_the_class_that_was_named(cluster: BehindIngress, alice: Person) -> None:
    claims = cluster.get("pvc", "-A")["items"]
    assert {claim["metadata"]["name"] for claim in claims} >= {"control-plane", "workspace-alice", "home-alice"}
    assert {claim["spec"]["storageClassName"] for claim in claims} == {
        EXAMPLES["wildcard-ingress"]["global"]["storageClass"]
    }


def test_http_is_sent_on_to_https(cluster: BehindIngress) -> None:
    for host in (DOMAIN, f"alice.{DOMAIN}", f"18081--alice.{DOMAIN}"):
        for forged in ({}, {**FORGED, "X-Forwarded-Proto": "https"}):
            answer = plain(cluster, host, "/a%2Fb?c=d", **forged)
            assert (answer.status, answer.headers["location"]) == (308, f"https://{host}/a%2Fb?c=d")


def test_what_a_client_says_of_itself_is_not_believed(cluster: BehindIngress, program: Listener, session: str) -> None:
    answer = cluster.request("GET", "/headers", token="", host=program.host, headers={"Cookie": session, **FORGED})
    assert answer.status == 200
    arrived = answer.json
    assert (arrived["host"], arrived["x-forwarded-proto"]) == (program.host, "https")
    assert "198.51.100.7" not in str(arrived)
    assert STRANGER not in str(arrived)
    # It is the client's address, and not the controller's.
    (controllers,) = EXAMPLES["wildcard-ingress"]["edge"]["trustedProxies"]
    assert ipaddress.ip_address(arrived["x-forwarded-for"]) not in ipaddress.ip_network(controllers)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_who_is_no_controller_cannot_say_that_it_came_by_https(cluster: BehindIngress) -> None:
    with beside_the_controller(cluster) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        answer = exchange(connection, "GET", "/", None, {"Host": DOMAIN, "X-Forwarded-Proto": "https"})
    assert (answer.status, answer.headers["location"]) == (308, f"https://{DOMAIN}/")


@pytest.mark.parametrize("path", ["/a%2Fb%3Bc%25d%3Fe%23f", "/%C3%A4;x=1?q=%2F"])
def test_paths_arrive_as_they_were_sent(program: Listener, session: str, path: str) -> None:
    program.cluster.request("GET", path, token="", host=program.host, headers={"Cookie": session})
    assert f"GET {path} {program.host}" in program.requests()


def test_large_bodies_are_not_cut(program: Listener, session: str) -> None:
    assert_large_bodies_pass(program, session)


def test_names_that_are_not_ours_are_refused(cluster: BehindIngress) -> None:
    """By the controller, which knows the names of the Ingress alone; and by us, where it leads others here."""

    def ask() -> Answer:
        with cluster.connect(DOMAIN) as connection:
            return exchange(connection, "GET", "/", None, {"Host": STRANGER})

    assert (ask().status, ask().body) == (404, b"404 page not found\n")
    ingress: dict[str, Any] = cluster.get("ingress", "edge", "-n", PLATFORM)
    ingress["metadata"] = {"name": "stranger", "namespace": PLATFORM}
    ingress["spec"]["rules"] = [{**ingress["spec"]["rules"][0], "host": STRANGER}]
    cluster.kubectl("apply", "-f", "-", input=json.dumps(ingress))
    try:
        answer = wait_until(lambda: (found := ask()).status != 404 and found, "the controller leads it here")
        assert (answer.status, answer.json["code"]) == (421, "unknown_host")
    finally:
        cluster.kubectl("delete", "ingress", "stranger", "-n", PLATFORM)


def test_a_revoked_session_ends_its_websockets(cluster: BehindIngress, alice: Person, program: Listener) -> None:
    session = program.session(alice)
    with websocket(cluster, program.host, session) as connection:
        assert connection.echoes("before")
        answer = cluster.request("DELETE", "/api/v1/session", token="", headers=alice.headers(cluster))
        assert answer.status == 204, answer.body
        wait_until(lambda: not connection.echoes("after"), "the WebSocket has ended", limit=30)
