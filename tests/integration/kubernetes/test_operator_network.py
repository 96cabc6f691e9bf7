"""Networks that a configuration names, as the cluster has them."""

from __future__ import annotations

from tests.integration.kubernetes.conftest import Places
from tests.support.operators import Surface, make_config, operating
from vibecode.runtimes.kubernetes.resources import NETWORK_POLICIES


async def test_the_cluster_takes_every_network_that_is_named(places: Places, user: Surface) -> None:
    peers = [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        },
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
    ]
    network = {"ipv6": True, "dns": {"peers": peers, "ports": [53, 5353]}}
    async with operating(make_config(places.workspaces, places.platform, network=network)):
        await user.create(running=False)
        await user.until_phase("Stopped")
    dns, _, internet = (await user.get(NETWORK_POLICIES, "code-server-alice"))["spec"]["egress"]
    assert dns["to"] == peers
    assert [peer["ipBlock"]["cidr"] for peer in internet["to"]] == ["0.0.0.0/0", "::/0"]
