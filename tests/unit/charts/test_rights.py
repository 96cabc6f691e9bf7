"""What the platform's parts may ask of the API server: as little as they need, each right with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.chart_values import PLATFORM
from tests.unit.charts.rendering import INGRESS_EACH, MODES, NAMESPACE, WORKSPACES, Object, Refused, Rendered, platform
from vibecode.runtimes.kubernetes.naming import INGRESS_OWNER
from vibecode.runtimes.kubernetes.ports import RELAY_PORT

Rights = set[tuple[str, str, str, str]]
"""Verb, kind, name (`*` for any) and namespace."""

CONTROL_PLANE: Mapping[str, str] = {
    "workspaces": "get list watch create patch delete",
    "workspaces/status": "patch",
    "pods": "get list",
    "pods/log": "get",
    "events": "get list",
    "persistentvolumeclaims": "get list delete",
}
"""Of the control plane, in the workspaces' namespace."""

OPERATOR: Mapping[str, str] = {
    "workspaces": "get list watch",
    "workspaces/status": "patch",
    "deployments": "get list watch create patch delete",
    "services": "get list watch create patch delete",
    "serviceaccounts": "get list watch create patch delete",
    "secrets": "get list watch create patch delete",
    "networkpolicies": "get list watch create patch delete",
    "persistentvolumeclaims": "get list watch create patch delete",
    "pods": "get list watch",
    "events": "create list",
}
"""Of the operator, in the workspaces' namespace."""


def in_workspaces(table: Mapping[str, str]) -> Rights:
    return {(verb, kind, "*", WORKSPACES) for kind, verbs in table.items() for verb in verbs.split()}


LEASE: Rights = {
    *((verb, "leases", "vibecode-operator", NAMESPACE) for verb in ("get", "update", "patch")),
    ("create", "leases", "*", NAMESPACE),
}


def rights(rendered: Rendered, account: str) -> Rights:
    """Return everything that an account may do."""
    found: Rights = set()
    for binding in rendered.of("RoleBinding"):
        if account not in (subject["name"] for subject in binding["subjects"]):
            continue
        namespace = binding["metadata"]["namespace"]
        role = rendered.one(binding["roleRef"]["kind"], binding["roleRef"]["name"], namespace)
        for rule in role["rules"]:
            found |= {
                (verb, kind, name, namespace)
                for verb in rule["verbs"]
                for kind in rule["resources"]
                for name in rule.get("resourceNames", ["*"])
            }
    return found


def test_the_control_plane_may_do_what_it_does_and_no_more() -> None:
    assert rights(platform(), "control-plane") == in_workspaces(CONTROL_PLANE)


def test_the_operator_may_do_what_it_does_and_no_more() -> None:
    assert rights(platform(), "operator") == in_workspaces(OPERATOR) | LEASE


def test_the_operator_makes_ingresses_only_where_it_should() -> None:
    more = rights(platform(INGRESS_EACH), "operator") - rights(platform(), "operator")
    assert more == {
        *((verb, "ingresses", "*", NAMESPACE) for verb in ("get", "list", "watch", "create", "patch", "delete")),
        *((verb, "configmaps", INGRESS_OWNER, NAMESPACE) for verb in ("get", "list", "watch")),
    }


@pytest.mark.parametrize("mode", MODES)
def test_what_the_ingresses_of_workspaces_go_with_is_there_as_long_as_these(mode: str) -> None:
    found = [each for each in platform(MODES[mode]).of("ConfigMap") if each["metadata"]["name"] == INGRESS_OWNER]
    assert len(found) == (1 if mode == "ingress each" else 0)
    # Where Helm would keep it, they would stay.
    assert not any(each["metadata"].get("annotations") for each in found)


