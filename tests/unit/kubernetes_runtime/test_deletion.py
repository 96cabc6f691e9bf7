"""Deletions that are given up."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tests.unit.kubernetes_runtime.test_view import RUN, status, workspace_object
from vibecode.runtimes.kubernetes.cache import WorkspaceCache
from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.deletion import Deletion
from vibecode.runtimes.kubernetes.kept import KeptVolumes
from vibecode.runtimes.kubernetes.observed import Observed


class SlowServer:
    """Takes its time with each change of the deletion policy; one that is given up meanwhile is not recorded."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.policies: list[str] = []

    async def patch(self, _resource: object, _name: str, change: dict[str, Any], *, namespace: str) -> dict[str, Any]:
        assert namespace == "w"
        self.asked.set()
        await self.may_answer.wait()
        self.policies.append(change["spec"]["deletionPolicy"])
        return change

    async def seen(self, _: object) -> None:
        """As the cache's."""


async def test_what_undoes_a_deletions_policy_never_arrives_before_it() -> None:
    """Else files would go with a later deletion that was to keep them."""
    server = SlowServer()
    deletion = Deletion(
        cast(Client, server),
        namespace="w",
        cache=cast(WorkspaceCache, server),
        kept=cast(KeptVolumes, None),
    )
    observed = Observed(workspace_object(status=status("Running", **RUN)), lambda _: None)
    deleting = asyncio.create_task(deletion.delete(observed, purge=True))
    await server.asked.wait()
    deleting.cancel()
    await asyncio.sleep(0)
    server.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await deleting
    assert server.policies == ["Delete", "Retain"]
    assert not observed.is_leaving
    observed.close()
