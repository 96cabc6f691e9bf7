"""The sides of the benchmark on Kubernetes: the product, the same objects by hand, and JupyterHub."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks import kubernetes_client
from tests.integration.security.people import enter, host_of, sign_in
from tests.support.cluster import PLATFORM, WORKSPACES, ClusterProduct
from tests.support.product_api import Answer, wait_until

PEERS = Path(__file__).parent / "peers"
HAND, HUB = "bench-by-hand", "bench-jupyterhub"
"""Namespaces."""
HUB_IMAGE = "vibecode-bench/jupyterhub:1"
CLIENT = "bench-client"
_HEALTH = "/healthz"
_KINDS = "serviceaccount,secret,networkpolicy,service,persistentvolumeclaim,deployment"


class Side(Protocol):
    """Something that starts editors."""

    name: str

    def create(self, workspace: str) -> float:
        """Return the seconds from nothing to an editor that answers."""

    def stop(self, workspace: str) -> None:
        """Stop it; its pod is gone afterwards, its volumes stay."""

    def start(self, workspace: str) -> float:
        """Return the seconds from stopped to an editor that answers."""

    def delete(self, workspace: str) -> None:
        """Remove everything of it."""


class Client:
    """The program in the pod that asks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, **order: Any) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def end(self) -> Any:
        """Wait for the answer to it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the client in the cluster has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def ask(self, **order: Any) -> Any:
        """Give an order, and wait for the answer."""
        self.begin(**order)
        return self.end()


@contextmanager
def client_in(cluster: ClusterProduct) -> Iterator[Client]:
    """Run the client in a pod that a workspace's network policy lets in, on the node where the edge is."""
    edge = cluster.get("daemonset", "edge", "-n", PLATFORM)["spec"]["template"]["spec"]
    # Of the images on that node, the one with Python.
    image = next(each["image"] for each in edge["containers"] if each["name"] == "tunnel")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        # The label is all that the policies ask for; it doesn't make it one of the edge's Service.
        "metadata": {"name": CLIENT, "namespace": PLATFORM, "labels": {"app.kubernetes.io/component": "edge"}},
        "spec": {
            "nodeSelector": {"ingress-ready": "true"},
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "client",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": ["sleep", "infinity"],
                }
            ],
        },
    }
    cluster.kubectl("apply", "-f", "-", input=json.dumps(pod))
    cluster.kubectl("wait", "--for=condition=Ready", "--timeout=120s", "-n", PLATFORM, f"pod/{CLIENT}")
    source = Path(kubernetes_client.__file__).read_text()
    command = cluster.kubectl_argv("exec", "-i", "-n", PLATFORM, CLIENT, "--", "python3", "-u", "-c", source)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Client(process)
        finally:
            process.terminate()
            cluster.kubectl("delete", "pod", "-n", PLATFORM, CLIENT, "--now", check=False)


