"""What is asked of workspaces and how the cluster answers, over a real API server.

A stand-in for the operator sets the status; nothing is made of the objects.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.kubernetes_runtime import LIMIT, opened, reach, running, spec
from tests.support.status_setter import POD_ADDRESS, StatusSetter
from vibecode.domain.edges import Upstream
from vibecode.domain.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NameTaken,
    Unavailable,
    VibeCodeError,
    WorkspaceNotFound,
)
from vibecode.domain.workspace import GitSource, Phase, TemplateSource, WorkspaceChanges, WorkspaceSpec
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.resources import WORKSPACES, Object, Resource
from vibecode.runtimes.kubernetes.runtime import KubernetesRuntime

QUOTAS = Resource("", "v1", "ResourceQuota", "resourcequotas")
POLICIES = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    namespaced=False,
)
BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)


async def stored(client: Client, namespace: str, name: str = "alice") -> Object:
    return await client.get(WORKSPACES, name, namespace=namespace)


async def test_the_object_says_what_was_asked_for(runtime: KubernetesRuntime, client: Client, namespace: str) -> None:
    source = GitSource(url="https://git.example.org/team/project.git", branch="main")
    created = await runtime.create(spec(source=source))
    obj = await stored(client, namespace)
    assert created.id == obj["metadata"]["uid"]
    assert created.spec.source == source
    assert obj["spec"]["source"] == {"git": {"url": "https://git.example.org/team/project.git", "branch": "main"}}
    assert (obj["spec"]["owner"], obj["spec"]["running"], obj["spec"]["idleTimeoutSeconds"]) == ("u-alice", True, 1800)
    await runtime.update("alice", WorkspaceChanges(never_idle=True))
    await runtime.stop("alice", reason="Stopped by alice.")
    obj = await stored(client, namespace)
    assert obj["spec"]["idleTimeoutSeconds"] == 0
    assert (obj["spec"]["running"], obj["spec"]["stopReason"]) == (False, "Stopped by alice.")
    await runtime.start("alice")
    obj = await stored(client, namespace)
    assert obj["spec"]["running"]
    assert "stopReason" not in obj["spec"]
    template = await runtime.create(spec("bob", source=TemplateSource(name="hello", parameters={"who": "Bob"})))
    assert template.spec.source == TemplateSource(name="hello", parameters={"who": "Bob"})


@pytest.mark.parametrize(
    "url",
    [
        "https://alice:secret@git.example.org/a/b.git",
        "https://ghp_secret@git.example.org/a/b.git",
        "ssh://git:secret@git.example.org/a/b.git",
        "https://git.example.org/a/b.git?access_token=secret",
    ],
)
async def test_no_secret_of_a_url_gets_into_an_object(runtime: KubernetesRuntime, url: str) -> None:
    with pytest.raises(InvalidInput, match="clone it in its terminal") as refused:
        await runtime.create(spec(source=GitSource(url=url)))
    assert refused.value.field == "source.url"
    assert "secret" not in refused.value.detail
    assert await runtime.list() == []


async def test_the_name_of_a_user_in_an_ssh_url_is_no_secret(runtime: KubernetesRuntime) -> None:
    for number, url in enumerate(("ssh://git@git.example.org/a/b.git", "git@git.example.org:a/b.git")):
        created = await runtime.create(spec(f"w{number}", source=GitSource(url=url)))
        assert created.spec.source == GitSource(url=url)


async def test_a_rule_of_the_objects_is_told_in_its_words(runtime: KubernetesRuntime) -> None:
    await running(runtime)
    with pytest.raises(InvalidInput, match="between 60 seconds and 30 days") as refused:
        await runtime.update("alice", WorkspaceChanges(idle_timeout=5))
    assert refused.value.field == "idleTimeoutSeconds"


async def test_requests_show_at_once_though_the_operator_is_away(
    client: Client, namespace: str, setter: StatusSetter
) -> None:
    async with opened(client, namespace, answer_limit=2.0) as runtime:
        first = await running(runtime)
        setter.be_away()
        created = await runtime.create(spec("bob"))
        assert (created.phase, created.reason) == (Phase.PENDING, "Waiting for the operator to take it up.")
        late = await reach(runtime, "bob", lambda w: "not answering" in w.reason)
        assert late.phase is Phase.PENDING
        assert (await runtime.get("alice")).phase is Phase.RUNNING

        assert (await runtime.stop("alice", reason="Stopped by alice.")).phase is Phase.STOPPING
        assert await runtime.upstream("alice") is None
        late = await reach(runtime, "alice", lambda w: "not answering" in w.reason)
        assert late.phase is Phase.STOPPING
        seen = runtime.watch()
        started = await runtime.start("alice")
        # Its pod is there still, but it has been given up: whoever is sent there now would be cut off.
        assert started.phase is Phase.STARTING
        setter.come_back()
        assert await runtime.wait_ready("alice", timeout=LIMIT)
        assert await runtime.wait_ready("bob", timeout=LIMIT)
        again = await runtime.get("alice")
        assert again.started_at != first.started_at
        assert "not answering" not in again.reason
        async with asyncio.timeout(LIMIT):
            async for change in seen:
                if change.name == "alice" and change.workspace is not None and change.workspace.phase is Phase.RUNNING:
                    assert change.workspace.started_at == again.started_at
                    break


async def test_a_start_clears_a_failure(runtime: KubernetesRuntime, setter: StatusSetter) -> None:
    setter.failing["alice"] = "The image can't be pulled: no such image."
    await runtime.create(spec())
    assert not await runtime.wait_ready("alice", timeout=LIMIT)
    failed = await runtime.get("alice")
    assert (failed.phase, failed.reason) == (Phase.FAILED, "The image can't be pulled: no such image.")
    assert (await runtime.update("alice", WorkspaceChanges(idle_timeout=60))).phase is Phase.FAILED
    del setter.failing["alice"]
    with setter.away():
        assert (await runtime.start("alice")).phase is Phase.STARTING
    assert await runtime.wait_ready("alice", timeout=LIMIT)


async def test_what_others_do_with_kubectl_shows_too(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    changes = runtime.watch()
    await operator_client.create(
        WORKSPACES, {"metadata": {"name": "alice"}, "spec": {"owner": "u-alice"}}, namespace=namespace
    )
    first = await anext(changes)
    assert (first.name, first.owner) == ("alice", "u-alice")
    await reach(runtime, "alice", Phase.RUNNING)
    with pytest.raises(NameTaken):
        await runtime.create(spec())
    await operator_client.patch(WORKSPACES, "alice", {"spec": {"running": False}}, namespace=namespace)
    await reach(runtime, "alice", Phase.STOPPED)
    await operator_client.delete(WORKSPACES, "alice", namespace=namespace)
    async with asyncio.timeout(LIMIT):
        while (await anext(changes)).workspace is not None:
            pass
    with pytest.raises(WorkspaceNotFound):
        await runtime.get("alice")


async def test_a_request_never_reaches_another_workspace_of_the_name(
    client: Client, namespace: str, setter: StatusSetter, operator_client: Client
) -> None:
    """The copy is always a little behind: what is looked up in it may be another one by the time of the write."""
    async with opened(client, namespace) as runtime:
        await running(runtime)
        cache = runtime._cache
        old = cache.find("alice")
        await operator_client.delete(WORKSPACES, "alice", namespace=namespace)
        await operator_client.create(
            WORKSPACES, {"metadata": {"name": "alice"}, "spec": {"owner": "u-bob"}}, namespace=namespace
        )
        with pytest.raises(WorkspaceNotFound):
            await runtime._requests._patch(old, {"spec": {"running": False}})
        await runtime._deletion.delete(old, purge=False)
        assert (await stored(client, namespace))["spec"] | {"running": True} == (await stored(client, namespace))[
            "spec"
        ]
        assert (await reach(runtime, "alice", Phase.RUNNING)).owner == "u-bob"


async def test_a_quota_is_told_in_a_sentence(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    await runtime.create(spec())
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/workspaces.vibecode.dev": "1"}}}
    await operator_client.create(QUOTAS, quota, namespace=namespace)
    async with asyncio.timeout(LIMIT):
        while "used" not in (await operator_client.get(QUOTAS, "few", namespace=namespace)).get("status", {}):
            await asyncio.sleep(0.05)
    async with asyncio.timeout(LIMIT):
        # Admission goes by a copy of its own, which may be older.
        while (refusal := await refused(runtime, spec("bob"), Conflict)) is None:
            await runtime.delete("bob", purge=False)
    assert re.search(r"quota for workspaces is used up .*: delete a workspace", refusal.detail)
    assert [w.name for w in await runtime.list()] == ["alice"]


async def test_a_policy_of_the_cluster_is_told_in_its_words(
    runtime: KubernetesRuntime, operator_client: Client, namespace: str
) -> None:
    name = f"{namespace}.vibecode.dev"
    policy = {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["vibecode.dev"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE"],
                        "resources": ["workspaces"],
                    }
                ]
            },
            "validations": [{"expression": "object.spec.owner != 'u-eve'", "message": "Eve has none."}],
        },
    }
    binding = {
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
        },
    }
    await operator_client.create(POLICIES, policy, namespace=None)
    await operator_client.create(BINDINGS, binding, namespace=None)
    try:
        async with asyncio.timeout(LIMIT):
            # Until the API server has taken it up, which takes a moment.
            while (refusal := await refused(runtime, spec("eve", owner="u-eve"), Forbidden)) is None:
                await runtime.delete("eve", purge=False)
        assert refusal.detail == "The cluster does not allow that: Eve has none."
    finally:
        await operator_client.delete(BINDINGS, name, namespace=None)
        await operator_client.delete(POLICIES, name, namespace=None)


async def refused(runtime: KubernetesRuntime, wanted: WorkspaceSpec, kind: type[VibeCodeError]) -> VibeCodeError | None:
    try:
        await runtime.create(wanted)
    except kind as error:
        return error
    return None


async def test_a_namespace_that_is_not_there_is_named(client: Client, setter: StatusSetter) -> None:
    async with opened(client, "test-nowhere") as runtime:
        assert await runtime.list() == []
        with pytest.raises(Unavailable, match="no namespace test-nowhere"):
            await runtime.create(spec())


async def test_only_a_running_workspace_has_an_address(runtime: KubernetesRuntime, setter: StatusSetter) -> None:
    await running(runtime)
    assert await runtime.upstream("alice") == Upstream(host=POD_ADDRESS, port=8080)


async def test_many_workspaces_at_once(client: Client, namespace: str, setter: StatusSetter) -> None:
    names = [f"w{number:03}" for number in range(30)]
    async with opened(client, namespace) as runtime:
        await asyncio.gather(*(runtime.create(spec(name)) for name in names))
        assert [w.name for w in await runtime.list()] == names
        ready = await asyncio.gather(*(runtime.wait_ready(name, timeout=LIMIT) for name in names))
        assert all(ready)
    async with opened(client, namespace) as runtime:
        assert [w.phase for w in await runtime.list()] == len(names) * [Phase.RUNNING]
