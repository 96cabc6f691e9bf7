"""Values: every one is described, checked and of use, and a wrong one is refused with a sentence that helps."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts import docs
from scripts.chart_values import PLATFORM, WORKSPACE, Value, read_values
from tests.support.require import require
from tests.unit.charts.rendering import INGRESS_EACH, WILDCARD_INGRESS, Refused, merged, platform, text, workspace
from vibecode.domain.names import RESERVED

CHARTS = pytest.mark.parametrize("chart", [PLATFORM, WORKSPACE], ids=lambda chart: str(chart.name))
ALL_VALUES = [
    pytest.param(chart, value, id=value.path) for chart in (PLATFORM, WORKSPACE) for value in read_values(chart)
]

GROUPED: dict[str, Any] = {"type": "object", "additionalProperties": False}


def schema_of(chart: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    return loaded


def resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references."""
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part


def schema_paths(
    schema: Mapping[str, Any], part: Mapping[str, Any], described: set[str], at: str = ""
) -> Iterator[str]:
    """Yield the paths of all values that a schema knows, down to what values.yaml describes as one."""
    for name, below in resolved(schema, part)["properties"].items():
        path = f"{at}{name}"
        below = resolved(schema, below)
        if path in described or "properties" not in below:
            yield path
        else:
            yield from schema_paths(schema, below, described, f"{path}.")


def groups(schema: Mapping[str, Any], part: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all groups of values."""
    below = resolved(schema, part)
    if "properties" in below:
        yield at
        for name, child in below["properties"].items():
            yield from groups(schema, child, (*at, name))


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return values with one at a path."""
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def refusal(values: Mapping[str, Any]) -> str:
    """Return what Helm says to values of the platform's chart."""
    with pytest.raises(Refused) as refused:
        platform(values)
    return str(refused.value)


@pytest.mark.parametrize(("chart", "value"), ALL_VALUES)
def test_every_value_is_described(chart: Path, value: Value) -> None:
    assert len(value.description) > 10, f"values.yaml says nothing of {value.path}"
    assert value.description.endswith("."), f"what values.yaml says of {value.path} is no sentence"
    row = f"| `{value.path}` | "
    assert row in (docs.DOCS / "kubernetes-values.md").read_text(encoding="utf-8"), "run `make docs`"


@CHARTS
def test_the_schema_knows_the_values_and_no_others(chart: Path) -> None:
    schema = schema_of(chart)
    described = [value.path for value in read_values(chart)]
    assert sorted(schema_paths(schema, schema, set(described))) == sorted(described)


@CHARTS
def test_every_group_of_the_schema_is_closed(chart: Path) -> None:
    schema = schema_of(chart)
    for path in groups(schema, schema):
        part: Mapping[str, Any] = schema
        for key in path:
            part = resolved(schema, resolved(schema, part)["properties"][key])
        assert part["additionalProperties"] is False, f"{'.'.join(path)} takes anything"


@pytest.mark.parametrize(
    "path", list(groups(schema_of(PLATFORM), schema_of(PLATFORM))), ids=lambda path: ".".join(path) or "top"
)
def test_an_unknown_value_is_refused_and_named(path: tuple[str, ...]) -> None:
    assert "additional properties 'misspelt' not allowed" in refusal(nested((*path, "misspelt"), 1))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("edge.kind", "StatefulSet", "value must be one of 'Deployment', 'DaemonSet'"),
        ("edge.replicas", "two", "got string, want integer"),
        ("edge.replicas", 0, "minimum: got 0, want 1"),
        ("edge.hostPorts.http", 70000, "maximum: got 70,000, want 65,535"),
        ("edge.trustedProxies", ["10.0.0.1"], "does not match pattern"),
        ("ingress.enabled", "yes", "got string, want boolean"),
        ("ingress.annotations", {"a": 1}, "got number, want string"),
        ("global.domain", "https://code.example.org", "does not match pattern"),
        ("global.domain", "Code.example.org", "does not match pattern"),
        ("codeServer.idleTimeout", 5, "minimum: got 5, want 60"),
        ("codeServer.security.runAsUser", 0, "minimum: got 0, want 1"),
        ("codeServer.persistence.workspace.size", "10", "does not match pattern"),
        ("codeServer.ephemeralStorage.tmp", "4 GB", "does not match pattern"),
        ("codeServer.resources", {"request": {"cpu": 1}}, "additional properties 'request' not allowed"),
        ("codeServer.network.blockedCidrs", ["10.0.0.0"], "does not match pattern"),
        ("codeServer.network.moreBlockedCidrs", ["10.0.0.0"], "does not match pattern"),
        ("networkPolicies.dns.peers", [], "minItems: got 0, want 1"),
        ("networkPolicies.dns.ports", [], "minItems: got 0, want 1"),
        ("controlPlane.logLevel", "verbose", "value must be one of 'debug', 'info', 'warning', 'error'"),
        ("tls.mode", "letsencrypt", "value must be one of 'none', 'secret', 'certManager'"),
        ("workspaces.namespace", "My_Space", "does not match pattern"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(path: str, value: Any, words: str) -> None:
    said = refusal(nested(tuple(path.split(".")), value))
    assert f"/{path.replace('.', '/')}" in said
    assert words in said


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"workspaces": {"namespace": "vibecode-platform"}}, "must be another than the release's"),
        (merged(WILDCARD_INGRESS, {"gatewayApi": {"enabled": True}}), "Choose one of ingress.enabled and gatewayApi"),
        ({"ingress": {"perWorkspace": True}}, "need ingress.enabled=true"),
        ({"ingress": {"tls": {"enabled": True}}}, "need ingress.enabled=true"),
        (merged(WILDCARD_INGRESS, {"ingress": {"tls": {"enabled": False}}}), "set ingress.tls.enabled=true"),
        ({"gatewayApi": {"enabled": True}}, "needs gatewayApi.parentRefs"),
        ({"edge": {"proxyProtocol": True}}, "edge.proxyProtocol needs edge.trustedProxies"),
        ({"global": {"publicScheme": "http"}, "tls": {"mode": "secret"}}, "contradict each other"),
        ({"controlPlane": {"admin": "root-ca"}}, "the name root-ca is reserved"),
        ({"monitoring": {"prometheus": {"enabled": True}}}, "needs monitoring.enabled=true"),
        ({"tls": {"mode": "certManager"}}, "needs tls.certManager.email"),
        ({"tls": {"mode": "certManager", "certManager": {"email": "a@example.org"}}}, "needs tls.certManager.dns01"),
        (
            {"tls": {"mode": "certManager", "certManager": {"issuer": "existing"}}},
            "needs tls.certManager.existingIssuer",
        ),
        (
            merged(INGRESS_EACH, {"tls": {"certManager": {"issuer": "existing", "existingIssuer": {"name": "x"}}}}),
            "leave them out with issuer=existing",
        ),
    ],
)
def test_values_that_do_not_fit_one_another_are_refused(values: Mapping[str, Any], words: str) -> None:
    assert words in refusal(values)