class FromInside(ClusterProduct):
    """The product's API, asked by the client in the cluster through the edge."""

    address = f"edge.{PLATFORM}.svc.cluster.local."
    client: Client

    @classmethod
    def of(cls, cluster: ClusterProduct, client: Client) -> FromInside:
        """Return the same product, asked from there."""
        product = cls(cluster.data_dir, cluster.url, cluster.limit)
        product.client = client
        return product

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        host: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request from the client."""
        sent = {"Host": host or f"vibecode.localhost{self._suffix}", **(headers or {})}
        if token != "":
            sent["Authorization"] = f"Bearer {token or self.token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body)
        answer = self.client.ask(method=method, address=self.address, path=path, headers=sent, body=content)
        fields: dict[str, str] = {}
        for key, value in answer["headers"]:
            fields[key] = f"{fields[key]}\n{value}" if key in fields else value
        return Answer(answer["status"], fields, answer["body"].encode())


class Product:
    """VibeCode, through its edge, as a signed-in person uses it."""

    name = "VibeCode"

    def __init__(self, cluster: ClusterProduct, client: Client) -> None:
        self._product = FromInside.of(cluster, client)
        self._client = client
        self._person = sign_in(self._product)
        self._sessions: dict[str, str] = {}

    def create(self, workspace: str) -> float:
        began = time.perf_counter()
        headers = {"Cookie": self._person, "Origin": self._product.url}
        body = {"name": workspace}
        answer = self._product.request("POST", "/api/v1/workspaces", body, token="", headers=headers)
        assert answer.status == 201, answer.body
        self._sessions[workspace] = enter(self._product, self._person, workspace)
        self._ask(workspace)
        return time.perf_counter() - began

    def stop(self, workspace: str) -> None:
        self._product.api("POST", f"/workspaces/{workspace}/stop")
        self._product.wait_for(workspace, "stopped")

    def start(self, workspace: str) -> float:
        began = time.perf_counter()
        self._ask(workspace)
        return time.perf_counter() - began

    def delete(self, workspace: str) -> None:
        self._product.api("DELETE", f"/workspaces/{workspace}?purge=true")

    def _ask(self, workspace: str) -> None:
        """Ask for its editor: the request wakes it, and is held by the edge until it answers."""
        headers = {"Host": host_of(self._product, workspace), "Cookie": self._sessions[workspace]}
        self._client.ask(until_ok=True, method="GET", address=FromInside.address, path=_HEALTH, headers=headers)


class ByHand:
    """The objects of a real workspace under another name, applied by kubectl: the floor."""

    name = "kubectl by hand"

    def __init__(self, cluster: ClusterProduct, client: Client, origin: str, objects: list[Any]) -> None:
        self._cluster = cluster
        self._client = client
        self._origin = origin
        self._objects = objects

    def create(self, workspace: str) -> float:
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": self._objects})
        manifest = manifest.replace(self._origin, workspace)
        return self._timed(workspace, "apply", "-f", "-", input=manifest)

    def stop(self, workspace: str) -> None:
        self._cluster.kubectl("scale", "-n", HAND, f"deployment/code-server-{workspace}", "--replicas=0")
        _wait_gone(self._cluster, HAND, "pods")

    def start(self, workspace: str) -> float:
        return self._timed(workspace, "scale", "-n", HAND, f"deployment/code-server-{workspace}", "--replicas=1")

    def delete(self, workspace: str) -> None:
        self._cluster.kubectl("delete", "-n", HAND, _KINDS, "-l", f"vibecode.dev/workspace={workspace}")
        _wait_gone(self._cluster, HAND, "pods,persistentvolumeclaims")

    def _timed(self, workspace: str, *command: str, input: str | None = None) -> float:  # noqa: A002
        address = f"code-server-{workspace}.{HAND}.svc.cluster.local."
        began = time.perf_counter()
        self._client.begin(until_ok=True, method="GET", address=address, port=8080, path=_HEALTH)
        self._cluster.kubectl(*command, input=input)
        self._client.end()
        return time.perf_counter() - began


class JupyterHub:
    """JupyterHub with KubeSpawner and configurable-http-proxy, in its own namespace."""

    name = "JupyterHub"
    _ADDRESS = f"hub.{HUB}.svc.cluster.local."

    def __init__(self, cluster: ClusterProduct, client: Client, token: str) -> None:
        self._cluster = cluster
        self._client = client
        self._token = token

    def create(self, workspace: str) -> float:
        answer = self._api("POST", f"/users/{workspace}")
        assert answer["status"] == 201, answer
        return self.start(workspace)

    def start(self, workspace: str) -> float:
        began = time.perf_counter()
        answer = self._api("POST", f"/users/{workspace}/server")
        assert answer["status"] == 201, answer
        self._client.ask(until_ok=True, method="GET", address=self._ADDRESS, path=f"/user/{workspace}{_HEALTH}")
        return time.perf_counter() - began

    def stop(self, workspace: str) -> None:
        answer = self._api("DELETE", f"/users/{workspace}/server")
        assert answer["status"] in (202, 204), answer
        _wait_gone(self._cluster, HUB, "pods", "-l", "component=singleuser-server")
        wait_until(
            lambda: not json.loads(self._api("GET", f"/users/{workspace}")["body"])["servers"], "the hub has stopped it"
        )

    def delete(self, workspace: str) -> None:
        answer = self._api("DELETE", f"/users/{workspace}")
        assert answer["status"] == 204, answer
        _wait_gone(self._cluster, HUB, "pods", "-l", "component=singleuser-server")
        self._cluster.kubectl("delete", "-n", HUB, "persistentvolumeclaims", "--all")

    def _api(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self._token}"}
        return self._client.ask(method=method, address=self._ADDRESS, path=f"/hub/api{path}", headers=headers)


@dataclass(frozen=True)
class Workspace:
    """A real workspace, as the other sides copy it."""

    objects: list[Any]
    for_hub: dict[str, Any]


def read_workspace(cluster: ClusterProduct, name: str) -> Workspace:
    """Return the objects of a running workspace, and how its editor is started."""
    found = cluster.get("-n", WORKSPACES, _KINDS, "-l", f"vibecode.dev/workspace={name}")["items"]
    by_kind: dict[str, list[Any]] = {}
    for item in found:
        by_kind.setdefault(item["kind"], []).append(item)
    pod = by_kind["Deployment"][0]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    sizes = {
        claim["metadata"]["name"].removesuffix(f"-{name}"): claim["spec"]["resources"]["requests"]["storage"]
        for claim in by_kind["PersistentVolumeClaim"]
    }
    find = (
        "import glob; print(next(line for path in sorted(glob.glob('/proc/[0-9]*/cmdline'))"
        " if '--bind-addr' in (line := open(path).read()).split(chr(0))))"
    )
    done = cluster.exec(name, "python3", "-c", find)
    assert done.returncode == 0, done.stderr
    command = done.stdout.strip().strip("\0").split("\0")
    # Its folder is made by the workspace's first process, which JupyterHub doesn't have.
    command[command.index("--session-socket") + 1] = "/tmp/session.sock"
    return Workspace(
        objects=[_bare(item) for kind in by_kind for item in by_kind[kind]],
        for_hub={
            "image": container["image"],
            "command": command,
            "resources": container["resources"],
            "nodeSelector": pod.get("nodeSelector", {}),
            "sizes": sizes,
            "storageClass": by_kind["PersistentVolumeClaim"][0]["spec"]["storageClassName"],
        },
    )


def _bare(item: Any) -> Any:
    """Return an object as somebody would write it, for the namespace of those by hand."""
    metadata, spec = item["metadata"], dict(item.get("spec") or {})
    for key in ("clusterIP", "clusterIPs", "volumeName"):
        spec.pop(key, None)
    kept: dict[str, Any] = {key: item[key] for key in ("apiVersion", "kind", "data", "type") if key in item}
    kept |= {key: item[key] for key in ("automountServiceAccountToken",) if key in item}
    kept["metadata"] = {"name": metadata["name"], "namespace": HAND, "labels": metadata["labels"]}
    return kept | ({"spec": spec} if spec else {})


def by_hand(cluster: ClusterProduct, client: Client, origin: str, workspace: Workspace) -> Side:
    """Have a namespace for the objects by hand."""
    labels = cluster.get("namespace", WORKSPACES)["metadata"]["labels"]
    kept = {key: value for key, value in labels.items() if key.startswith("pod-security.kubernetes.io/")}
    _make_namespace(cluster, HAND, kept)
    return ByHand(cluster, client, origin, workspace.objects)


def jupyterhub(cluster: ClusterProduct, client: Client, workspace: Workspace) -> Side:
    """Build JupyterHub's image, and have it run in a namespace of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (*(PEERS / "jupyterhub").iterdir(), PEERS / "package.json", PEERS / "package-lock.json"):
            shutil.copy(path, folder)
        subprocess.run(
            ["docker", "build", "--quiet", "--tag", HUB_IMAGE, folder], check=True, stdout=subprocess.DEVNULL
        )
    node = f"{cluster.name}-control-plane"
    load = ["kind", "load", "docker-image", HUB_IMAGE, "--name", cluster.name, "--nodes", node]
    subprocess.run(load, check=True, capture_output=True)
    _make_namespace(cluster, HUB, {})
    token = secrets.token_hex(16)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hub"},
        "stringData": {"BENCH_TOKEN": token, "BENCH_WORKSPACE": json.dumps(workspace.for_hub)},
    }
    cluster.kubectl("apply", "-n", HUB, "-f", "-", input=json.dumps(secret))
    manifest = (PEERS / "jupyterhub" / "hub.yaml").read_text().replace("HUB_IMAGE", HUB_IMAGE)
    cluster.kubectl("apply", "-n", HUB, "-f", "-", input=manifest)
    cluster.kubectl("rollout", "status", "-n", HUB, "deployment/hub", "--timeout=180s")
    return JupyterHub(cluster, client, token)


def settle(cluster: ClusterProduct) -> None:
    """Wait until nothing of what was deleted is left to be done."""
    for namespace, more in ((WORKSPACES, ()), (HAND, ()), (HUB, ("-l", "component=singleuser-server"))):
        _wait_gone(cluster, namespace, "pods", *more)
        _wait_gone(cluster, namespace, "persistentvolumeclaims")
    wait_until(
        lambda: all(volume["status"]["phase"] == "Bound" for volume in cluster.get("persistentvolumes")["items"]),
        "the volumes of what was deleted are gone",
        limit=cluster.limit,
    )


def remove_namespaces(cluster: ClusterProduct) -> None:
    """Remove all that isn't the product's."""
    cluster.kubectl("delete", "namespace", HAND, HUB, "--ignore-not-found", check=False)


def _make_namespace(cluster: ClusterProduct, name: str, labels: dict[str, str]) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(namespace))


def _wait_gone(cluster: ClusterProduct, namespace: str, kinds: str, *more: str) -> None:
    """Wait until there is nothing of some kinds."""

    def gone() -> bool:
        return not cluster.get(kinds, "-n", namespace, *more)["items"]

    wait_until(gone, f"{kinds} in {namespace} are gone", limit=cluster.limit)