@pytest.mark.parametrize("mode", MODES)
def test_nobody_has_a_right_in_the_whole_cluster(mode: str) -> None:
    rendered = platform(MODES[mode])
    assert not rendered.of("ClusterRole")
    assert not rendered.of("ClusterRoleBinding")
    for account in ("control-plane", "operator"):
        assert {right[3] for right in rights(rendered, account)} <= {NAMESPACE, WORKSPACES}
    assert rights(rendered, "edge") == rights(rendered, "default") == set()


def test_only_the_operator_reads_secrets_and_only_the_workspaces() -> None:
    for account in ("control-plane", "operator"):
        namespaces = {right[3] for right in rights(platform(), account) if right[1] == "secrets"}
        assert namespaces == ({WORKSPACES} if account == "operator" else set())


@pytest.mark.parametrize("mode", MODES)
def test_no_rule_has_a_wildcard(mode: str) -> None:
    for role in platform(MODES[mode]).of("Role"):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_every_rule_says_why() -> None:
    lines = (PLATFORM / "templates/rbac.yaml").read_text(encoding="utf-8").splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("  - apiGroups:")]
    for index in rules:
        assert re.fullmatch(r"  # .{20,}", lines[index - 1]), f"line {index + 1} of rbac.yaml gives no reason"
    rendered = platform(INGRESS_EACH)
    assert len(rules) == sum(len(role["rules"]) for role in rendered.of("Role"))


# Network


def policies(rendered: Rendered, component: str) -> list[dict[str, Any]]:
    """Return the policies of the platform's namespace that select a component's pods."""
    labels = rendered.pods()[component]["metadata"]["labels"]
    return [
        each["spec"]
        for each in rendered.of("NetworkPolicy")
        if each["metadata"]["namespace"] == NAMESPACE and selects(each["spec"]["podSelector"], labels)
    ]


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector matches (operator In alone)."""
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def open_to(rendered: Rendered, component: str, *, labels: Mapping[str, str], namespace: str) -> set[int]:
    """Return the ports of a component that pods with these labels can connect to."""
    return {
        port["port"]
        for policy in policies(rendered, component)
        for rule in policy.get("ingress", [])
        if "from" not in rule or any(admits(peer, labels, namespace) for peer in rule["from"])
        for port in rule["ports"]
    }


def admits(peer: Object, labels: Mapping[str, str], namespace: str) -> bool:
    """Tell whether a peer of a policy in the platform's namespace matches a pod."""
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace}):
            return False
    elif namespace != NAMESPACE:
        return False
    return selects(peer.get("podSelector", {}), labels)


@pytest.mark.parametrize("component", ["control-plane", "operator", "edge", "smoke-test"])
def test_every_pod_is_closed_in_both_directions(component: str) -> None:
    directions = {direction for policy in policies(platform(), component) for direction in policy["policyTypes"]}
    assert directions == {"Ingress", "Egress"}
    assert any(not policy.get("ingress") and not policy.get("egress") for policy in policies(platform(), component))


def test_who_reaches_the_control_plane() -> None:
    rendered = platform()
    edge = rendered.pods()["edge"]["metadata"]["labels"]
    workspace = {"app": "code-server", "user": "alice"}
    assert open_to(rendered, "control-plane", labels=edge, namespace=NAMESPACE) == {8080, 8082}
    assert open_to(rendered, "control-plane", labels=workspace, namespace=WORKSPACES) == {8081}
    # Neither a pod that calls itself the edge elsewhere, nor another one in either namespace.
    for labels, namespace in (
        (edge, WORKSPACES),
        (edge, "other"),
        (workspace, "other"),
        ({}, NAMESPACE),
        ({}, WORKSPACES),
    ):
        assert open_to(rendered, "control-plane", labels=labels, namespace=namespace) == set()


def test_everybody_reaches_the_edge_and_nobody_the_operator() -> None:
    assert open_to(platform(), "edge", labels={}, namespace="other") == {8080}
    assert open_to(platform(MODES["kind"]), "edge", labels={}, namespace="other") == {8080, 8443}
    assert open_to(platform(), "operator", labels={}, namespace="other") == set()
    monitored = platform(MODES["monitored"])
    assert open_to(monitored, "operator", labels={}, namespace="monitoring") == {8083}
    assert open_to(monitored, "operator", labels={}, namespace="other") == set()


