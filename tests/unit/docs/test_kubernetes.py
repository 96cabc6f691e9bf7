"""What the pages say of Kubernetes is what charts, operator and command line do."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scripts.chart_rights import TEMPLATE, read_rights
from scripts.chart_values import PLATFORM
from tests.unit.charts.rendering import MODES, NAMESPACE, WORKSPACES, Object, Rendered, platform
from tests.unit.docs.pages import PAGES, ROOT, examples, read
from vibecode.cluster.bringup import COMPONENTS
from vibecode.cluster.docker import MIN_DISK, MIN_MEMORY
from vibecode.cluster.platform import CHART
from vibecode.cluster.state import ClusterFolder
from vibecode.cluster.tools import REQUIREMENTS, version_text
from vibecode.edge.limits import TunnelLimits
from vibecode.runtimes.kubernetes.diagnosis import PULL_PATIENCE
from vibecode.runtimes.kubernetes.election import Election
from vibecode.runtimes.kubernetes.status import CONTROL_PLANE_FIELDS
from vibecode.settings import Settings
from vibecode.web.verify import CACHE_SECONDS

DEFINITION = yaml.safe_load((PLATFORM / "files/workspaces.yaml").read_text(encoding="utf-8"))
SCHEMA: Object = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC: Object = SCHEMA["properties"]["spec"]["properties"]
STATUS: Object = SCHEMA["properties"]["status"]["properties"]

VALUES = {name: yaml.safe_load(text) for name, text in examples("values")}
MANIFESTS = {name: yaml.safe_load(text) for name, text in examples("workspace")}


def rows(page: str, heading: str) -> dict[str, str]:
    """Return the rows of the table after a heading or sentence: what is in code in the first column, and the rest."""
    text = read(page)
    part = text[text.index(heading) :]
    found: dict[str, str] = {}
    lines = part[part.index("\n| --- ") :].splitlines()[2:]
    for line in lines:
        if not line.startswith("|"):
            break
        first, _, rest = line.removeprefix("| ").partition(" | ")
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), rest)
    return found


# The charts


def way(rendered: Rendered) -> set[str]:
    """Return the ways in which an edge is exposed."""
    ways = {
        "hostPorts": any("hostPort" in port for port in rendered.container("edge", "nginx")["ports"]),
        "loadBalancer": rendered.one("Service", "edge")["spec"]["type"] == "LoadBalancer",
        "perWorkspace": rendered.operator_config()["exposure"]["mode"] == "ingress",
        "wildcard": any(
            rule["host"].startswith("*.") for each in rendered.of("Ingress") for rule in each["spec"]["rules"]
        ),
        "gateway": bool(rendered.of("HTTPRoute")),
    }
    return {name for name, is_so in ways.items() if is_so}


def mentioned(loaded: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all that values set."""
    for key, value in loaded.items():
        if isinstance(value, dict):
            yield from mentioned(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


@pytest.mark.parametrize("name", VALUES)
def test_examples_of_values_are_accepted_and_change_something(name: str) -> None:
    assert list(mentioned(VALUES[name]))
    assert platform(VALUES[name]).objects != platform().objects


def test_every_way_to_expose_the_edge_has_an_example() -> None:
    shown = {each for values in VALUES.values() for each in way(platform(values))}
    known = {each for values in MODES.values() for each in way(platform(values))}
    assert shown == known


def test_examples_with_a_domain_of_ones_own_end_in_https() -> None:
    for name, values in VALUES.items():
        if "domain" in values.get("global", {}):
            settings = platform(values).one("ConfigMap", "control-plane")["data"]
            assert settings["VIBECODE_PUBLIC_SCHEME"] == "https", name


def test_the_example_of_images_names_all_of_them_in_a_registry() -> None:
    images = {
        container["image"]
        for pod in platform(VALUES["images"]).pods().values()
        for container in pod["spec"]["containers"]
    } | {platform(VALUES["images"]).operator_config()["workspace"]["image"]}
    assert {image.split(":")[0] for image in images} == {
        f"registry.example.org/vibecode/{name}" for name in ("workspace", "control-plane", "tunnel", "edge")
    }
    assert all(re.search(r":([0-9.]+|content)-[0-9a-f]{12}$", image) for image in images)


def cpu(quantity: str) -> float:
    return float(quantity.removesuffix("m")) / 1000 if quantity.endswith("m") else float(quantity)


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def test_what_the_platform_asks_for_is_what_the_page_says() -> None:
    rendered = platform()
    total_cpu, total_memory = 0.0, 0
    for each in rendered.of("Deployment"):
        for container in each["spec"]["template"]["spec"]["containers"]:
            requests = container["resources"]["requests"]
            total_cpu += each["spec"]["replicas"] * cpu(requests["cpu"])
            total_memory += each["spec"]["replicas"] * mebibytes(requests["memory"])
    page = " ".join(read("docs/deployment.md").split())
    assert f"by default is {total_cpu:g} CPU and {total_memory} MiB" in page
    workspace = rendered.operator_config()["workspace"]["resources"]
    requests, limits = workspace["requests"], workspace["limits"]
    assert f"runs, {cpu(requests['cpu']):g} CPU and {mebibytes(requests['memory']) // 1024} GiB" in page
    assert f"use {cpu(limits['cpu']):g} CPU and {mebibytes(limits['memory']) // 1024} GiB" in page


def test_every_rule_of_the_roles_is_read() -> None:
    rights = read_rights()
    rendered = platform(VALUES["ingress-per-workspace"])
    expected = sorted(
        (sorted(rule["resources"]), sorted(rule["verbs"]), sorted(rule.get("resourceNames", [])))
        for role in rendered.of("Role")
        for rule in role["rules"]
    )
    assert sorted((sorted(each.kinds), sorted(each.verbs), sorted(each.names)) for each in rights) == expected
    conditions = {tuple(each.kinds): each.condition for each in rights if each.condition}
    assert conditions == {("ingresses",): "ingress.perWorkspace", ("configmaps",): "ingress.perWorkspace"}
    assert TEMPLATE.read_text(encoding="utf-8").count("{{- if ") == 1
    assert "<!-- generated: platform-rights -->" in read("docs/security.md")


def test_every_policy_of_the_platform_is_described() -> None:
    described = set(rows("docs/security.md", "| Policy | In | Closes |"))
    rendered = [platform(values) for values in MODES.values()]
    policies = {policy["metadata"]["name"] for each in rendered for policy in each.of("NetworkPolicy")}
    assert described == policies | {"code-server-<name>"}


def test_the_blocked_networks_are_those_of_the_page() -> None:
    blocked = platform().operator_config()["network"]["blockedCidrs"]
    table = rows("docs/security.md", "| From a workspace | |")
    assert "codeServer.network.internet: false" in " ".join(table.values()) + read("docs/security.md")
    assert {"100.64.0.0/10", "169.254.0.0/16"} <= set(blocked)
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(blocked), "the private networks"
    assert {"168.63.129.16/32", "240.0.0.0/4"} <= set(blocked), "machine services, and reserved addresses"


def test_names_and_namespaces_are_the_charts() -> None:
    page = read("docs/kubernetes.md")
    assert f"`{NAMESPACE}`" in page
    assert f"`{WORKSPACES}`" in page
    assert {component for component in COMPONENTS if f"`{component}`" in page} == COMPONENTS
    assert CHART in read("docs/deployment.md")


# Workspace objects


def complaints(schema: Object, value: Any, at: str = "") -> Iterator[str]:
    """Yield what an API server would refuse of a value, but for CEL rules."""
    kinds = {"object": dict, "string": str, "integer": int, "boolean": bool, "array": list}
    kind = schema.get("type")
    if kind and not isinstance(value, kinds[kind]):
        yield f"{at} is no {kind}"
        return
    if isinstance(value, dict):
        yield from (f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value)
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name, below in value.items():
            if name in known:
                yield from complaints(known[name], below, f"{at}.{name}")
            elif more:
                yield from complaints(more, below, f"{at}.{name}")
            elif "properties" in schema:
                yield f"{at}.{name} is not known"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at} does not match"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{at} has not the right length"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is none of {schema['enum']}"


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_of_the_kind(name: str) -> None:
    manifest = MANIFESTS[name]
    version = DEFINITION["spec"]["versions"][0]["name"]
    assert manifest["apiVersion"] == f"{DEFINITION['spec']['group']}/{version}"
    assert manifest["kind"] == DEFINITION["spec"]["names"]["kind"]
    assert manifest["metadata"]["namespace"] == WORKSPACES
    assert list(complaints(SCHEMA, manifest)) == []


