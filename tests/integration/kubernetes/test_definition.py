"""The rules of the Workspace kind, kept by the API server itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.operators import Surface
from vibecode.domain.names import RESERVED
from vibecode.runtimes.kubernetes.errors import ObjectInvalid

DEFINITION = Path(__file__).parents[3] / "charts" / "vibecode-platform" / "files" / "workspaces.yaml"


def test_reserved_names_are_the_domains() -> None:
    schema = yaml.safe_load(DEFINITION.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    (rule,) = (item["rule"] for item in schema["x-kubernetes-validations"] if "reserved" in item["message"])
    assert set(re.findall(r"'([^']+)'", rule)) == RESERVED


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        ("a--b", {}, "two hyphens"),
        ("a.b", {}, "only a-z"),
        ("x" * 41, {}, "at most 40"),
        ("admin", {}, "reserved"),
        ("alice", {"owner": "A b"}, "user id"),
        ("alice", {"owner": ""}, "owner"),
        ("alice", {"idleTimeoutSeconds": 59}, "idle timeout"),
        ("alice", {"idleTimeoutSeconds": 2592001}, "idle timeout"),
        ("alice", {"source": {}}, "either git or template"),
        ("alice", {"source": {"git": {"url": "https://e.org/x"}, "template": {"name": "y"}}}, "either git or template"),
        ("alice", {"source": {"git": {"url": "ext::sh -c id"}}}, "Git URL"),
        ("alice", {"source": {"git": {"url": "--upload-pack=x"}}}, "Git URL"),
        ("alice", {"source": {"git": {"url": "https://e.org/x", "branch": "--x"}}}, "branch"),
        ("alice", {"storage": {"home": "big"}}, "storage.home"),
        ("alice", {"deletionPolicy": "Maybe"}, "deletionPolicy"),
    ],
)
async def test_what_is_refused(user: Surface, name: str, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ObjectInvalid, match=words):
        await user.create(name, **spec)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/o/p.git",
        "http://10.0.0.1:3000/o/p",
        "ssh://git@h/p",
        "git@github.com:o/p.git",
        "https://[::1]/p",
    ],
)
async def test_git_urls_that_are_taken(user: Surface, url: str) -> None:
    await user.create(source={"git": {"url": url}})


async def test_what_cannot_be_changed(user: Surface) -> None:
    await user.create(storageClassName="standard", storage={"home": "2Gi"}, source={"git": {"url": "https://e.org/x"}})
    await user.create("blank")
    for change, words in (
        ({"owner": "mallory"}, "owner of a workspace can't be changed"),
        ({"source": {"git": {"url": "https://e.org/y"}}}, "source can't be changed"),
        ({"source": None}, "source can't be changed"),
        ({"storageClassName": "other"}, "storage class"),
        ({"storageClassName": None}, "storage class"),
        ({"storage": {"home": "2047Mi"}}, "can't shrink"),
    ):
        with pytest.raises(ObjectInvalid, match=words):
            await user.change(**change)
    with pytest.raises(ObjectInvalid, match="storage class"):
        await user.change("blank", storageClassName="other")
    grown = await user.change(storage={"home": "3Gi"})
    assert grown["spec"]["storage"] == {"home": "3Gi"}


async def test_defaults(user: Surface) -> None:
    created = await user.create()
    assert created["spec"] == {
        "owner": "alice",
        "running": True,
        "idleTimeoutSeconds": 1800,
        "deletionPolicy": "Retain",
    }
