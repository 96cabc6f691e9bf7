"""The NetworkPolicy of a workspace: who may reach it, and whom it may reach."""

from __future__ import annotations

from typing import Final

from vibecode.runtimes.kubernetes.config import NetworkConfig
from vibecode.runtimes.kubernetes.naming import labels, main_name
from vibecode.runtimes.kubernetes.ports import EDITOR_PORT, RELAY_PORT
from vibecode.runtimes.kubernetes.resources import WORKSPACE_LABEL, Object

_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
"""Set by the API server itself on each namespace, so that nobody can pretend by it."""


def network_policy(name: str, owner: str, *, platform_namespace: str, network: NetworkConfig) -> Object:
    """Return the policy: in from the edge alone; out to DNS, the control plane's agent port, and the internet."""
    platform = {"matchLabels": {_NAMESPACE_LABEL: platform_namespace}}
    egress: list[Object] = [
        {
            "to": network.dns.peers,
            "ports": [
                {"protocol": protocol, "port": port} for port in network.dns.ports for protocol in ("UDP", "TCP")
            ],
        },
        {
            "to": [{"namespaceSelector": platform, "podSelector": {"matchLabels": network.agent_labels}}],
            "ports": [{"protocol": "TCP", "port": network.agent_port}],
        },
    ]
    if network.internet:
        families = ("0.0.0.0/0", "::/0") if network.ipv6 else ("0.0.0.0/0",)
        egress.append({"to": [_outside(family, network) for family in families]})
    return {
        "metadata": {"name": main_name(name), "labels": labels(name, owner)},
        "spec": {
            "podSelector": {"matchLabels": {WORKSPACE_LABEL: name}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": platform, "podSelector": {"matchLabels": network.edge_labels}}],
                    "ports": [{"protocol": "TCP", "port": port} for port in (EDITOR_PORT, RELAY_PORT)],
                }
            ],
            "egress": egress,
        },
    }


def _outside(everything: str, network: NetworkConfig) -> Object:
    """Return one address family without its blocked networks."""
    # The configuration holds networks alone. Parsing each again took 50 to 200 µs of every look.
    ipv6 = ":" in everything
    blocked = [cidr for cidr in network.blocked_cidrs if (":" in cidr) == ipv6]
    return {"ipBlock": {"cidr": everything, **({"except": blocked} if blocked else {})}}
