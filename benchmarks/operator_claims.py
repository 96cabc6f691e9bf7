"""Binds volume claims, as a provisioner and Kubernetes' own binder do, though there is no volume.

``python -m benchmarks.operator_claims KUBECONFIG NAMESPACE ...``; a process of its own, so that its CPU is told apart.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from vibecode.runtimes.kubernetes.client import Client
from vibecode.runtimes.kubernetes.errors import KubernetesError, ObjectNotFound
from vibecode.runtimes.kubernetes.reflector import Reflector
from vibecode.runtimes.kubernetes.resources import VOLUME_CLAIMS, Object, Selection

_AT_ONCE = 8
_BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


async def bind_all(client: Client, namespace: str) -> None:
    """Bind the claims of a namespace, each by two writes: its volume's name, and that it is bound; until cancelled."""
    pending: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def look(name: str, new: Object | None, old: Object | None) -> None:
        if new is not None and old is None and not new["bound"]:
            pending.put_nowait((name, new["metadata"]["uid"]))

    async def bind() -> None:
        while True:
            name, uid = await pending.get()
            change = {"metadata": {"annotations": _BOUND}, "spec": {"volumeName": f"pvc-{uid}"}}
            try:
                spec = (await client.patch(VOLUME_CLAIMS, name, change, namespace=namespace))["spec"]
                done = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["resources"]["requests"]}
                await client.patch(VOLUME_CLAIMS, name, {"status": done}, namespace=namespace, subresource="status")
            except ObjectNotFound:
                continue
            except KubernetesError:
                pending.put_nowait((name, uid))

    selection = Selection(resource=VOLUME_CLAIMS, namespace=namespace)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Reflector(client, selection, trim=_phase_only, on_change=look).run())
        for _ in range(_AT_ONCE):
            tasks.create_task(bind())


def _phase_only(claim: Object) -> Object:
    metadata = {key: claim["metadata"][key] for key in ("name", "uid", "resourceVersion")}
    return {"metadata": metadata, "bound": (claim.get("status") or {}).get("phase") == "Bound"}


async def main() -> None:
    client = Client.connect(field_manager="binder", kubeconfig=Path(sys.argv[1]))
    await asyncio.gather(*(bind_all(client, namespace) for namespace in sys.argv[2:]))


if __name__ == "__main__":
    uvloop.run(main())
