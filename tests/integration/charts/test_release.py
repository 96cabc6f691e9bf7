"""The life of the platform's release: what an upgrade keeps, what its parts may do, and what stays at the end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.chart_values import PLATFORM
from tests.integration.charts.cluster import RESTRICTED, Cluster, Object


@dataclass(frozen=True)
class Release:
    """A release in namespaces of its own. Its images are nowhere, so nothing of it runs."""

    cluster: Cluster
    namespace: str
    workspaces: str

    def helm(self, *arguments: str, values: dict[str, Any] | None = None) -> str:
        return self.cluster.helm(*arguments, "--namespace", self.namespace, values=values)

    def upgrade(self, **values: Any) -> str:
        fixed = {
            "crds": {"install": False},
            "workspaces": {"namespace": self.workspaces, "createNamespace": False},
            **{part: {"image": {"repository": "invalid/none"}} for part in ("controlPlane", "edge")},
        }
        return self.helm("upgrade", "--install", "vibecode", str(PLATFORM), values={**fixed, **values})

    def key(self) -> str:
        secret = self.get("secret", "agent-key")
        assert secret is not None
        return str(secret["data"]["key"])

    def get(self, kind: str, name: str) -> Object | None:
        return self.cluster.get(kind, name, self.namespace)

    def may(self, account: str, verb: str, what: str, namespace: str) -> bool:
        """Ask the API server whether an account may do something."""
        user = f"--as=system:serviceaccount:{self.namespace}:{account}"
        result = self.cluster.run("kubectl", "auth", "can-i", verb, what, user, "-n", namespace, check=False)
        return result.stdout.strip() == "yes"


@pytest.fixture(scope="module")
def release(cluster: Cluster, workspaces_defined: None) -> Iterator[Release]:
    with cluster.namespace(RESTRICTED) as first, cluster.namespace(RESTRICTED) as second:
        made = Release(cluster, first, second)
        made.upgrade()
        yield made
        made.helm("uninstall", "vibecode", "--ignore-not-found")


def test_the_key_of_the_tokens_is_kept(release: Release) -> None:
    key = release.key()
    assert len(base64.b64decode(key)) == 32
    release.upgrade(controlPlane={"sessionDays": 7, "image": {"repository": "invalid/none"}})
    assert release.key() == key
    release.helm("rollback", "vibecode", "1")
    assert release.key() == key


def test_an_upgrade_with_nothing_new_renews_no_pod(release: Release) -> None:
    release.upgrade()
    before = {name: release.get(kind, name) for kind, name in WORKLOADS}
    release.upgrade()
    for kind, name in WORKLOADS:
        now, then = release.get(kind, name), before[name]
        assert now is not None
        assert then is not None
        assert now["metadata"]["generation"] == then["metadata"]["generation"]


WORKLOADS = (("deployment", "control-plane"), ("deployment", "operator"), ("deployment", "edge"))


@pytest.mark.parametrize("account", ["control-plane", "operator", "edge", "default"])
def test_secrets_are_out_of_reach(release: Release, account: str) -> None:
    for namespace in (release.namespace, "kube-system", "default"):
        for verb in ("get", "list", "create"):
            assert not release.may(account, verb, "secrets", namespace)
    assert release.may(account, "get", "secrets", release.workspaces) == (account == "operator")


@pytest.mark.parametrize("account", ["control-plane", "operator"])
def test_the_cluster_is_out_of_reach(release: Release, account: str) -> None:
    for verb, what in (
        ("get", "nodes"),
        ("list", "namespaces"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("list", "pods"),
        ("create", "pods/exec"),
        ("create", "serviceaccounts/token"),
        ("list", "customresourcedefinitions.apiextensions.k8s.io"),
        ("get", "workspaces.vibecode.dev"),
    ):
        assert not release.may(account, verb, what, "default")
        if what != "workspaces.vibecode.dev":
            assert not release.may(account, verb, what, release.namespace)
    # Nobody starts a pod by hand, or enters one.
    for verb, what in (("create", "pods"), ("create", "pods/exec"), ("create", "roles.rbac.authorization.k8s.io")):
        assert not release.may(account, verb, what, release.workspaces)
    assert not release.may(account, "get", "crd/workspaces.vibecode.dev", "default")


def test_the_lease_is_the_operators(release: Release) -> None:
    assert release.may("operator", "update", "leases.coordination.k8s.io/vibecode-operator", release.namespace)
    assert not release.may("operator", "update", "leases.coordination.k8s.io/another", release.namespace)
    assert not release.may("control-plane", "update", "leases.coordination.k8s.io/vibecode-operator", release.namespace)


def test_what_values_cannot_do_to_a_volume_is_refused_as_the_page_says(
    cluster: Cluster, workspaces_defined: None
) -> None:
    page = " ".join((PLATFORM.parents[1] / "docs/deployment.md").read_text(encoding="utf-8").split())
    present = {"storageClass": "present", "size": "2Gi"}

    def values(persistence: Object, storage_class: str = "") -> dict[str, Any]:
        control_plane = {"image": {"repository": "invalid/none"}, "persistence": persistence}
        return {"global": {"storageClass": storage_class}, "controlPlane": control_plane}

    with cluster.namespace() as first, cluster.namespace() as second:
        made = Release(cluster, first, second)
        made.upgrade(**values(present))
        for persistence, words in (
            ({**present, "storageClass": "another"}, "spec is immutable after creation"),
            ({**present, "size": "1Gi"}, "spec is immutable after creation"),
        ):
            with pytest.raises(AssertionError, match=words):
                made.upgrade(**values(persistence))
            assert words in page
            claim = made.get("pvc", "control-plane")
            assert claim is not None
            assert claim["spec"]["storageClassName"] == "present"
            assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
        # For workspaces to come it is changed beside.
        made.upgrade(**values(present, "another"))
        config = made.get("configmap", "operator")
        assert config is not None
        assert json.loads(config["data"]["operator.json"])["workspace"]["storageClassName"] == "another"
        made.helm("uninstall", "vibecode")


def test_accounts_outlive_the_release(cluster: Cluster, workspaces_defined: None) -> None:
    with cluster.namespace() as first, cluster.namespace() as second:
        made = Release(cluster, first, second)
        made.upgrade()
        claim = made.get("pvc", "control-plane")
        assert claim is not None
        made.helm("uninstall", "vibecode")
        made.upgrade()
        again = made.get("pvc", "control-plane")
        assert again is not None
        assert again["metadata"]["uid"] == claim["metadata"]["uid"]
        made.helm("uninstall", "vibecode")