def test_the_edge_can_be_kept_to_an_ingress_controller() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}]
    rendered = platform({"networkPolicies": {"edge": {"peers": peers}}})
    test = rendered.pods()["smoke-test"]["metadata"]["labels"]
    assert open_to(rendered, "edge", labels={}, namespace="traefik") == {8080}
    assert open_to(rendered, "edge", labels=test, namespace=NAMESPACE) == {8080}
    for labels, namespace in (({}, "other"), (test, "other"), ({}, NAMESPACE), ({"app": "code-server"}, WORKSPACES)):
        assert open_to(rendered, "edge", labels=labels, namespace=namespace) == set()


def test_where_pods_can_go() -> None:
    rendered = platform({"networkPolicies": {"apiServer": {"cidrs": ["192.0.2.1/32"]}}})

    def destinations(component: str) -> list[tuple[list[Any], set[int]]]:
        return [
            (rule.get("to", []), {port["port"] for port in rule["ports"]})
            for policy in policies(rendered, component)
            for rule in policy.get("egress", [])
        ]

    by_ports = {frozenset(ports): peers for peers, ports in destinations("edge")}
    assert set(by_ports) == {frozenset({53}), frozenset({8080, 8082}), frozenset({8080, RELAY_PORT})}
    (control_plane,), (workspaces,) = by_ports[frozenset({8080, 8082})], by_ports[frozenset({8080, RELAY_PORT})]
    assert admits(control_plane, rendered.pods()["control-plane"]["metadata"]["labels"], NAMESPACE)
    assert not admits(control_plane, rendered.pods()["operator"]["metadata"]["labels"], NAMESPACE)
    assert admits(workspaces, {"app": "code-server"}, WORKSPACES)
    assert not admits(workspaces, {"app": "other"}, WORKSPACES)
    for component in ("control-plane", "operator"):
        by_ports = {frozenset(ports): peers for peers, ports in destinations(component)}
        assert set(by_ports) == {frozenset({53}), frozenset({443, 6443})}
        assert by_ports[frozenset({443, 6443})] == [{"ipBlock": {"cidr": "192.0.2.1/32"}}]
        (dns,) = by_ports[frozenset({53})]
        assert admits(dns, {"k8s-app": "kube-dns"}, "kube-system")


def test_a_pod_of_a_workspace_is_closed_before_the_operator_opens_it() -> None:
    policy = platform().one("NetworkPolicy", "default-deny", WORKSPACES)["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_platforms_policies_can_be_left_to_somebody_else() -> None:
    rendered = platform({"networkPolicies": {"enabled": False}})
    assert [each["metadata"]["namespace"] for each in rendered.of("NetworkPolicy")] == [WORKSPACES]


def test_dns_can_be_elsewhere() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}}]
    rendered = platform({"networkPolicies": {"dns": {"peers": peers, "ports": [5353]}}})
    (rule,) = rendered.one("NetworkPolicy", "dns")["spec"]["egress"]
    assert rule["to"] == peers
    assert rule["ports"] == [{"port": 5353, "protocol": "UDP"}, {"port": 5353, "protocol": "TCP"}]
    # For workspaces as for the platform.
    assert rendered.operator_config()["network"]["dns"] == {"peers": peers, "ports": [5353]}


@pytest.mark.parametrize(
    "peer", [{}, {"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.1/32"}, "podSelector": {}}, {"service": "dns"}]
)
def test_a_dns_that_would_be_anywhere_is_refused(peer: Object) -> None:
    with pytest.raises(Refused, match="networkPolicies/dns/peers/0"):
        platform({"networkPolicies": {"dns": {"peers": [peer]}}})
