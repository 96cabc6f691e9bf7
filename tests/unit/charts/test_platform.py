"""What the platform's chart installs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from scripts.chart_values import PLATFORM, WORKSPACE
from tests.unit.charts.rendering import KIND, MODES, NAMESPACE, WORKSPACES, platform
from vibecode import __version__
from vibecode.domain.secrets import agent_token
from vibecode.runtimes.kubernetes.config import parse_config
from vibecode.settings import Settings

ALL_MODES = pytest.mark.parametrize("mode", MODES)


@pytest.mark.parametrize("chart", [PLATFORM, WORKSPACE], ids=lambda chart: str(chart.name))
def test_charts_have_the_products_version(chart: Any) -> None:
    described = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert described["version"] == described["appVersion"] == __version__


@ALL_MODES
def test_every_object_is_labelled_and_in_its_namespace(mode: str) -> None:
    cluster_wide = {"CustomResourceDefinition", "Namespace", "ClusterIssuer"}
    for each in platform(MODES[mode]).objects:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "vibecode"
        assert labels["app.kubernetes.io/instance"] == "vibecode"
        if each["kind"] in cluster_wide:
            assert "namespace" not in each["metadata"]
        else:
            assert each["metadata"]["namespace"] in (NAMESPACE, WORKSPACES)


@ALL_MODES
def test_no_two_objects_have_one_name(mode: str) -> None:
    names = [(e["kind"], e["metadata"].get("namespace"), e["metadata"]["name"]) for e in platform(MODES[mode]).objects]
    assert len(names) == len(set(names))


def test_the_control_plane_is_one_with_a_volume() -> None:
    rendered = platform({"controlPlane": {"persistence": {"size": "5Gi"}}, "global": {"storageClass": "fast"}})
    deployment = rendered.one("Deployment", "control-plane")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    claim = rendered.one("PersistentVolumeClaim", "control-plane")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert claim["spec"]["storageClassName"] == "fast"
    mounts = {m["mountPath"]: m["name"] for m in rendered.container("control-plane", "control-plane")["volumeMounts"]}
    volumes = {v["name"]: v for v in deployment["template"]["spec"]["volumes"]}
    data_dir = rendered.one("ConfigMap", "control-plane")["data"]["VIBECODE_DATA_DIR"]
    # The volume's root isn't the server's own, so its folder is below.
    assert data_dir not in mounts
    folder, _, _ = data_dir.rpartition("/")
    assert volumes[mounts[folder]]["persistentVolumeClaim"] == {"claimName": "control-plane"}


def test_a_claim_of_ones_own_is_used() -> None:
    rendered = platform({"controlPlane": {"persistence": {"existingClaim": "mine"}}})
    assert not rendered.of("PersistentVolumeClaim")
    volumes = rendered.pods()["control-plane"]["spec"]["volumes"]
    assert [v["persistentVolumeClaim"] for v in volumes if "persistentVolumeClaim" in v] == [{"claimName": "mine"}]


@ALL_MODES
def test_the_control_planes_variables_are_settings(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = platform(MODES[mode]).one("ConfigMap", "control-plane")["data"]
    for name, value in variables.items():
        assert name.removeprefix("VIBECODE_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.runtime == "kubernetes"
    ports = {
        port["name"]: port["containerPort"] for port in platform().container("control-plane", "control-plane")["ports"]
    }
    assert ports == {"app": settings.port, "agent": settings.agent_port, "edge": settings.edge_port}
    service = {port["port"] for port in platform().one("Service", "control-plane")["spec"]["ports"]}
    assert service == set(ports.values())


@ALL_MODES
def test_the_operator_accepts_its_configuration(mode: str) -> None:
    rendered = platform(MODES[mode])
    config = parse_config(rendered.operator_config())
    settings = rendered.one("ConfigMap", "control-plane")["data"]
    assert config.addresses.domain == settings["VIBECODE_DOMAIN"]
    assert config.addresses.workspace_domain == settings["VIBECODE_WORKSPACE_DOMAIN"]
    assert config.addresses.scheme == settings["VIBECODE_PUBLIC_SCHEME"]
    assert str(config.addresses.port) == settings["VIBECODE_PUBLIC_PORT"]
    assert config.namespace == settings["VIBECODE_WORKSPACES_NAMESPACE"]
    for labels, component in ((config.network.edge_labels, "edge"), (config.network.agent_labels, "control-plane")):
        assert labels.items() <= rendered.pods()[component]["metadata"]["labels"].items()


def test_workspaces_get_what_the_values_say() -> None:
    values = {
        "global": {"imageRegistry": "registry.example.org", "imagePullSecrets": ["pull"], "storageClass": "fast"},
        "codeServer": {
            "image": {"repository": "team/workspace", "tag": "7", "pullPolicy": "Always"},
            "resources": {"requests": {"cpu": 0.5, "memory": 4294967296}, "limits": {"cpu": 2, "memory": "8Gi"}},
            "ephemeralStorage": {"tmp": "2Gi", "request": "", "limit": "3Gi"},
            "persistence": {"workspace": {"size": "20Gi"}, "home": {"size": "3Gi"}},
            "security": {"runAsUser": 2000, "runAsGroup": 2001, "fsGroup": 2002},
            "nodeSelector": {"tier": "code-server"},
            "tolerations": [{"key": "code", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "runtimeClassName": "gvisor",
            "priorityClassName": "low",
            "extensions": ["ms-python.python"],
            "network": {
                "internet": False,
                "ipv6": True,
                "blockedCidrs": ["203.0.113.0/24"],
                "moreBlockedCidrs": ["198.51.100.0/24"],
            },
        },
        "operator": {"workers": 8},
    }
    config = parse_config(platform(values).operator_config())
    workspace = config.workspace
    assert workspace.image == "registry.example.org/team/workspace:7"
    assert (workspace.image_pull_policy, workspace.image_pull_secrets) == ("Always", ["pull"])
    assert workspace.resources["requests"] == {"cpu": "0.5", "memory": "4294967296"}
    assert workspace.resources["limits"] == {"cpu": "2", "memory": "8Gi"}
    disk = workspace.ephemeral_storage
    assert (disk.tmp, disk.request, disk.limit) == ("2Gi", "", "3Gi")
    assert (workspace.storage.workspace, workspace.storage.home) == ("20Gi", "3Gi")
    assert workspace.storage_class_name == "fast"
    assert (workspace.security.run_as_user, workspace.security.run_as_group, workspace.security.fs_group) == (
        2000,
        2001,
        2002,
    )
    assert workspace.node_selector == {"tier": "code-server"}
    assert workspace.tolerations == [{"key": "code", "operator": "Exists"}]
    assert workspace.affinity == {"nodeAffinity": {}}
    assert (workspace.runtime_class_name, workspace.priority_class_name) == ("gvisor", "low")
    assert workspace.extensions == ["ms-python.python"]
    assert (config.network.internet, config.network.ipv6) == (False, True)
    assert config.network.blocked_cidrs == ["203.0.113.0/24", "198.51.100.0/24"]
    assert config.workers == 8


def test_what_the_operator_does_by_itself_is_what_the_chart_says() -> None:
    """The two lists of defaults are one."""
    by_chart = parse_config(platform().operator_config())
    bare = parse_config({"addresses": platform().operator_config()["addresses"], "workspace": {"image": "x"}})
    assert sorted(by_chart.network.blocked_cidrs) == sorted(bare.network.blocked_cidrs)
    assert by_chart.network.model_copy(update={"blocked_cidrs": []}) == bare.network.model_copy(
        update={"blocked_cidrs": []}
    )
    assert by_chart.workspace.ephemeral_storage == bare.workspace.ephemeral_storage
    assert by_chart.workspace.resources == bare.workspace.resources
    assert by_chart.workspace.storage == bare.workspace.storage


def test_the_agent_key_is_random_and_read_by_those_who_need_it() -> None:
    rendered = platform()
    key = rendered.one("Secret", "agent-key")["data"]["key"]
    assert len(base64.b64decode(key)) == 32
    assert agent_token(base64.b64decode(key), "id")
    holders = {
        name
        for name, pod in rendered.pods().items()
        for volume in pod["spec"].get("volumes", [])
        if volume.get("secret", {}).get("secretName") == "agent-key"
    }
    assert holders == {"control-plane", "operator"}
    for name in holders:
        (mount,) = (each for each in rendered.container(name, name)["volumeMounts"] if each["name"] == "agent-key")
        # A changed Secret never comes to a mount with a subPath.
        assert "subPath" not in mount


def test_an_agent_key_of_ones_own_is_used() -> None:
    rendered = platform({"controlPlane": {"agentKey": {"existingSecret": "mine"}}})
    assert not rendered.of("Secret")
    for name in ("control-plane", "operator"):
        secrets = [v["secret"]["secretName"] for v in rendered.pods()[name]["spec"]["volumes"] if "secret" in v]
        assert secrets == ["mine"]


def test_what_holds_data_stays_when_the_release_goes() -> None:
    kept = {
        each["kind"]
        for each in platform().objects
        if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {"CustomResourceDefinition", "Namespace", "PersistentVolumeClaim"}


def test_the_workspaces_namespace_enforces_the_restricted_standard() -> None:
    labels = platform().one("Namespace", WORKSPACES)["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}


def test_a_namespace_and_definition_that_are_there_can_be_used() -> None:
    rendered = platform({"workspaces": {"namespace": "teams", "createNamespace": False}, "crds": {"install": False}})
    assert not rendered.of("Namespace")
    assert not rendered.of("CustomResourceDefinition")
    assert rendered.operator_config()["namespace"] == "teams"
    assert rendered.one("NetworkPolicy", "default-deny", "teams")["spec"]["podSelector"] == {}


def test_workspaces_can_be_limited_together() -> None:
    hard, limit = {"requests.memory": "64Gi", "pods": "50"}, {"type": "Container", "max": {"memory": "16Gi"}}
    rendered = platform({"workspaces": {"quota": hard, "limitRange": [limit]}})
    assert rendered.one("ResourceQuota", "vibecode", WORKSPACES)["spec"] == {"hard": hard}
    assert rendered.one("LimitRange", "vibecode", WORKSPACES)["spec"] == {"limits": [limit]}
    assert not platform().of("ResourceQuota")
    assert not platform().of("LimitRange")


def test_budgets_protect_what_has_several_pods() -> None:
    assert {each["metadata"]["name"] for each in platform().of("PodDisruptionBudget")} == {"edge", "operator"}
    # A budget for the only pod would stop every drain of a node.
    assert not platform({"edge": {"replicas": 1}, "operator": {"replicas": 1}}).of("PodDisruptionBudget")
    assert [each["metadata"]["name"] for each in platform(KIND).of("PodDisruptionBudget")] == ["operator"]
    assert not platform({"podDisruptionBudgets": {"enabled": False}}).of("PodDisruptionBudget")


def test_metrics_are_offered_when_asked_for() -> None:
    quiet = platform()
    assert not quiet.of("PodMonitor")
    assert "prometheus.io/scrape" not in quiet.pods()["operator"]["metadata"]["annotations"]
    annotated = platform({"monitoring": {"enabled": True}})
    annotations = annotated.pods()["operator"]["metadata"]["annotations"]
    assert (annotations["prometheus.io/port"], annotations["prometheus.io/path"]) == ("8083", "/metrics")
    monitored = platform(MODES["monitored"])
    monitor = monitored.one("PodMonitor", "operator")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= monitored.pods()["operator"]["metadata"]["labels"].items()
    )
    # Not twice.
    assert "prometheus.io/scrape" not in monitored.pods()["operator"]["metadata"]["annotations"]


def test_the_test_pod_asks_by_what_the_edge_serves() -> None:
    # Behind an Ingress that ends TLS the edge has no https, and sends http on to it.
    for mode, asked in (
        ("default", ("http", "80", "/readyz")),
        ("kind", ("http", "80", "/readyz")),
        ("load balancer", ("https", "443", "/readyz")),
        ("wildcard ingress", ("http", "80", "/.vibecode/-/ready")),
    ):
        rendered = platform(MODES[mode])
        env = rendered.env("smoke-test", "test")
        assert (env["EDGE_SCHEME"], env["EDGE_PORT"], env["EDGE_PATH"]) == asked
        ports = {str(port["port"]) for port in rendered.one("Service", "edge")["spec"]["ports"]}
        assert env["EDGE_PORT"] in ports
    pod = platform().one("Pod", "smoke-test")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    compile(pod["spec"]["containers"][0]["args"][0], "smoke_test.py", "exec")


def test_the_definition_of_workspace_is_the_file() -> None:
    file = yaml.safe_load((PLATFORM / "files/workspaces.yaml").read_text(encoding="utf-8"))
    assert platform().one("CustomResourceDefinition", "workspaces.vibecode.dev")["spec"] == file["spec"]
