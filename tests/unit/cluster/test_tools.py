"""Versions of the tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.programs import program
from vibecode.cluster import tools
from vibecode.cluster.errors import ClusterUnavailable


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33, 0)),
        ("v4.3.1", (4, 3, 1)),
        ("v3.14.0+gc309b6f", (3, 14, 0)),
        ("Client Version: v1.36.3\nKustomize Version: v5.8.1", (1, 36, 3)),
        ("v1.36", (1, 36, 0)),
        ("v1.32.4-dispatcher", (1, 32, 4)),
        ("kind v0.30.0-alpha+1234", (0, 30, 0)),
        ("no version here", None),
        ("", None),
    ],
)
def test_versions_are_read_from_what_tools_print(text: str, version: tools.Version | None) -> None:
    assert tools.parse_version(text) == version


@given(st.tuples(*[st.integers(0, 999)] * 3))
def test_versions_read_back_what_they_are_written_as(version: tools.Version) -> None:
    assert tools.parse_version(f"tool v{tools.version_text(version)} more") == version


@pytest.mark.parametrize(("printed", "ok"), [("v3.13.9", False), ("v3.14.0", True), ("v4.3.1", True)])
def test_helm_3_and_4_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, ok: bool) -> None:
    program(tmp_path, "helm", f"echo {printed}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    if ok:
        assert tools.find(tools.HELM).path == str(tmp_path / "helm")
        return
    with pytest.raises(ClusterUnavailable, match=r"helm 3\.13\.9 .* is too old, 3\.14 or later"):
        tools.find(tools.HELM)


def test_what_is_missing_is_named_with_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for requirement in tools.REQUIREMENTS:
        with pytest.raises(ClusterUnavailable, match=f"^{requirement.name} is not installed") as caught:
            tools.find(requirement)
        assert requirement.get in caught.value.detail
    with pytest.raises(ClusterUnavailable, match=r"^Docker is not installed"):
        tools.find_all()
    assert "Desktop" in tools.how_to_get_docker("Darwin")
    assert "Engine" in tools.how_to_get_docker("Linux")


def test_a_tool_that_says_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "kind", "echo hello")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ClusterUnavailable, match="does not tell its version"):
        tools.find(tools.KIND)


@pytest.mark.parametrize(
    ("client", "told"), [((1, 36, 3), False), ((1, 35, 0), False), ((1, 37, 9), False), ((1, 34, 0), True)]
)
def test_kubectl_may_be_one_version_off(client: tools.Version, told: bool) -> None:
    problem = tools.skew_problem(client, (1, 36, 1))
    assert (problem is not None) is told
    if problem:
        assert "1.34.0" in problem
