"""The values that the chart gets, and when something of it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vibecode.cluster import platform
from vibecode.cluster.assets import asset
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.ports import HostPorts
from vibecode.settings import Settings

PORTS = HostPorts(address="127.0.0.1", http=8080, https=8443)
IMAGES = {part: f"vibecode/{part}:0.1.0-0123456789ab" for part in ("workspace", "control-plane", "tunnel", "edge")}


def values(**settings: Any) -> dict[str, Any]:
    loaded = Settings(**settings)
    return platform.chart_values(loaded, platform.public_address(loaded, PORTS), IMAGES)


def test_every_value_is_one_of_the_chart() -> None:
    known = yaml.safe_load((asset(platform.CHART) / "values.yaml").read_text(encoding="utf-8"))

    def check(given: dict[str, Any], there: dict[str, Any], path: str) -> None:
        for key, value in given.items():
            assert key in there, f"{path}{key}"
            if isinstance(value, dict) and there[key]:
                check(value, there[key], f"{path}{key}.")

    check(values(), known, "")


def test_settings_are_passed_on() -> None:
    given = values(
        domain="code.example.org",
        workspace_domain="work.example.net",
        idle_timeout=0,
        extensions=("a.b",),
        session_days=7,
        log_level="debug",
        admin="alice",
    )
    assert given["global"] == {
        "domain": "code.example.org",
        "workspaceDomain": "work.example.net",
        "publicScheme": "https",
        "publicPorts": {"http": 8080, "https": 8443},
    }
    assert given["codeServer"]["idleTimeout"] == 0
    assert given["codeServer"]["extensions"] == ["a.b"]
    assert given["controlPlane"]["sessionDays"] == 7
    assert given["controlPlane"]["logLevel"] == "debug"
    assert given["controlPlane"]["admin"] == "alice"
    assert given["edge"]["image"]["tag"] == "0.1.0-0123456789ab"
    assert given["edge"]["tunnel"]["image"]["repository"] == "vibecode/tunnel"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://vibecode.localhost:8080"),
        ({"public_scheme": "https"}, "https://vibecode.localhost:8443"),
        ({"domain": "code.example.org"}, "https://code.example.org:8443"),
        ({"domain": "code.example.org", "public_scheme": "http"}, "http://code.example.org:8080"),
        ({"workspace_domain": "work.example.net"}, "https://vibecode.localhost:8443"),
    ],
)
def test_browsers_are_sent_where_they_keep_our_cookies(settings: dict[str, Any], url: str) -> None:
    assert platform.public_address(Settings(**settings), PORTS).url == url


def test_usual_ports_are_left_out_of_addresses() -> None:
    address = platform.public_address(Settings(), HostPorts(address="127.0.0.1", http=80, https=443))
    assert (address.url, address.https_url) == ("http://vibecode.localhost", "https://vibecode.localhost")


def test_the_fingerprint_tells_every_change(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.yaml").write_text("a")
    first = platform.fingerprint(tmp_path, {"a": 1}, {"tls": "x"})
    assert first == platform.fingerprint(tmp_path, {"a": 1}, {"tls": "x"})
    assert first != platform.fingerprint(tmp_path, {"a": 2}, {"tls": "x"})
    assert first != platform.fingerprint(tmp_path, {"a": 1}, {"tls": "y"})
    (tmp_path / "templates/a.yaml").rename(tmp_path / "templates/b.yaml")
    assert first != platform.fingerprint(tmp_path, {"a": 1}, {"tls": "x"})


def test_every_image_goes_to_nodes_that_the_cluster_has() -> None:
    config = yaml.safe_load(asset("deploy/kind/cluster.yaml").read_text(encoding="utf-8"))
    labels = [node["labels"] for node in config["nodes"]]
    for selectors in platform.NODES_OF_IMAGE.values():
        for selector in selectors:
            assert any(selector.items() <= each.items() for each in labels)


def test_what_a_package_lacks_is_said() -> None:
    with pytest.raises(ClusterUnavailable, match=r"lacks charts/none"):
        asset("charts/none")
