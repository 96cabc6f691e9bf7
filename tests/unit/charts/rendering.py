"""The charts as Helm renders them."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import yaml

from scripts.chart_values import PLATFORM, WORKSPACE
from tests.support.require import require

Object = dict[str, Any]

NAMESPACE = "vibecode-platform"
WORKSPACES = "vibecode-workspaces"

KIND = {
    "edge": {
        "kind": "DaemonSet",
        "hostPorts": {"enabled": True},
        "redirectHttp": False,
        "nodeSelector": {"ingress-ready": "true"},
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
    },
    "global": {"publicPorts": {"http": 8880, "https": 8443}},
    "tls": {"mode": "secret"},
}
"""A cluster on one's own machine, whose node's ports lead to the edge."""

LOAD_BALANCER = {
    "global": {"domain": "code.example.org", "workspaceDomain": "ws.example.net"},
    "edge": {"service": {"type": "LoadBalancer", "annotations": {"cloud": "one"}}},
    "tls": {
        "mode": "certManager",
        "certManager": {"email": "admin@example.org", "dns01": {"cloudDNS": {"project": "code"}}},
    },
}
WILDCARD_INGRESS = {
    "global": {"domain": "code.example.org", "workspaceDomain": "ws.example.net"},
    "ingress": {
        "enabled": True,
        "className": "traefik",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "3600"},
        "tls": {"enabled": True},
    },
    "edge": {"trustedProxies": ["10.0.0.0/8", "fd00::/8"]},
    "tls": {
        "mode": "certManager",
        "certManager": {
            "issuer": "letsencrypt-staging",
            "email": "admin@example.org",
            "dns01": {"cloudDNS": {"project": "code"}},
        },
    },
}
INGRESS_EACH = {
    "global": {"domain": "code.example.org"},
    "ingress": {
        "enabled": True,
        "className": "traefik",
        "annotations": {"a.example.org/b": "c"},
        "tls": {"enabled": True},
        "perWorkspace": True,
    },
    "tls": {"mode": "certManager", "certManager": {"email": "admin@example.org"}},
}
GATEWAY = {
    "global": {"domain": "code.example.org", "workspaceDomain": "ws.example.net"},
    "gatewayApi": {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]},
}
MONITORED = {"monitoring": {"enabled": True, "prometheus": {"enabled": True, "labels": {"release": "prometheus"}}}}
MODES: dict[str, Mapping[str, Any]] = {
    "default": {},
    "kind": KIND,
    "load balancer": LOAD_BALANCER,
    "wildcard ingress": WILDCARD_INGRESS,
    "ingress each": INGRESS_EACH,
    "gateway": GATEWAY,
    "monitored": MONITORED,
}
"""Values of each way to expose the platform, by its name in test ids."""


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with others on top."""
    result = dict(first)
    for key, value in second.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return result


class Refused(Exception):
    """Helm refused the values; the message is what it said."""


class Rendered:
    """The objects of a chart."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def one(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return the one object of that kind and name."""
        found = [
            each
            for each in self.of(kind)
            if each["metadata"]["name"] == name and namespace in (None, each["metadata"].get("namespace"))
        ]
        assert len(found) == 1, f"{len(found)} {kind}s are named {name}"
        return found[0]

    def of(self, kind: str) -> list[Object]:
        """Return all objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def pods(self) -> dict[str, Object]:
        """Return the pod templates by the names of what they are of."""
        found = {
            each["metadata"]["name"]: each["spec"]["template"]
            for each in self.objects
            if each["kind"] in ("Deployment", "DaemonSet")
        }
        return {**found, **{each["metadata"]["name"]: each for each in self.of("Pod")}}

    def container(self, pod: str, name: str) -> Object:
        """Return a container of a pod template."""
        containers: list[Object] = self.pods()[pod]["spec"]["containers"]
        return next(each for each in containers if each["name"] == name)

    def env(self, pod: str, container: str) -> dict[str, str]:
        """Return the variables that a container is given with a value."""
        return {
            each["name"]: each["value"] for each in self.container(pod, container).get("env", []) if "value" in each
        }

    def operator_config(self) -> dict[str, Any]:
        """Return what the operator is configured by."""
        config: dict[str, Any] = json.loads(self.one("ConfigMap", "operator")["data"]["operator.json"])
        return config


def platform(values: Mapping[str, Any] | None = None, *, namespace: str = NAMESPACE) -> Rendered:
    """Render the platform's chart."""
    return Rendered(_render(str(PLATFORM), json.dumps(values or {}), "vibecode", namespace))


def workspace(values: Mapping[str, Any], *, release: str = "code-server-alice") -> Object:
    """Render the Workspace of the workspace's chart."""
    (rendered,) = _render(str(WORKSPACE), json.dumps(values), release, WORKSPACES)
    return rendered


def text(chart: str, values: str, release: str, namespace: str, *arguments: str) -> str:
    """Return what `helm template` prints.

    Raises
    ------
    Refused
        It printed an error.
    """
    helm = shutil.which("helm") or require("helm", "helm is not installed")
    result = subprocess.run(
        [helm, "template", release, chart, "--namespace", namespace, "--values", "-", *arguments],
        input=values,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if result.returncode:
        raise Refused(result.stderr)
    return result.stdout


@functools.cache
def _render(chart: str, values: str, release: str, namespace: str) -> list[Object]:
    loaded = yaml.load_all(text(chart, values, release, namespace), Loader=yaml.CSafeLoader)
    return [each for each in loaded if each]
