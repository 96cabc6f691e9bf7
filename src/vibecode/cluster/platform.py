"""What is installed in the cluster: the chart's values, and whether anything of it has changed."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vibecode.cluster.certificates import Certificates
from vibecode.cluster.ports import HostPorts
from vibecode.cluster.state import NAMESPACE
from vibecode.domain.names import suggest_name
from vibecode.settings import Settings

CHART: Final = "charts/vibecode-platform"
TLS_SECRET: Final = "vibecode-tls"  # noqa: S105 - the name of a Secret

WORKSPACE_NODES: Final = {"tier": "code-server"}
PLATFORM_NODES: Final = {"tier": "monitoring"}
EDGE_NODES: Final = {"ingress-ready": "true"}

NODES_OF_IMAGE: Final[Mapping[str, tuple[Mapping[str, str], ...]]] = {
    "workspace": (WORKSPACE_NODES,),
    "control-plane": (PLATFORM_NODES,),
    "tunnel": (EDGE_NODES,),
    "edge": (EDGE_NODES,),
}
"""Which nodes run containers of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAddress:
    """Where browsers find the dashboard."""

    scheme: str
    domain: str
    ports: HostPorts

    @property
    def port(self) -> int:
        """The scheme's port on this machine."""
        return self.ports.https if self.scheme == "https" else self.ports.http

    @property
    def url(self) -> str:
        """The dashboard's address, without a trailing slash."""
        return self._url(self.scheme, self.port)

    @property
    def https_url(self) -> str:
        """The same over https."""
        return self._url("https", self.ports.https)

    def _url(self, scheme: str, port: int) -> str:
        usual = {"http": 80, "https": 443}[scheme]
        return f"{scheme}://{self.domain}{'' if port == usual else f':{port}'}"


def public_address(settings: Settings, ports: HostPorts) -> PublicAddress:
    """Return where browsers find the dashboard.

    Below localhost that is http, which browsers trust there, so that nobody has to install an authority first.
    Anywhere else it is https, without which they keep no cookies of ours.
    """
    scheme = settings.public_scheme
    if "public_scheme" not in settings.model_fields_set:
        hosts = (settings.domain, settings.workspace_domain or settings.domain)
        scheme = "http" if all(host.rpartition(".")[2] == "localhost" for host in hosts) else "https"
    return PublicAddress(scheme=scheme, domain=settings.domain, ports=ports)


def chart_values(settings: Settings, address: PublicAddress, images: Mapping[str, str]) -> dict[str, Any]:
    """Return the chart's values for a cluster on this machine.

    Parameters
    ----------
    settings
        Of whoever runs `up`. What isn't about this machine's server is passed on.
    address
        Where browsers find it.
    images
        Reference of each image, such as ``vibecode/edge:0.1.0-0123456789ab``, by its part's name.
    """

    def image(part: str) -> dict[str, str]:
        repository, _, tag = images[part].rpartition(":")
        return {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}

    return {
        "global": {
            "domain": settings.domain,
            "workspaceDomain": settings.workspace_domain or "",
            "publicScheme": address.scheme,
            "publicPorts": {"http": address.ports.http, "https": address.ports.https},
        },
        "codeServer": {
            "image": image("workspace"),
            "nodeSelector": WORKSPACE_NODES,
            "idleTimeout": settings.idle_timeout,
            "extensions": list(settings.extensions),
        },
        "controlPlane": {
            "image": image("control-plane"),
            "nodeSelector": PLATFORM_NODES,
            "admin": settings.admin or suggest_name(_account_name()),
            "sessionDays": settings.session_days,
            "logLevel": settings.log_level,
        },
        "operator": {"nodeSelector": PLATFORM_NODES},
        "edge": {
            "image": image("edge"),
            "tunnel": {"image": image("tunnel")},
            # One node has the ports that lead here, and only one pod can have them.
            "kind": "DaemonSet",
            "hostPorts": {"enabled": True},
            "redirectHttp": False,
            "nodeSelector": EDGE_NODES,
            "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
        },
        "tls": {"mode": "secret", "secretName": TLS_SECRET},
    }


def first_objects(certificates: Certificates) -> tuple[dict[str, Any], ...]:
    """Return what has to be there before the release: its namespace, and the edge's certificate."""
    return (
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            # Ports of the node, which the edge has here, are allowed by no stricter standard.
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": TLS_SECRET, "namespace": NAMESPACE},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificates.certificate, "tls.key": certificates.key},
        },
    )


def fingerprint(chart: Path, values: Mapping[str, Any], *objects: object) -> str:
    """Return a hash of everything that is installed: the chart's files, the values, and other objects."""
    digest = hashlib.sha256()
    for path in sorted(chart.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(chart)}\0".encode() + path.read_bytes() + b"\0")
    digest.update(json.dumps([values, objects], sort_keys=True).encode())
    return digest.hexdigest()


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name; OSError from Python 3.13 on
        return "admin"


def as_text(values: Mapping[str, Any]) -> str:
    """Return values as a file for Helm, which reads JSON as the YAML that it is."""
    return json.dumps(values, indent=2) + "\n"