def test_a_wrong_manifest_is_found() -> None:
    wrong = {"spec": {"idle": 1, "deletionPolicy": "Never", "storage": {"home": "big"}}}
    assert list(complaints(SCHEMA, wrong)) == [
        ".spec.owner is missing",
        ".spec.idle is not known",
        ".spec.deletionPolicy is none of ['Retain', 'Delete']",
        ".spec.storage.home does not match",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_patches_in_commands_are_of_the_kind(page: Any) -> None:
    patches = re.findall(r"""--patch (?:'([^']+)'|"((?:[^"\\]|\\.)+)")""", page.read_text(encoding="utf-8"))
    for plain, escaped in patches:
        patch = yaml.safe_load(
            plain or escaped.replace('\\"', '"').replace("$(date -u +%FT%TZ)", "2026-01-01T00:00:00Z")
        )
        whole = {**patch, "spec": {"owner": "alice", **patch["spec"]}}
        assert list(complaints(SCHEMA, whole)) == []


def test_every_field_of_the_spec_is_described() -> None:
    assert set(rows("docs/kubernetes.md", "What `spec` can hold:")) >= set(SPEC)
    described = read("docs/kubernetes.md")
    for field in SPEC.values():
        for below in field.get("properties", {}):
            assert f"`{below}`" in described


def test_every_field_of_the_status_is_described() -> None:
    described = set(rows("docs/kubernetes.md", "And more fields:")) | {"phase", "message", "conditions"}
    assert set(STATUS) == described
    assert set(STATUS) >= CONTROL_PLANE_FIELDS


def test_every_phase_is_described() -> None:
    assert list(rows("docs/kubernetes.md", "| Phase | Meaning |")) == STATUS["phase"]["enum"]


def strings(file: str, name: str) -> set[str]:
    """Return all values that a keyword argument of some name is given in a file."""
    tree = ast.parse((ROOT / "src/vibecode/runtimes/kubernetes" / file).read_text(encoding="utf-8"))
    keywords = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == name]
    return {
        node.value
        for keyword in keywords
        for node in ast.walk(keyword)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("[A-Z][A-Za-z]+", node.value)
    }