@pytest.mark.parametrize("name", ["", "admin", "Alice", "a--b", "x" * 41])
def test_the_admin_has_a_name_that_users_can_have(name: str) -> None:
    said = refusal({"controlPlane": {"admin": name}})
    assert "controlPlane.admin" in said or "/controlPlane/admin" in said


@CHARTS
def test_the_charts_know_the_reserved_names(chart: Path) -> None:
    template = (chart / "templates/_names.tpl").read_text(encoding="utf-8")
    assert set(json.loads(template[template.index("[") : template.index("]") + 1])) == RESERVED


@CHARTS
def test_the_charts_are_clean(chart: Path) -> None:
    helm = shutil.which("helm") or require("helm", "helm is not installed")
    result = subprocess.run([helm, "lint", "--strict", str(chart)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "WARNING" not in result.stdout


def test_the_example_in_the_documentation_is_accepted() -> None:
    page = (docs.DOCS / "kubernetes-values.md").read_text(encoding="utf-8")
    example = page.split("<!-- example: platform-values -->\n```yaml\n")[1].split("```")[0]
    assert "code-workspaces.example.org" in text(str(PLATFORM), example, "vibecode", "vibecode-platform")


def test_the_command_in_the_documentation_makes_the_workspace() -> None:
    assert (
        workspace(
            {"user": {"id": "alice", "email": "alice@example.org"}, "ingress": {"host": "alice.code.example.org"}}
        )["spec"]["owner"]
        == "alice"
    )
