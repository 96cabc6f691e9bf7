"""The operator's replicas: which one leads, and how it is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from tests.e2e.kubernetes.nodes import first_process, is_ready, platform_pods
from tests.support.cluster import PATIENCE, PLATFORM, ClusterProduct
from tests.support.product_api import wait_until

_METRICS: Final = (
    "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8083/metrics', timeout=5).read().decode())"
)


def lease(cluster: ClusterProduct) -> dict[str, Any]:
    """Return what is written about who leads."""
    spec: dict[str, Any] = cluster.get("lease", "vibecode-operator", "-n", PLATFORM)["spec"]
    return spec


def leader(cluster: ClusterProduct) -> dict[str, Any]:
    """Return the pod of the operator that leads, once there is one that is ready."""

    def look() -> dict[str, Any] | None:
        holder = lease(cluster).get("holderIdentity")
        found = [pod for pod in platform_pods(cluster, "operator") if pod["metadata"]["name"] == holder]
        return found[0] if found and is_ready(found[0]) else None

    pod: dict[str, Any] = wait_until(look, "a replica leads", limit=PATIENCE)
    return pod


def wait_follower(cluster: ClusterProduct, lost: str) -> datetime:
    """Wait until another than ``lost`` leads, and return since when: its clock is this machine's."""

    def look() -> str | None:
        spec = lease(cluster)
        return spec["acquireTime"] if spec.get("holderIdentity") not in ("", lost) else None

    since: str = wait_until(look, f"another leads than {lost}", limit=PATIENCE)
    return datetime.fromisoformat(since)


def wait_both(cluster: ClusterProduct) -> None:
    """Wait until both replicas are ready, and nothing is left of others."""

    def look() -> bool:
        found = cluster.get("pods", "-n", PLATFORM, "-l", "app.kubernetes.io/component=operator")["items"]
        return len(found) == 2 and all(is_ready(pod) for pod in found)

    wait_until(look, "both replicas of the operator are ready", limit=PATIENCE)


def lose(cluster: ClusterProduct, pod: dict[str, Any]) -> datetime:
    """End a replica without its knowing, and for good; return when it was lost.

    It is stopped first: a process that was killed would be started again in its pod, and one that is asked to end with
    its pod gives its Lease back.
    """
    process = first_process(cluster, pod)
    lost_at = datetime.now(UTC)
    process.signal("STOP")
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", PLATFORM, "--force", "--grace-period=0")
    return lost_at


def replace(cluster: ClusterProduct, pod: dict[str, Any]) -> None:
    """Have a replica end in good order; another takes its place."""
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", PLATFORM, "--wait=false")


def metrics(cluster: ClusterProduct, pod: dict[str, Any]) -> dict[str, float]:
    """Return a replica's metrics; none while it doesn't answer."""
    name = pod["metadata"]["name"]
    text = cluster.kubectl("exec", "-n", PLATFORM, name, "--", "python", "-c", _METRICS, check=False)
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("vibecode_operator_")]
    return {key.removeprefix("vibecode_operator_"): float(value) for key, _, value in lines}


def writes(numbers: dict[str, float]) -> float:
    """Return how many requests of a replica could change something, but for those about the Lease."""
    requests = {key: number for key, number in numbers.items() if key.startswith("requests_total{")}
    return sum(n for key, n in requests.items() if 'method="GET"' not in key and 'kind="Lease"' not in key)


def wait_at_rest(cluster: ClusterProduct, pod: dict[str, Any]) -> dict[str, float]:
    """Wait until a leader has nothing to write, and return its metrics."""
    seen: list[float] = []

    def look() -> dict[str, float] | None:
        found = metrics(cluster, pod)
        seen.append(writes(found))
        return found if found.get("leader") == 1 and seen[-3:] == [seen[-1]] * 3 else None

    found: dict[str, float] = wait_until(look, "the leader is at rest", limit=PATIENCE)
    return found


def restarts(cluster: ClusterProduct) -> dict[str, int]:
    """Return how often each container of the platform was started again."""
    pods = cluster.get("pods", "-n", PLATFORM)["items"]
    return {
        f"{pod['metadata']['uid']} {status['name']}": status["restartCount"]
        for pod in pods
        for status in pod["status"]["containerStatuses"]
    }
