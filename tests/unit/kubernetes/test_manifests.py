"""What the objects of a workspace say."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kubernetes.objects import claim, config, workspace
from vibecode.domain.errors import InvalidInput
from vibecode.domain.names import is_valid_name
from vibecode.runtimes.kubernetes.manifests import agent_secret, ingress, service, service_account
from vibecode.runtimes.kubernetes.naming import (
    agent_secret_name,
    claim_name,
    claim_name_for_owner,
    ingress_name,
    labels,
    main_name,
)
from vibecode.runtimes.kubernetes.pod import deployment, pod_template, resources_of, start_digest
from vibecode.runtimes.kubernetes.policy import network_policy
from vibecode.runtimes.kubernetes.ports import HOLD_SECONDS, READY_PORT
from vibecode.runtimes.kubernetes.quantities import bytes_of
from vibecode.runtimes.kubernetes.resources import Object
from vibecode.runtimes.kubernetes.volumes import (
    ClaimTaken,
    belongs_to,
    find_claims,
    growth_patch,
    tie_patch,
)
from vibecode.runtimes.kubernetes.volumes import claim as claim_manifest

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True).filter(is_valid_name)
CLAIMS = {"workspace": "workspace-alice", "home": "home-alice"}


@given(NAMES, NAMES)
def test_names_fit_their_kinds(name: str, owner: str) -> None:
    # A Service's name is a DNS label (63); a Deployment's pods add a dash, ten digits, a dash and five letters, and the
    # pod's name is its host name, which is cut at 63.
    assert len(main_name(name)) <= 63
    assert len(main_name(name)) + 17 <= 72
    for other in (agent_secret_name(name), ingress_name(name), claim_name("workspace", name)):
        assert len(other) <= 63
    assert len(claim_name_for_owner("workspace", name, owner)) <= 63
    assert all(len(value) <= 63 for value in labels(name, owner).values())


def _template(**changes: Any) -> Object:
    return pod_template(workspace(**changes.pop("spec", {})), config(**changes), claims=CLAIMS)


def test_the_pod_meets_the_restricted_standard() -> None:
    """Check each rule of the Pod Security Standards' restricted profile (and so of the baseline)."""
    spec = _template()["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & spec.keys()
    assert {next(key for key in volume if key != "name") for volume in spec["volumes"]} <= {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
    }
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert not {"privileged", "procMount", "runAsUser"} & security.keys()
    assert not any("hostPort" in port for port in container["ports"])
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


def test_a_busy_editor_is_never_killed_for_it() -> None:
    (container,) = _template()["spec"]["containers"]
    assert "livenessProbe" not in container


def test_a_start_is_noticed_when_it_happens_and_may_take_half_an_hour() -> None:
    (container,) = _template()["spec"]["containers"]
    probe = container["startupProbe"]
    assert probe["httpGet"]["port"] == READY_PORT
    assert probe["periodSeconds"] == 1
    # An answer that is held for its full time still comes in time.
    assert probe["timeoutSeconds"] > HOLD_SECONDS
    assert HOLD_SECONDS * probe["failureThreshold"] == 1800


@given(st.one_of(st.text(alphabet="$()A", max_size=12), st.text(alphabet=st.characters(codec="utf-8"), max_size=60)))
def test_a_source_reaches_the_pod_unchanged(text: str) -> None:
    source = {"template": {"name": "python", "parameters": {"title": text}}}
    (container,) = _template(spec={"source": source})["spec"]["containers"]
    values = {item["name"]: item["value"] for item in container["env"]}
    # As the kubelet expands it: $$ is a dollar, and $(NAME) a variable, which must not be left.
    assert json.loads(_expanded(values["VIBECODE_SOURCE"])) == source
    assert values["VSCODE_PROXY_URI"] == "https://{{port}}--alice.ws.example.org/"


def _expanded(value: str) -> str:
    """Expand as k8s.io/kubernetes/third_party/forked/golang/expansion does, with no variable known."""
    result, index = "", 0
    while index < len(value):
        if value.startswith("$$", index):
            result, index = result + "$", index + 2
        elif value.startswith("$(", index) and ")" in value[index:]:
            raise AssertionError(f"a variable is left in {value}")
        else:
            result, index = result + value[index], index + 1
    return result


def test_what_the_operator_of_the_platform_decides() -> None:
    settings = {
        "nodeSelector": {"tier": "code-server"},
        "tolerations": [{"key": "x", "operator": "Exists"}],
        "imagePullSecrets": ["registry"],
        "runtimeClassName": "gvisor",
        "security": {"runAsUser": 2000, "runAsGroup": 2000, "fsGroup": 2000},
        "extensions": ["a.b"],
    }
    spec = _template(workspace=settings)["spec"]
    assert spec["nodeSelector"] == {"tier": "code-server"}
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["runtimeClassName"] == "gvisor"
    assert spec["securityContext"]["fsGroup"] == 2000
    assert "affinity" not in spec
    own = {"image": "own:2", "resources": {"limits": {"cpu": "9"}}}
    (container,) = _template(spec=own)["spec"]["containers"]
    assert (container["image"], container["resources"]["limits"]["cpu"]) == ("own:2", "9")
    assert container["resources"]["requests"].keys() == {"ephemeral-storage"}


def test_nothing_that_a_workspace_writes_to_its_nodes_disk_is_unlimited() -> None:
    spec = _template()["spec"]
    empty = {volume["name"]: volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume}
    assert empty == {"tmp": {"sizeLimit": "4Gi"}}
    resources = spec["containers"][0]["resources"]
    assert resources["limits"] == {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "5Gi"}
    assert resources["requests"] == {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "256Mi"}


DISK = "ephemeral-storage"


@pytest.mark.parametrize(
    ("own", "requests", "limits"),
    [
        ({"limits": {"cpu": "1"}}, {DISK: "1Gi"}, {"cpu": "1", DISK: "8Gi"}),
        ({"requests": {"cpu": "1"}}, {"cpu": "1", DISK: "1Gi"}, {DISK: "8Gi"}),
        ({"requests": {DISK: "20Gi"}}, {DISK: "20Gi"}, {DISK: "20Gi"}),
        ({"requests": {DISK: 5}}, {DISK: 5}, {DISK: "8Gi"}),
        # The API server takes the limit for the request then, which a smaller limit than ours needs.
        ({"limits": {DISK: "100Mi"}}, None, {DISK: "100Mi"}),
        ({"requests": {DISK: "1Mi"}, "limits": {DISK: "2Mi"}}, {DISK: "1Mi"}, {DISK: "2Mi"}),
    ],
)
def test_a_workspace_with_resources_of_its_own_is_limited_too(own: Object, requests: Object, limits: Object) -> None:
    settings = config(workspace={"ephemeralStorage": {"request": "1Gi", "limit": "8Gi"}})
    resources = resources_of(workspace(resources=own), settings)
    assert resources.get("requests") == requests
    assert resources["limits"] == limits


def test_limits_of_the_disk_can_be_left_to_somebody_else() -> None:
    settings = {"ephemeralStorage": {"tmp": "", "request": "", "limit": ""}}
    spec = _template(workspace=settings)["spec"]
    assert {"name": "tmp", "emptyDir": {}} in spec["volumes"]
    assert DISK not in str(spec["containers"])


def test_only_a_new_request_changes_the_template_of_a_start() -> None:
    plain, again = workspace(), workspace(restartedAt="later")
    template = pod_template(plain, config(), claims=CLAIMS)
    assert template == pod_template(again, config(), claims=CLAIMS)
    assert start_digest(plain, template) != start_digest(again, template)
    renamed = workspace(idleTimeoutSeconds=60, email="a@example.org", stopReason="x", deletionPolicy="Delete")
    assert start_digest(renamed, pod_template(renamed, config(), claims=CLAIMS)) == start_digest(plain, template)
    first, second = (deployment(item, template, replicas=1) for item in (plain, again))
    assert first["spec"]["template"] != second["spec"]["template"]
    assert first["spec"]["strategy"] == {"type": "Recreate"}


def test_the_secret_holds_the_token_of_this_workspace_alone() -> None:
    one, two = (
        json.loads(base64.b64decode(agent_secret(item, config(), key=b"k" * 32)["data"]["agent.json"]))
        for item in (workspace(), {**workspace(), "metadata": {**workspace()["metadata"], "uid": "other"}})
    )
    assert one["token"].startswith("vcw_0b7a4b0e-1111-4222-8333-444455556666_")
    assert one["token"] != two["token"]
    assert one["dashboardUrl"] == "https://example.org"
    assert service_account(workspace())["automountServiceAccountToken"] is False


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


def test_an_ingress_never_leads_to_the_workspace_itself() -> None:
    exposure = {"mode": "ingress", "ingress": {"tls": True, "annotations": {"x": "y"}}}
    owner = {"metadata": {"name": "workspace-ingresses", "uid": "u"}}
    made = ingress(workspace(), config(exposure=exposure), owner=owner)
    (reference,) = made["metadata"]["ownerReferences"]
    assert reference == {"apiVersion": "v1", "kind": "ConfigMap", "name": "workspace-ingresses", "uid": "u"}
    assert made["metadata"]["annotations"] == {
        "x": "y",
        "external-dns.alpha.kubernetes.io/hostname": "alice.ws.example.org",
    }
    (rule,) = made["spec"]["rules"]
    assert {path["backend"]["service"]["name"] for path in rule["http"]["paths"]} == {"edge"}
    assert "ingressClassName" not in made["spec"]
    assert service(workspace())["spec"]["type"] == "ClusterIP"


CLAIM_SETS = st.dictionaries(
    st.sampled_from(
        [
            *("workspace-alice", "home-alice"),
            *(claim_name_for_owner(volume, "alice", "alice") for volume in ("workspace", "home")),
        ]
    ),
    st.builds(
        claim, st.just("x"), workspace=st.sampled_from(["alice", "bob"]), owner=st.sampled_from(["alice", "mallory"])
    ),
)


@given(CLAIM_SETS, st.booleans())
def test_no_workspace_gets_what_is_not_its_own(claims: dict[str, Object], strip: bool) -> None:
    if strip:
        for item in claims.values():
            item["metadata"]["labels"].pop("app.kubernetes.io/managed-by")
    try:
        found = find_claims("alice", "alice", claims)
    except ClaimTaken:
        return
    for name in found.values():
        assert name not in claims or belongs_to(claims[name], workspace="alice", owner="alice")
    owned = {name for name, item in claims.items() if belongs_to(item, workspace="alice", owner="alice")}
    for volume, name in found.items():
        mine = {other for other in owned if other.startswith(volume)}
        assert not mine or name in mine


def test_both_names_taken_is_said() -> None:
    claims = {
        name: claim(name, owner="mallory")
        for name in ("workspace-alice", claim_name_for_owner("workspace", "alice", "alice"))
    }
    with pytest.raises(ClaimTaken, match="workspace-alice and workspace-alice-"):
        find_claims("alice", "alice", claims)


def test_claims_are_tied_only_to_be_deleted() -> None:
    kept = claim_manifest("home-alice", "home", workspace(), config())
    assert "ownerReferences" not in kept["metadata"]
    assert kept["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
    going = claim_manifest("home-alice", "home", workspace(deletionPolicy="Delete"), config())
    (reference,) = going["metadata"]["ownerReferences"]
    assert reference["uid"] == workspace()["metadata"]["uid"]
    assert reference["blockOwnerDeletion"] is False

    existing = claim("home-alice")
    assert tie_patch(existing, workspace()) is None
    tied = tie_patch(existing, workspace(deletionPolicy="Delete"))
    assert tied is not None
    assert tied["metadata"]["resourceVersion"] == "3"
    existing["metadata"]["ownerReferences"] = [{"uid": workspace()["metadata"]["uid"]}]
    untied = tie_patch(existing, workspace())
    assert untied is not None
    assert untied["metadata"]["ownerReferences"] is None


def test_volumes_grow_and_never_shrink() -> None:
    existing = claim("home-alice", size="2Gi")
    assert growth_patch(existing, "2Gi") is None
    assert growth_patch(existing, "2048Mi") is None
    assert growth_patch(existing, "1Gi") is None
    grown = growth_patch(existing, "2049Mi")
    assert grown is not None
    assert grown["spec"]["resources"]["requests"]["storage"] == "2049Mi"


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("1", 1), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 1610612736), ("1e3", 1000), ("2E", 2 * 10**18), ("100m", 0.1)],
)
def test_quantities(quantity: str, value: float) -> None:
    assert float(bytes_of(quantity)) == value


@pytest.mark.parametrize("quantity", ["", "x", "1KiB", "Gi"])
def test_no_quantities(quantity: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        bytes_of(quantity)
