"""Ports of this machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.cluster import ports
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.ports import HostPorts


def test_the_usual_ports_are_taken_when_they_are_free() -> None:
    chosen = ports.choose("127.0.0.1", is_free=lambda address, port: True)
    assert chosen == HostPorts(address="127.0.0.1", http=80, https=443)
    assert ports.words(chosen) is None


def test_others_are_chosen_and_announced() -> None:
    chosen = ports.choose("127.0.0.1", is_free=lambda address, port: port not in (80, 443, 8080))
    assert (chosen.http, chosen.https) == (8081, 8443)
    assert ports.words(chosen) == (
        "Port 80 is taken, so 8081 is used for http and port 443 is taken, so 8443 is used for https; "
        "the cluster keeps them for its life."
    )


@given(st.sets(st.sampled_from([80, 443, *range(8080, 8100), *range(8443, 8460)])), st.sampled_from([1, 1024]))
def test_no_port_is_chosen_that_is_taken_or_too_low(taken: set[int], least: int) -> None:
    chosen = ports.choose("127.0.0.1", is_free=lambda address, port: True, least=least, without=taken)
    assert not {chosen.http, chosen.https} & taken
    assert min(chosen.http, chosen.https) >= least
    assert chosen.http != chosen.https


def test_a_machine_without_free_ports_is_a_sentence() -> None:
    with pytest.raises(ClusterUnavailable, match="Port 80 and all of 8080 to 8179"):
        ports.choose("127.0.0.1", is_free=lambda address, port: False)


def test_free_is_what_nobody_listens_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_port_free("127.0.0.1", port)
    assert ports.is_port_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ClusterUnavailable, match="VIBECODE_HOST"):
        ports.is_port_free("192.0.2.1", 8080)


def test_without_root_docker_takes_what_the_kernel_allows(tmp_path: Path) -> None:
    setting = tmp_path / "start"
    assert ports.least_port(rootless=False) == 1
    assert ports.least_port(rootless=True, setting=setting) == 1024
    setting.write_text("80\n")
    assert ports.least_port(rootless=True, setting=setting) == 80


@pytest.mark.parametrize(
    ("listening", "target"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("", "127.0.0.1"), ("10.1.2.3", "10.1.2.3")],
)
def test_what_listens_everywhere_is_reached_on_loopback(listening: str, target: str) -> None:
    assert ports.reachable(listening) == target
