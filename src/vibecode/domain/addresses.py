"""Where the product answers, and what a Host header names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vibecode.domain.names import is_valid_name

_HOST: Final = re.compile(r"(?P<name>[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_PREVIEW: Final = re.compile(r"(?P<port>[1-9][0-9]{0,4})--(?P<name>[a-z0-9-]+)")
_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""Ports that URLs leave out (RFC 9110, 4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the product answers."""

    scheme: str
    """``http`` or ``https``."""
    domain: str
    """Host name of the dashboard and API, lower case, without port."""
    workspace_domain: str
    """Parent of the workspaces' host names."""
    port: int
    """Public port; left out of URLs where it is the scheme's default."""
    listening_host: str = "127.0.0.1"
    """Where processes of this machine reach the server, as URLs spell it."""

    @property
    def _suffix(self) -> str:
        return "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers keep Secure cookies of these addresses.

        Over https they do. Chrome and Firefox do so over http below localhost as well, which the Secure Contexts
        specification (3.1) calls trustworthy; so there, too, cookies can have the ``__Host-`` prefix (RFC 6265bis,
        4.1.3.2).
        """
        hosts = (self.domain, self.workspace_domain)
        return self.scheme == "https" or all(host.rpartition(".")[2] == "localhost" for host in hosts)

    @property
    def dashboard(self) -> str:
        """Origin of dashboard and API, without a trailing slash."""
        return f"{self.scheme}://{self.domain}{self._suffix}"

    def workspace(self, name: str, *, port: int | None = None) -> str:
        """Return the origin of a workspace, or of the preview of one of its ports."""
        label = name if port is None else f"{port}--{name}"
        return f"{self.scheme}://{label}.{self.workspace_domain}{self._suffix}"

    def preview_template(self, name: str) -> str:
        """Return the address of a workspace's ports with ``{{port}}`` for the number, as VSCODE_PROXY_URI wants it."""
        return f"{self.scheme}://{{{{port}}}}--{name}.{self.workspace_domain}{self._suffix}/"


@dataclass(frozen=True, slots=True)
class DashboardHost:
    """The request is for dashboard or API."""


@dataclass(frozen=True, slots=True)
class LoopbackHost:
    """The request names this machine by an address: people are sent to the dashboard, workspaces report here.

    The address is a loopback one, or the one that is listened on.

    Safe against DNS rebinding, since a rebound page's Host is the attacker's name, never one of these.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceHost:
    """The request is for a workspace, or for a port inside it."""

    name: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class UnknownHost:
    """Not one of ours: a forged Host, DNS rebinding, or a wrong name."""


Target = DashboardHost | LoopbackHost | WorkspaceHost | UnknownHost


def parse_host(host: str, addresses: Addresses) -> Target:
    """Say what a Host header names.

    Parameters
    ----------
    host
        The header's value as received, or an empty string where there was none. The port is ignored: a port-forward or
        a balancer in front changes it, and it grants nothing.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return UnknownHost()
    name = match["name"].lower()
    if name == addresses.domain:
        return DashboardHost()
    if name in _LOOPBACK_HOSTS or name == addresses.listening_host:
        return LoopbackHost()
    label, _, parent = name.partition(".")
    if parent != addresses.workspace_domain:
        return UnknownHost()
    if preview := _PREVIEW.fullmatch(label):
        port = int(preview["port"])
        if port > 65535 or not is_valid_name(preview["name"]):
            return UnknownHost()
        return WorkspaceHost(name=preview["name"], port=port)
    return WorkspaceHost(name=label) if is_valid_name(label) else UnknownHost()
