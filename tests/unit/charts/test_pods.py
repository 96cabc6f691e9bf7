"""The platform's pods: what they run, as whom, and where."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path, PurePosixPath

import pytest

from scripts.chart_values import PLATFORM
from tests.unit.charts.rendering import MODES, platform
from vibecode import __version__

IMAGES = Path(__file__).parents[3] / "images"
ALL_MODES = pytest.mark.parametrize("mode", MODES)


@ALL_MODES
def test_pods_meet_the_restricted_standard_but_for_ports_of_the_node(mode: str) -> None:
    for name, pod in platform(MODES[mode]).pods().items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert all(
            set(volume) <= {"name", "emptyDir", "secret", "configMap", "persistentVolumeClaim"}
            for volume in spec.get("volumes", [])
        )
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            takes_node_ports = any("hostPort" in port for port in container.get("ports", []))
            assert takes_node_ports == (mode == "kind" and (name, container["name"]) == ("edge", "nginx"))


@ALL_MODES
def test_no_pod_can_fill_its_nodes_disk(mode: str) -> None:
    for name, pod in platform(MODES[mode]).pods().items():
        for volume in pod["spec"].get("volumes", []):
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], f"{name}: {volume['name']}"


@ALL_MODES
def test_pods_say_what_they_need_and_how_they_are(mode: str) -> None:
    for name, pod in platform(MODES[mode]).pods().items():
        # Variables for each Service of the namespace could be taken for settings.
        assert pod["spec"]["enableServiceLinks"] is False
        for container in pod["spec"]["containers"]:
            assert set(container["resources"]) == {"requests", "limits"}
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
            if name != "smoke-test":
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)


def test_only_those_who_ask_the_api_server_can() -> None:
    pods = platform().pods()
    tokens = {name: pod["spec"]["automountServiceAccountToken"] for name, pod in pods.items()}
    assert tokens == {"control-plane": True, "operator": True, "edge": False, "smoke-test": True}
    assert len({pods[name]["spec"]["serviceAccountName"] for name in ("control-plane", "operator", "edge")}) == 3
    for account in platform().of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, f"vibecode/edge:{__version__}"),
        ({"tag": "1.2-3"}, "vibecode/edge:1.2-3"),
        ({"tag": "1", "digest": f"sha256:{'0' * 64}"}, f"vibecode/edge@sha256:{'0' * 64}"),
    ],
)
def test_images_are_named_by_registry_tag_and_digest(image: dict[str, str], reference: str) -> None:
    assert platform({"edge": {"image": image}}).container("edge", "nginx")["image"] == reference
    rendered = platform({"edge": {"image": image}, "global": {"imageRegistry": "r.example.org:5000/"}})
    assert rendered.container("edge", "nginx")["image"] == f"r.example.org:5000/{reference}"


def test_secrets_for_images_are_given_to_all_pods() -> None:
    for pod in platform({"global": {"imagePullSecrets": ["one", "two"]}}).pods().values():
        assert pod["spec"]["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]


@ALL_MODES
def test_another_control_plane_leaves_the_edges_pods_as_they_are(mode: str) -> None:
    values = {**MODES[mode], "controlPlane": {"image": {"tag": "2"}}}
    before, after = platform(MODES[mode]).pods(), platform(values).pods()
    assert {name for name, pod in after.items() if pod != before[name]} >= {"control-plane", "operator"}
    assert after["edge"] == before["edge"]
    assert platform(values).container("edge", "tunnel")["image"] == f"vibecode/tunnel:{__version__}"


def test_pods_are_renewed_for_a_changed_configuration_alone() -> None:
    before, changed = platform(), platform({"codeServer": {"idleTimeout": 3600, "extensions": ["a.b"]}})
    renewed = {name for name, pod in changed.pods().items() if pod != before.pods()[name]}
    assert renewed == {"control-plane", "operator"}


@ALL_MODES
def test_no_pod_carries_the_charts_version(mode: str) -> None:
    # Else every upgrade would renew every pod, and cut all WebSockets.
    for pod in platform(MODES[mode]).pods().values():
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(pod["metadata"]["labels"])


def test_several_pods_avoid_one_node_unless_told_otherwise() -> None:
    for name in ("edge", "operator"):
        spec = platform().pods()[name]["spec"]
        (term,) = spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert term["podAffinityTerm"]["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == name
        own = {"nodeAffinity": {"x": "y"}}
        assert platform({name: {"affinity": own}}).pods()[name]["spec"]["affinity"] == own


def test_pods_are_placed_and_ranked() -> None:
    place = {"nodeSelector": {"tier": "x"}, "tolerations": [{"key": "t", "operator": "Exists"}]}
    values = dict.fromkeys(("controlPlane", "operator", "edge"), place)
    for pod in platform({**values, "global": {"priorityClassName": "high"}}).pods().values():
        assert pod["spec"]["nodeSelector"] == place["nodeSelector"]
        assert pod["spec"]["tolerations"] == place["tolerations"]
        assert pod["spec"]["priorityClassName"] == "high"


def test_the_cluster_may_choose_the_users() -> None:
    for pod in platform({"security": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}).pods().values():
        assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_variables_can_be_added_to_the_control_plane() -> None:
    extra = [{"name": "SSL_CERT_FILE", "value": "/etc/ssl/own.pem"}]
    env = platform({"controlPlane": {"extraEnv": extra}}).container("control-plane", "control-plane")["env"]
    assert env[-1:] == extra


def test_commands_are_modules_of_the_package() -> None:
    for pod, container in (("control-plane", "control-plane"), ("operator", "operator"), ("edge", "tunnel")):
        command = platform().container(pod, container)["command"]
        assert command[:2] == ["python", "-m"]
        assert importlib.util.find_spec(f"{command[2]}.__main__") is not None


def test_nginx_finds_the_tunnel() -> None:
    socket = platform().env("edge", "tunnel")["VIBECODE_EDGE_LISTEN"]
    assert platform().env("edge", "nginx")["VIBECODE_EDGE_TUNNEL"] == f"unix:{socket}"
    for container in ("nginx", "tunnel"):
        mounts = {each["mountPath"]: each["name"] for each in platform().container("edge", container)["volumeMounts"]}
        assert mounts[str(PurePosixPath(socket).parent)] == "tunnel"
    # Nobody but the socket's user may connect. The cluster may leave it to the images who that is.
    users = [
        re.findall(r"^USER .*", (IMAGES / image / "Dockerfile").read_text(), re.M)[-1] for image in ("edge", "tunnel")
    ]
    assert users[0] == users[1]


def test_one_clients_share_is_passed_on() -> None:
    shares = {"requestsPerSecond": 0, "requestBurst": 7, "openRequests": 8}
    variables = platform({"edge": {"limits": shares}}).env("edge", "nginx")
    assert [variables[f"VIBECODE_EDGE_{name}"] for name in ("REQUESTS", "BURST", "AT_ONCE")] == ["0", "7", "8"]


def test_the_edges_variables_are_its_entrypoints() -> None:
    entrypoint = (PLATFORM.parent.parent / "images/edge/entrypoint.sh").read_text(encoding="utf-8")
    known = set(re.findall(r"^# (VIBECODE_EDGE_[A-Z_]+) ", entrypoint, re.MULTILINE))
    values = {"edge": {"trustedProxies": ["10.0.0.0/8"], "proxyProtocol": True, "hstsSeconds": 60}}
    for variables in (platform(values).env("edge", "nginx"), platform().env("edge", "nginx")):
        assert variables.keys() <= known
