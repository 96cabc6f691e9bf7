"""Attacks by objects of the cluster: pods with privileges, Workspaces that reach for what is others', wide rights."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.kubernetes.nodes import workspace_pod
from tests.integration.security.people import Person
from tests.support.cluster import PLATFORM, WORKSPACES, ClusterProduct


def pod(**changes: Any) -> dict[str, Any]:
    """Return a pod that the workspaces' namespace takes, but for the changes."""
    container = {
        "name": "x",
        "image": "x:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        | changes.pop("container", {}),
    }
    security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "containers": [container],
        "securityContext": security | changes.pop("security", {}),
        "automountServiceAccountToken": False,
        **changes,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "crafted"}, "spec": spec}


def refusal(cluster: ClusterProduct, manifest: dict[str, Any], *options: str) -> str:
    """Have the API server check an object, and return why it refuses it; empty if it doesn't."""
    argv = ("apply", "--dry-run=server", "-n", WORKSPACES, *options, "-f", "-")
    done = cluster.run_kubectl(*argv, input=json.dumps(manifest))
    return done.stderr if done.returncode else ""


def test_a_plain_pod_would_be_taken(cluster: ClusterProduct) -> None:
    """Else the next refusals would be for another reason."""
    assert refusal(cluster, pod()) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"container": {"privileged": True, "allowPrivilegeEscalation": True}}, "privileged"),
        ({"container": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}}, "capabilities"),
        ({"container": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation"),
        ({"hostNetwork": True}, "host namespaces"),
        ({"hostPID": True}, "host namespaces"),
        ({"hostIPC": True}, "host namespaces"),
        ({"security": {"runAsUser": 0}}, "runAsUser=0"),
        ({"security": {"runAsNonRoot": False}}, "runAsNonRoot"),
        ({"security": {"seccompProfile": {"type": "Unconfined"}}}, "seccompProfile"),
    ],
)
def test_the_workspaces_namespace_takes_no_privileged_pod(
    cluster: ClusterProduct, changes: dict[str, Any], reason: str
) -> None:
    """Not even from an administrator of the cluster, and so from nobody who gets hold of the operator's rights."""
    refused = refusal(cluster, pod(**changes))
    assert 'violates PodSecurity "restricted' in refused
    assert reason in refused


@pytest.mark.parametrize(
    ("component", "verb", "resource", "namespace", "may"),
    [
        ("operator", "create", "deployments.apps", WORKSPACES, True),
        ("operator", "create", "pods", WORKSPACES, False),
        ("operator", "create", "pods/exec", WORKSPACES, False),
        ("operator", "create", "deployments.apps", PLATFORM, False),
        ("operator", "get", "secrets", PLATFORM, False),
        ("operator", "get", "secrets", "kube-system", False),
        ("operator", "create", "roles.rbac.authorization.k8s.io", WORKSPACES, False),
        ("operator", "create", "clusterrolebindings.rbac.authorization.k8s.io", WORKSPACES, False),
        ("operator", "impersonate", "users", WORKSPACES, False),
        ("operator", "create", "serviceaccounts/token", WORKSPACES, False),
        ("operator", "get", "nodes", WORKSPACES, False),
        ("control-plane", "create", "workspaces.vibecode.dev", WORKSPACES, True),
        ("control-plane", "get", "secrets", WORKSPACES, False),
        ("control-plane", "get", "secrets", PLATFORM, False),
        ("control-plane", "get", "secrets", "kube-system", False),
        ("control-plane", "create", "deployments.apps", WORKSPACES, False),
        ("control-plane", "create", "pods", WORKSPACES, False),
        ("control-plane", "create", "pods/exec", WORKSPACES, False),
        ("control-plane", "create", "serviceaccounts/token", WORKSPACES, False),
        ("control-plane", "get", "nodes", WORKSPACES, False),
        ("edge", "get", "pods", PLATFORM, False),
    ],
)
def test_the_parts_of_the_platform_have_few_rights(
    cluster: ClusterProduct, component: str, verb: str, resource: str, namespace: str, may: bool
) -> None:
    account = f"system:serviceaccount:{PLATFORM}:{component}"
    kind, _, subresource = resource.partition("/")
    argv = ("auth", "can-i", verb, kind, "-n", namespace, "--as", account, f"--subresource={subresource}")
    answer = cluster.run_kubectl(*argv)
    assert answer.stdout.strip() == ("yes" if may else "no"), answer.stderr


def test_a_workspaces_account_has_no_rights(cluster: ClusterProduct, alice: Person) -> None:
    """And it has no token either."""
    spec = workspace_pod(cluster, alice.name)["spec"]
    account = f"system:serviceaccount:{WORKSPACES}:{spec['serviceAccountName']}"
    listed = cluster.kubectl("auth", "can-i", "--list", "--no-headers", "-n", WORKSPACES, "--as", account)
    everybodys = cluster.kubectl(
        *("auth", "can-i", "--list", "--no-headers", "-n", WORKSPACES),
        *("--as", "system:serviceaccount:default:nobody", "--as-group", "system:serviceaccounts"),
        *("--as-group", "system:authenticated"),
    )
    assert sorted(listed.splitlines()) == sorted(everybodys.splitlines())
    assert [volume for volume in spec["volumes"] if "projected" in volume] == []


