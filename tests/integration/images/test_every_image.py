"""What holds for each image."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from vibecode.images import build, catalog, docker

MOST = {"workspace": 900e6, "control-plane": 260e6, "tunnel": 150e6, "edge": 120e6}
"""Bytes, unpacked."""


@pytest.fixture(params=catalog.NAMES)
def image(request: pytest.FixtureRequest, built: Callable[[str], build.Built]) -> build.Built:
    return built(request.param)


def test_it_is_no_larger_than_promised(image: build.Built) -> None:
    assert image.size <= MOST[image.name]


def test_its_configuration(image: build.Built) -> None:
    config = json.loads(docker.output("image", "inspect", "--format", "{{json .Config}}", image.reference))
    user, _, group = config["User"].partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Labels"]["org.opencontainers.image.title"] == f"VibeCode {image.name}"
    assert ("org.opencontainers.image.version" in config["Labels"]) == (image.name in ("workspace", "control-plane"))
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    if image.name == "workspace":
        assert config["Labels"]["vibecode.dev/editor-version"].count(".") == 2


def test_no_program_gains_rights_and_nothing_is_left_of_its_making(image: build.Built) -> None:
    script = r"""
        find / -xdev -perm /6000 -type f
        find / -xdev \( -nouser -o -nogroup \) ! -path '/proc/*'
        find / -xdev -type f -perm -0002 ! -path '/proc/*'
        for folder in /var/lib/apt/lists /var/cache/apt /root/.cache /root/.npm /tmp /build; do
            find "$folder" -mindepth 1 2>/dev/null
        done
        for program in gcc cc make g++ sudo; do command -v "$program"; done
        true
    """
    command = ("run", "--rm", "--user", "0:0", "--network", "none", "--entrypoint", "sh", image.reference, "-c", script)
    assert docker.output(*command).strip() == ""


def test_it_is_built_once(image: build.Built) -> None:
    lines: list[str] = []
    again = build.build(catalog.image(image.name), progress=lines.append)
    assert (again.built, again.id) == (False, image.id)
