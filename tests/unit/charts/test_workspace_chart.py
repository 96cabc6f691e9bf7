"""What the workspace's chart makes: one Workspace, with what was given and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from scripts.chart_values import PLATFORM
from tests.unit.charts.rendering import WORKSPACES, Refused, workspace
from vibecode.domain.names import RESERVED, is_valid_name
from vibecode.domain.workspace import MAX_IDLE_TIMEOUT, MIN_IDLE_TIMEOUT

ALICE: Mapping[str, Any] = {"user": {"id": "alice"}}


def refusal(values: Mapping[str, Any]) -> str:
    with pytest.raises(Refused) as refused:
        workspace(values)
    return str(refused.value)


def test_a_user_is_all_that_is_needed() -> None:
    rendered = workspace(ALICE)
    assert (rendered["apiVersion"], rendered["kind"]) == ("vibecode.dev/v1alpha1", "Workspace")
    assert (rendered["metadata"]["name"], rendered["metadata"]["namespace"]) == ("alice", WORKSPACES)
    # What isn't given belongs to the platform and the workspace's owner: Helm would fight with them for it.
    assert rendered["spec"] == {"owner": "alice", "deletionPolicy": "Retain"}


def test_everything_can_be_given() -> None:
    spec = workspace(
        {
            "user": {"id": "alice", "email": "alice@example.org"},
            "name": "shop",
            "ingress": {"host": "shop.code.example.org"},
            "source": {"git": {"url": "https://git.example.org/shop.git", "branch": "main"}},
            "image": "registry.example.org/workspace:7",
            "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "8Gi"}},
            "storage": {"workspace": "20Gi", "home": "4Gi"},
            "storageClassName": "fast",
            "idleTimeoutSeconds": 0,
            "running": False,
            "deletionPolicy": "Delete",
        }
    )
    assert spec["metadata"]["name"] == "shop"
    assert spec["spec"] == {
        "owner": "alice",
        "email": "alice@example.org",
        "source": {"git": {"url": "https://git.example.org/shop.git", "branch": "main"}},
        "image": "registry.example.org/workspace:7",
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "8Gi"}},
        "storage": {"workspace": "20Gi", "home": "4Gi"},
        "storageClassName": "fast",
        "idleTimeoutSeconds": 0,
        "running": False,
        "deletionPolicy": "Delete",
    }


def test_a_template_can_be_the_source() -> None:
    template = {"name": "python", "parameters": {"package": "shop"}}
    assert workspace({**ALICE, "source": {"template": template}})["spec"]["source"] == {"template": template}


def test_one_size_can_be_given_alone() -> None:
    assert workspace({**ALICE, "storage": {"home": "4Gi"}})["spec"]["storage"] == {"home": "4Gi"}


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "a",
        "a1-b2",
        "x" * 40,
        "",
        "Alice",
        "a--b",
        "-a",
        "a-",
        "a.b",
        "a_b",
        "x" * 41,
        "é",
        *sorted(RESERVED)[:3],
    ],
)
def test_user_ids_follow_the_rules_of_names(name: str) -> None:
    if is_valid_name(name):
        assert workspace({"user": {"id": name}})["spec"]["owner"] == name
        assert workspace({**ALICE, "name": name})["metadata"]["name"] == name
    else:
        assert refusal({"user": {"id": name}})
        assert not name or refusal({**ALICE, "name": name})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "user.id is missing"),
        ({"user": {"id": "admin"}}, "The name admin is reserved"),
        ({**ALICE, "name": "www"}, "The name www is reserved"),
        ({**ALICE, "ingress": {"host": "bob.code.example.org"}}, "the address of workspace alice is alice.<domain>"),
        ({**ALICE, "ingress": {"host": "alice"}}, "the address of workspace alice is alice.<domain>"),
        ({**ALICE, "ingress": {"host": "https://alice.code.example.org"}}, "/ingress/host"),
        ({"user": {"id": "alice", "email": "alice"}}, "/user/email"),
        ({**ALICE, "source": {"git": {"branch": "main"}}}, "needs source.git.url"),
        ({**ALICE, "source": {"template": {"parameters": {"a": "b"}}}}, "need source.template.name"),
        ({**ALICE, "source": {"git": {"url": "https://x/y"}, "template": {"name": "web"}}}, "Choose one of"),
        ({**ALICE, "idleTimeoutSeconds": MIN_IDLE_TIMEOUT - 1}, "/idleTimeoutSeconds"),
        ({**ALICE, "idleTimeoutSeconds": MAX_IDLE_TIMEOUT + 1}, "/idleTimeoutSeconds"),
        ({**ALICE, "deletionPolicy": "Keep"}, "value must be one of 'Retain', 'Delete'"),
        ({**ALICE, "storage": {"workspace": "big"}}, "/storage/workspace"),
        ({**ALICE, "replicas": 2}, "additional properties 'replicas' not allowed"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(values: Mapping[str, Any], words: str) -> None:
    assert words in refusal(values)


def test_every_field_is_one_of_the_definition() -> None:
    definition = yaml.safe_load((PLATFORM / "files/workspaces.yaml").read_text(encoding="utf-8"))
    (version,) = definition["spec"]["versions"]
    fields = set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])
    # Those that a release has no business with.
    not_given = {"stopReason", "restartedAt"}
    given = {
        **ALICE,
        "user": {"id": "alice", "email": "a@example.org"},
        "source": {"template": {"name": "web"}},
        "image": "x",
        "resources": {"limits": {"cpu": "1"}},
        "storage": {"home": "4Gi"},
        "storageClassName": "fast",
        "idleTimeoutSeconds": 60,
        "running": True,
    }
    assert set(workspace(given)["spec"]) == fields - not_given
