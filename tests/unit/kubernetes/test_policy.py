"""Which connections a workspace's policy allows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.kubernetes.objects import config
from vibecode.domain.errors import InvalidInput
from vibecode.runtimes.kubernetes.policy import network_policy
from vibecode.runtimes.kubernetes.resources import Object


def _policy(**network: Any) -> Object:
    settings = config(network=network)
    policy = network_policy("alice", "alice", platform_namespace=settings.platform_namespace, network=settings.network)
    spec: Object = policy["spec"]
    return spec


def _blocks(policy: Object) -> Iterator[Object]:
    for rule in policy["egress"]:
        for peer in rule["to"]:
            if "ipBlock" in peer:
                yield peer["ipBlock"]


def test_only_the_edge_comes_in() -> None:
    policy = _policy()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["podSelector"] == {"matchLabels": {"vibecode.dev/workspace": "alice"}}
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    assert peer == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vibecode-platform"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "edge"}},
    }
    assert 8080 in {port["port"] for port in rule["ports"]}


def test_the_internet_is_allowed_without_what_is_inside() -> None:
    (block,) = _blocks(_policy())
    assert block["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(block["except"])
    assert list(_blocks(_policy(internet=False, ipv6=True))) == []
    assert list(_blocks(_policy(blockedCidrs=[]))) == [{"cidr": "0.0.0.0/0"}]


def test_ipv6_is_opened_only_by_who_says_so() -> None:
    # To name a network of it as blocked must not open the rest.
    closed = list(_blocks(_policy(blockedCidrs=["10.0.0.0/8", "fc00::/7"])))
    assert closed == [{"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}]
    opened = list(_blocks(_policy(blockedCidrs=["10.0.0.0/8", "fc00::/7"], ipv6=True)))
    assert opened == [*closed, {"cidr": "::/0", "except": ["fc00::/7"]}]


INSIDE = [
    *("10.1.2.3", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254"),
    *("169.254.20.10", "192.0.0.192", "168.63.129.16", "198.18.0.1", "240.0.0.1", "255.255.255.255", "0.0.0.0"),
    *("127.0.0.1", "224.0.0.251", "203.0.113.9", "fd00:ec2::254", "fe80::1", "::1", "::", "ff02::1"),
    *("64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::1"),
]
"""Where private networks, clouds' services and a cluster's own parts are."""

OUTSIDE = ["1.1.1.1", "11.0.0.1", "140.82.121.3", "172.32.0.1", "192.0.1.1", "223.255.255.1", "2606:4700::1111"]


@pytest.mark.parametrize("address", [*INSIDE, *OUTSIDE])
def test_which_addresses_are_the_internet(address: str) -> None:
    asked = ipaddress.ip_address(address)
    allowed = False
    for block in _blocks(_policy(ipv6=True)):
        inside = any(asked in ipaddress.ip_network(cidr) for cidr in block["except"])
        allowed = allowed or (asked in ipaddress.ip_network(block["cidr"]) and not inside)
    assert allowed == (address in OUTSIDE)


def test_names_are_looked_up_where_the_platform_says() -> None:
    usual, *_ = _policy()["egress"]
    (peer,) = usual["to"]
    assert peer["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    assert usual["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    peers = [{"namespaceSelector": {"matchLabels": {"x": "y"}}}, {"ipBlock": {"cidr": "169.254.20.10/32"}}]
    elsewhere, *others = _policy(dns={"peers": peers, "ports": [5353, 53]})["egress"]
    assert elsewhere["to"] == peers
    assert [(port["protocol"], port["port"]) for port in elsewhere["ports"]] == [
        *(("UDP", 5353), ("TCP", 5353), ("UDP", 53), ("TCP", 53))
    ]
    # Blocked networks are none of the others' business: the address of the node's cache stays blocked for the rest.
    assert others == _policy()["egress"][1:]


@pytest.mark.parametrize(
    "dns",
    [
        # Without a peer or a port, a policy would allow everything.
        {"peers": []},
        {"ports": []},
        {"peers": [{}]},
        # Without a namespace, pods of the workspaces' own would be meant.
        {"peers": [{"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]},
        {"peers": [{"ipBlock": {"cidr": "169.254.20.10/32"}, "podSelector": {}}]},
        {"ports": [0]},
    ],
)
def test_a_dns_that_would_open_more_is_refused(dns: Object) -> None:
    with pytest.raises(InvalidInput, match=r"network\.dns"):
        _policy(dns=dns)


def test_every_egress_rule_names_ports_or_blocks() -> None:
    for rule in _policy()["egress"]:
        assert rule["to"]
        assert all("ipBlock" in peer for peer in rule["to"]) or rule["ports"]
