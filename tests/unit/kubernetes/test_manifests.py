"""What the objects of a workspace say, its policy and its volumes aside."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kubernetes.objects import config, workspace
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
from vibecode.runtimes.kubernetes.ports import HOLD_SECONDS, READY_PORT
from vibecode.runtimes.kubernetes.resources import Object

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