def test_every_reason_is_described() -> None:
    reasons = strings("diagnosis.py", "reason") | strings("reconcile.py", "reason")
    # Those of pods that can't be scheduled are chosen first, and given later.
    source = (ROOT / "src/vibecode/runtimes/kubernetes/diagnosis.py").read_text(encoding="utf-8")
    reasons |= set(re.findall(r'^ +what, reason = .*, "([A-Z][A-Za-z]+)"$', source, re.MULTILINE))
    assert {"Ready", "VolumeNode", "QuotaExceeded", "SourceUnavailable", "VolumeTaken"} <= reasons
    described = set(rows("docs/kubernetes.md", "| Reason | What it means | What to do |"))
    assert {each for each in described if not each.startswith("Insufficient")} == reasons


def test_every_condition_is_described() -> None:
    tree = ast.parse((ROOT / "src/vibecode/runtimes/kubernetes/status.py").read_text(encoding="utf-8"))
    (conditions,) = (
        [ast.literal_eval(key) for key in node.value.keys if key is not None]
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "found"
        and isinstance(node.value, ast.Dict)
    )
    conditions += [
        ast.literal_eval(target.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(target := node.targets[0], ast.Subscript)
        and isinstance(target.value, ast.Name)
        and target.value.id == "found"
    ]
    assert sorted(rows("docs/kubernetes.md", "| Condition | True when |")) == sorted(conditions)


# The cluster on one's own machine


def test_the_steps_are_those_of_the_command() -> None:
    source = (ROOT / "src/vibecode/cluster/bringup.py").read_text(encoding="utf-8")
    steps = [step.replace("{name}", "…") for step in re.findall(r'\.step\(f?"([^"]+)"\)', source)]
    assert sorted(rows("docs/kubernetes.md", "| Step | What it does |")) == sorted(steps)


def test_the_least_versions_and_room_are_those_of_the_code() -> None:
    page = " ".join(read("docs/kubernetes.md").split())
    for tool in REQUIREMENTS:
        assert f"`{tool.name}` {version_text(tool.least).removesuffix('.0')} or later" in page
    assert f"with {MIN_MEMORY >> 30} GiB of memory and {MIN_DISK >> 30} GiB of disk" in page


def test_the_settings_that_go_into_a_cluster_are_named() -> None:
    source = (ROOT / "src/vibecode/cluster/platform.py").read_text(encoding="utf-8")
    passed_on = set(re.findall(r"\bsettings\.([a-z_]+)", source)) & set(Settings.model_fields)
    sentence = re.search(
        r"^The \[settings]\(settings.md\) (.*?) go into the cluster", read("docs/kubernetes.md"), re.M | re.S
    )
    assert sentence is not None
    assert set(re.findall(r"`([a-z_]+)`", sentence[1])) == passed_on


def test_the_files_of_a_cluster_are_described(tmp_path: Any) -> None:
    folder = ClusterFolder(tmp_path)
    files = [folder.kubeconfig, folder.values, folder.ca_certificate, folder.ca_key, folder.certificate, folder.key]
    names = {path.name for path in [*files, folder.access, folder.token]} | {"state.json"}
    assert set(rows("docs/kubernetes.md", "### Where things are")) == names
    assert all(path.parent.name == "kubernetes" for path in files)


def test_the_nodes_are_those_of_the_cluster() -> None:
    config = yaml.safe_load(read("deploy/kind/cluster.yaml"))
    page = read("docs/kubernetes.md")
    assert f"`{config['name']}`" in page
    for node in config["nodes"]:
        for key, value in node["labels"].items():
            assert f"| `{key}={value}` |" in page


# The edge


def test_every_code_of_nginx_and_the_tunnel_is_described() -> None:
    codes: set[str] = set()
    for file in (
        "images/edge/edge.lua",
        "src/vibecode/web/verify.py",
        *(f"src/vibecode/edge/{name}.py" for name in ("tunnel", "handshake")),
    ):
        text = read(file)
        codes |= set(re.findall(r"\b[45]\d\d,\s*\"([a-z_]+)\"", text)) | set(re.findall(r"code=\"([a-z_]+)\"", text))
    assert {"too_many_requests", "control_plane_unavailable"} <= codes
    page = read("docs/api.md")
    assert not [code for code in sorted(codes) if f"`{code}`" not in page]


def test_times_and_rates_are_those_of_the_code() -> None:
    lease = inspect.signature(Election.__init__).parameters["lease_seconds"].default
    assert f"its Lease of {lease} seconds" in " ".join(read("docs/operations.md").split())
    assert "SIGN_IN_BURST, SIGN_IN_SECONDS = 10, 1" in read("images/edge/edge.lua")
    assert "limited to one a second for each address, with ten at once" in read("docs/security.md")
    assert f"asks every {TunnelLimits().report_interval:.0f} seconds" in read("docs/security.md")
    assert CACHE_SECONDS == 1
    assert "Answers are repeated for one second" in read("docs/security.md")
    assert f"after {PULL_PATIENCE // 60} minutes that counts as failed" in read("docs/kubernetes.md")


def test_one_clients_share_is_that_of_chart_and_code() -> None:
    values = yaml.safe_load((PLATFORM / "values.yaml").read_text(encoding="utf-8"))["edge"]["limits"]
    page = read("docs/deployment.md")
    table = page[page.index("| What | Limit | Value |") :].partition("\n\n")[0]
    said = [int(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", table)]
    assert said == [*values.values(), 10]
    limits = TunnelLimits()
    assert [limits.per_session, limits.per_workspace] == list(values.values())[3:]
    entrypoint = read("images/edge/entrypoint.sh")
    defaults = [re.findall(rf"setting {name} '[^']+' (\d+)", entrypoint) for name in ("REQUESTS", "BURST", "AT_ONCE")]
    assert [int(found) for (found,) in defaults] == list(values.values())[:3]


def test_metrics_are_described() -> None:
    source = (ROOT / "src/vibecode/operator/health.py").read_text(encoding="utf-8")
    metrics = set(re.findall(r'add\("([a-z_]+)"', source))
    assert len(metrics) > 5
    assert set(rows("docs/operations.md", "| Metric | Tells |")) == metrics
