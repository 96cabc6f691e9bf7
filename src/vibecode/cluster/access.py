"""How the command line on this machine reaches the API of the cluster's control plane."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.kubectl import Kubectl
from vibecode.cluster.ports import reachable
from vibecode.cluster.state import NAMESPACE, ClusterFolder

if TYPE_CHECKING:
    from vibecode.cluster.platform import PublicAddress

_READ_TOKEN = ("sh", "-c", 'cat "$VIBECODE_DATA_DIR/run/cli.token"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the API is, and what to show there."""

    url: str
    """Of the dashboard."""
    address: str
    """IP address to connect to: not every resolver knows names below localhost."""
    token_file: str
    ca_file: str
    cluster: str

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to the API, not yet opened."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return _HttpsConnection(self, host, parts.port or 443)
        return _HttpConnection(self, host, parts.port or 80)


def read(folder: ClusterFolder) -> Access | None:
    """Return what is known of a data folder's cluster; None if there is none."""
    try:
        return Access(**json.loads(folder.access.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(folder: ClusterFolder, cluster: str, address: PublicAddress) -> Access:
    """Leave for the command line where the API is.

    Raises
    ------
    DataFolderUnusable
        It can't be written.
    """
    access = Access(
        url=address.url,
        address=reachable(address.ports.address),
        token_file=str(folder.token),
        ca_file=str(folder.ca_certificate),
        cluster=cluster,
    )
    folder.write_private(folder.access, json.dumps(asdict(access), indent=2) + "\n")
    return access


def fetch_token(folder: ClusterFolder, kubectl: Kubectl) -> str:
    """Get the token that the control plane gave its own command line; each start of it makes a new one.

    Raises
    ------
    ClusterUnavailable
        The control plane doesn't run.
    """
    token = kubectl.exec(NAMESPACE, "deployment/control-plane", _READ_TOKEN).strip()
    if not token:
        raise ClusterUnavailable("The control plane has no token for the command line yet: try again in a moment.")
    folder.write_private(folder.token, token)
    return token


def in_use(data_dir: Path) -> Access | None:
    """Return how a data folder's cluster is reached; None if the data folder is used with the local runtime."""
    folder = ClusterFolder(data_dir)
    return read(folder) if folder.runtime == "kubernetes" else None


def renew_token(data_dir: Path) -> bool:
    """Get the token of a data folder's cluster anew; tell whether the data folder is used with one.

    Raises
    ------
    ClusterUnavailable
        kubectl isn't there, or the control plane doesn't run.
    """
    if in_use(data_dir) is None:
        return False
    path = shutil.which("kubectl")
    if path is None:
        raise ClusterUnavailable("kubectl is not installed, which the token of the command line comes by.")
    folder = ClusterFolder(data_dir)
    fetch_token(folder, Kubectl(path, folder.kubeconfig))
    return True


def problem(access: Access) -> str | None:
    """Ask the dashboard whether it is ready; return None if it is, otherwise what is in the way."""
    connection = access.connection()
    connection.timeout = 10
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{error}."
    finally:
        connection.close()
    return None if status == 200 else f"it answers with status {status}."


class _HttpConnection(http.client.HTTPConnection):
    """HTTP to an address, for a name."""

    def __init__(self, access: Access, host: str, port: int) -> None:
        super().__init__(host, port)
        self._address = access.address

    def connect(self) -> None:
        """Connect to the address."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _HttpsConnection(http.client.HTTPSConnection):
    """HTTPS to an address, for a name that the certificate has to be for."""

    def __init__(self, access: Access, host: str, port: int) -> None:
        context = ssl.create_default_context()
        if Path(access.ca_file).exists():
            context.load_verify_locations(access.ca_file)
        super().__init__(host, port, context=context)
        self._address, self._own_context = access.address, context

    def connect(self) -> None:
        """Connect to the address, and check the certificate."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.sock = self._own_context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