def crafted(name: str, owner: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "vibecode.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": WORKSPACES},
        "spec": {"owner": owner, "running": False, **spec},
    }


@pytest.mark.parametrize(
    "extra",
    [
        {"volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "workspace-bob"}}]},
        {"storage": {"claimName": "workspace-bob"}},
        {"hostPath": "/"},
        {"securityContext": {"privileged": True}},
        {"serviceAccountName": "operator"},
        {"podTemplate": {"spec": {"hostNetwork": True}}},
        {"env": [{"name": "X", "value": "x"}]},
    ],
)
def test_a_workspace_object_has_no_field_for_what_is_anothers(cluster: ClusterProduct, extra: dict[str, Any]) -> None:
    manifest = crafted("crafted", "alice", **extra)
    assert "unknown field" in refusal(cluster, manifest)
    argv = ("create", "--dry-run=server", "--validate=false", "-o", "json", "-f", "-")
    taken = json.loads(cluster.kubectl(*argv, input=json.dumps(manifest)))["spec"]
    assert json.dumps(taken.get("storage", {})) == "{}"
    assert set(taken) <= {"owner", "running", "idleTimeoutSeconds", "deletionPolicy", "storage"}


@pytest.mark.parametrize(
    "name", ["bob.alice", "-bob", "bob-", "a--bob", "bob/x", "dashboard", "kubernetes", "a" * 41, "Bob", ""]
)
def test_a_workspace_object_has_no_name_that_is_an_address_of_others(cluster: ClusterProduct, name: str) -> None:
    assert refusal(cluster, crafted(name, "alice")) != ""


def test_the_owner_of_a_workspace_object_stays(cluster: ClusterProduct, alice: Person, bob: Person) -> None:
    argv = ("patch", "workspace", bob.name, "-n", WORKSPACES, "--type=merge", "-p")
    done = cluster.run_kubectl(*argv, json.dumps({"spec": {"owner": alice.name}}))
    assert done.returncode != 0
    assert "can't be changed" in done.stderr


def claims_of(cluster: ClusterProduct, workspace: str) -> dict[str, str]:
    """Return the claims that a workspace's pod mounts, by folder."""
    spec = workspace_pod(cluster, workspace)["spec"]
    names = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    mounts = spec["containers"][0]["volumeMounts"]
    return {mount["mountPath"]: names[mount["name"]] for mount in mounts if mount["name"] in names}


def test_kept_files_are_never_anothers(cluster: ClusterProduct, alice: Person, bob: Person) -> None:
    """By no name: neither the same one, nor one from which the name of a claim would follow."""

    def create(name: str, owner: str) -> dict[str, str]:
        cluster.create(name, owner=owner)
        return claims_of(cluster, name)

    def remove(name: str) -> None:
        cluster.api("DELETE", f"/workspaces/{name}")

    def write(name: str, owner: str) -> None:
        for folder in ("/workspace", "/home/coder"):
            assert cluster.exec(name, "sh", "-c", f"echo {owner} > {folder}/whose.txt").returncode == 0

    def whose(name: str) -> list[str]:
        answers = [cluster.exec(name, "cat", f"{folder}/whose.txt") for folder in ("/workspace", "/home/coder")]
        return [answer.stdout.strip() for answer in answers]

    bobs = create("kept", bob.name)
    write("kept", bob.name)
    remove("kept")
    alices = create("kept", alice.name)
    assert not set(alices.values()) & set(bobs.values())
    assert whose("kept") == ["", ""]
    write("kept", alice.name)
    remove("kept")
    # The second owner's claims have a longer name, which the first could give to a workspace.
    longer = alices["/workspace"].removeprefix("workspace-")
    assert longer != "kept"
    crafted_claims = create(longer, bob.name)
    assert not set(crafted_claims.values()) & set(alices.values())
    assert whose(longer) == ["", ""]
    remove(longer)
    # And each finds its own again.
    assert create("kept", alice.name) == alices
    assert whose("kept") == [alice.name, alice.name]
    remove("kept")
    assert create("kept", bob.name) == bobs
    assert whose("kept") == [bob.name, bob.name]


def test_claims_of_the_platform_are_out_of_reach(cluster: ClusterProduct) -> None:
    """A pod mounts claims of its own namespace alone, and the database's is in another."""
    assert [item["metadata"]["name"] for item in cluster.get("pvc", "-n", PLATFORM)["items"]] == ["control-plane"]
    claims = {item["metadata"]["name"] for item in cluster.get("pvc", "-n", WORKSPACES)["items"]}
    assert claims
    assert all(name.startswith(("workspace-", "home-")) for name in claims)
