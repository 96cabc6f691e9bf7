"""What an operator of the platform decides about workspaces: the file ``operator.json``."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from vibecode.domain.addresses import Addresses
from vibecode.domain.errors import InvalidInput

DEFAULT_PATH: Final = Path("/etc/vibecode/operator.json")
"""Where it is unless VIBECODE_OPERATOR_CONFIG says otherwise."""

_QUANTITY_OR_NONE: Final = r"^([0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?)?$"

NOT_THE_INTERNET: Final = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),  # private
    *("100.64.0.0/10", "198.18.0.0/15", "240.0.0.0/4"),  # used as private by clouds and their clusters
    *("192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),  # so are these
    *("169.254.0.0/16", "fe80::/10"),  # of the link, with the clouds' metadata
    "168.63.129.16/32",  # Azure's own services for its machines, at a public address
    *("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "::/127", "ff00::/8"),  # nobody's, the machine's own, and groups
    *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),  # IPv4 in IPv6: all of the above
)
"""Networks whose addresses are no place in the internet, or that lead into the cloud around a cluster."""


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class AddressConfig(_Part):
    """Where the platform answers."""

    scheme: Literal["http", "https"] = "https"
    domain: str
    workspace_domain: str
    port: int = Field(default=443, ge=1, le=65535)

    @property
    def addresses(self) -> Addresses:
        """The same, for building URLs."""
        return Addresses(scheme=self.scheme, domain=self.domain, workspace_domain=self.workspace_domain, port=self.port)


class StorageConfig(_Part):
    """Sizes of a workspace's volumes, as Kubernetes writes quantities."""

    workspace: str = "10Gi"
    home: str = "2Gi"


class EphemeralStorageConfig(_Part):
    """What a workspace may have of its node's own disk; a limit that is empty is none."""

    tmp: str = Field(default="4Gi", pattern=_QUANTITY_OR_NONE)
    """Most that /tmp may hold."""
    request: str = Field(default="256Mi", pattern=_QUANTITY_OR_NONE)
    """What a node has to have for it."""
    limit: str = Field(default="5Gi", pattern=_QUANTITY_OR_NONE)
    """Most of all together: /tmp, and the container's log."""


class SecurityConfig(_Part):
    """Ids that a workspace runs with; none is root."""

    run_as_user: int = Field(default=1000, ge=1)
    run_as_group: int = Field(default=1000, ge=1)
    fs_group: int = Field(default=1000, ge=1)


class WorkspaceConfig(_Part):
    """What workspaces get that don't ask for something else."""

    image: str
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    image_pull_secrets: list[str] = []
    resources: dict[str, dict[str, str]] = {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "4Gi"},
    }
    ephemeral_storage: EphemeralStorageConfig = EphemeralStorageConfig()
    storage: StorageConfig = StorageConfig()
    storage_class_name: str | None = None
    """None takes the cluster's default class."""
    security: SecurityConfig = SecurityConfig()
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, Any]] = []
    affinity: dict[str, Any] = {}
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    extensions: list[str] = []
    """Editor extensions that each workspace installs when it starts."""


class DnsConfig(_Part):
    """Where workspaces look names up."""

    peers: list[dict[str, Any]] = Field(
        min_length=1,
        default=[
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
    )
    """As those of a NetworkPolicy: a ``namespaceSelector`` with or without a ``podSelector``, or an ``ipBlock``."""
    ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(min_length=1, default=[53])
    """Of those that answer, for UDP and TCP."""

    @field_validator("peers")
    @classmethod
    def _are_peers(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for peer in value:
            by_labels = "namespaceSelector" in peer and peer.keys() <= {"namespaceSelector", "podSelector"}
            # Pods without a namespace would be those of the workspaces' own, for a policy is there.
            if not by_labels and peer.keys() != {"ipBlock"}:
                raise ValueError("a peer has a namespaceSelector and perhaps a podSelector, or an ipBlock")
        return value


class NetworkConfig(_Part):
    """Whom a workspace can be reached by and can reach."""

    edge_labels: dict[str, str] = {"app.kubernetes.io/component": "edge"}
    agent_labels: dict[str, str] = {"app.kubernetes.io/component": "control-plane"}
    agent_port: int = Field(default=8081, ge=1, le=65535)
    internet: bool = True
    ipv6: bool = False
    """Whether the internet is that of IPv6 too. A cluster's own IPv6 networks are often public addresses, which nobody
    can know here, so it is closed altogether unless somebody said otherwise."""
    blocked_cidrs: list[str] = list(NOT_THE_INTERNET)
    """Networks that count as inside: they stay out of reach when the internet is allowed."""
    dns: DnsConfig = DnsConfig()

    @field_validator("blocked_cidrs")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        return [str(ipaddress.ip_network(cidr)) for cidr in value]


class IngressConfig(_Part):
    """How the Ingress of each workspace looks, where there is one."""

    class_name: str | None = None
    annotations: dict[str, str] = {}
    tls: bool = False


class ExposureConfig(_Part):
    """How workspaces are reached from outside."""

    mode: Literal["edge", "ingress"] = "edge"
    """``edge``: by the edge's wildcard address. ``ingress``: an Ingress to the edge for each workspace as well."""
    ingress: IngressConfig = IngressConfig()


class OperatorConfig(_Part):
    """The whole file."""

    namespace: str = "vibecode-workspaces"
    platform_namespace: str = "vibecode-platform"
    addresses: AddressConfig
    agent_url: str = "http://control-plane.vibecode-platform.svc:8081"
    """Where workspaces report."""
    token_key_file: Path = Path("/etc/vibecode/agent-key/key")
    """Key that workspaces' tokens are derived from."""
    workspace: WorkspaceConfig
    network: NetworkConfig = NetworkConfig()
    exposure: ExposureConfig = ExposureConfig()
    workers: int = Field(default=4, ge=1, le=64)
    """Workspaces that are reconciled at the same time."""


def parse_config(data: object, *, source: str = "The operator's configuration") -> OperatorConfig:
    """Return the configuration that decoded JSON holds.

    Raises
    ------
    InvalidInput
        One sentence: the first key that is unknown, missing or wrong.
    """
    try:
        return OperatorConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise InvalidInput(f"{source} has the unknown key {key}: remove it or mend its spelling.") from None
        if first["type"] == "missing":
            raise InvalidInput(f"{source} lacks the key {key}: add it.") from None
        raise InvalidInput(f"{source} has a wrong value at {key or 'its top'}: {first['msg']}.") from None


def load_config(path: Path) -> OperatorConfig:
    """Read the file.

    Raises
    ------
    InvalidInput
        It can't be read, is no JSON, or :func:`parse_config` refuses it.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"The operator's configuration {path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInput(f"The operator's configuration {path} is no JSON: {error}.") from error
    return parse_config(data, source=f"The operator's configuration {path}")
