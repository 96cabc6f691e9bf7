"""The product on a cluster that it didn't make, behind an ingress controller: set up by the commands of the pages."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import string
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.cluster import PLATFORM, ClusterProduct, require_tools
from tests.support.product_api import LIMIT, Answer, wait_until
from tests.support.require import require
from tests.unit.charts.rendering import merged
from tests.unit.docs.pages import ROOT, commands, examples
from vibecode.cluster import certificates
from vibecode.cluster.state import ClusterFolder
from vibecode.images import catalog
from vibecode.images.build import build
from vibecode.images.load import bring

NAME: Final = "vibecode-test-ingress"
DOMAIN: Final = "code.example.org"
PAGE: Final = "docs/deployment.md"
EXAMPLES: Final[dict[str, dict[str, Any]]] = {name: yaml.safe_load(text) for name, text in examples("values")}

# Read when this is imported: tests hide VIBECODE_* from what they start.
_CONTROLLER: Final = os.environ.get("VIBECODE_TEST_INGRESS_IMAGE", "")
_NODE_IMAGE: Final = os.environ.get("VIBECODE_KIND_NODE_IMAGE", "")
_DATA_DIR: Final = os.environ.get("VIBECODE_TEST_CLUSTER_DIR", "")
_KEEP: Final = os.environ.get("VIBECODE_TEST_KEEP_CLUSTER", "")
_FOLDER: Final = Path(__file__).parent.parent / "e2e" / "ingress"
_NODE: Final = f"{NAME}-control-plane"
_SMALL: Final = {"codeServer": {"resources": {"requests": {"cpu": "100m", "memory": "512Mi"}}}}
"""So that two workspaces fit beside everything else on one node of two processors."""


@dataclass
class BehindIngress(ClusterProduct):
    """The product behind an ingress controller, whose ports are at free ports of this machine."""

    url: str = f"https://{DOMAIN}"
    values: dict[str, Any] = field(default_factory=dict)
    """What the platform was installed with."""
    ports: dict[int, int] = field(default_factory=dict)
    """Ports of this machine by those that browsers mean."""
    link: str = ""
    """The first admin's sign-in link, as the page's command printed it."""
    authorities: list[Path] = field(default_factory=list)
    """More of those who sign certificates here."""
    known_token: str = ""

    @property
    def token(self) -> str:
        if not self.known_token:
            read = ("sh", "-c", 'cat "$VIBECODE_DATA_DIR/run/cli.token"')
            self.known_token = self.kubectl("exec", "-n", PLATFORM, "deploy/control-plane", "--", *read).strip()
        return self.known_token

    @property
    def flags(self) -> tuple[str, ...]:
        """What Chromium is to know: where the names are, and that this one certificate is good."""
        certificate = x509.load_pem_x509_certificate(self._folder.certificate.read_bytes())
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
        rules = ",".join(f"MAP *{DOMAIN}:{port} 127.0.0.1:{local}" for port, local in self.ports.items())
        return f"--host-resolver-rules={rules}", f"--ignore-certificate-errors-spki-list={pin}"

    def workspace_url(self, name: str) -> str:
        return f"https://{name}.{DOMAIN}"

    def connect(self, host: str) -> ssl.SSLSocket:
        """Connect by TLS, and check that the certificate is of the operator's authorities."""
        context = ssl.create_default_context(cafile=str(self._folder.ca_certificate))
        for authority in self.authorities:
            context.load_verify_locations(authority)
        return context.wrap_socket(self.connect_plainly(443), server_hostname=host)

    def connect_plainly(self, port: int = 80) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[port]), timeout=LIMIT)

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
        sent = {"Host": host or DOMAIN}
        if token != "":
            sent["Authorization"] = f"Bearer {token or self.token}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not body:
            sent["Content-Type"] = "application/json"
        with self.connect(host or DOMAIN) as connection:
            return exchange(connection, method, path, data, {**sent, **(headers or {})})

    def prepare(self) -> None:
        """Make the cluster, with what an operator has there, if it isn't there."""
        self._folder.root.mkdir(parents=True, exist_ok=True)
        there = NAME in self._run("kind", "get", "clusters").split()
        if there and not _KEEP:
            self._run("kind", "delete", "cluster", "--name", NAME)
        if not (there and _KEEP):
            image = ("--image", _NODE_IMAGE) if _NODE_IMAGE else ()
            config = str(_FOLDER / "cluster.yaml")
            self._run("kind", "create", "cluster", "--name", NAME, "--config", config, *image, "--wait", "2m")
            self._run("kind", "load", "docker-image", _CONTROLLER, "--name", NAME)
        for port in (80, 443):
            said = self._run("docker", "port", _NODE, f"{port}/tcp")
            self.ports[port] = int(said.split()[0].rpartition(":")[2])
        before = string.Template((_FOLDER / "before.yaml").read_text()).substitute(image=_CONTROLLER)
        self.kubectl("apply", "-f", "-", input=before)
        self.kubectl("rollout", "status", "-n", "traefik", "deploy/traefik", "--timeout", "2m")

    def install(self) -> None:
        """Follow the page: images, values, certificate, installation, test, and the first admin's link."""
        images: dict[str, Any] = {}
        registry = EXAMPLES["images"]["global"]["imageRegistry"]
        for name in catalog.NAMES:
            built = build(catalog.image(name), progress=lambda _: None)
            bring(built, [_NODE], progress=lambda _: None)
            # As if it were pulled from there.
            tag = ("ctr", "-n", "k8s.io", "images", "tag", "--force")
            self._run("docker", "exec", _NODE, *tag, f"docker.io/{built.reference}", f"{registry}/{built.reference}")
            images[name] = {"image": {"tag": built.reference.rpartition(":")[2]}}
        parts = {"codeServer": images["workspace"], "controlPlane": images["control-plane"]}
        parts["edge"] = {**images["edge"], "tunnel": images["tunnel"]}
        certificates.ensure(self._folder, [DOMAIN])
        folder = self._folder.root
        (folder / "charts").unlink(missing_ok=True)
        (folder / "charts").symlink_to(ROOT / "charts")
        self.values = merged(merged(EXAMPLES["images"], merged(parts, _SMALL)), EXAMPLES["wildcard-ingress"])
        self._write(self.values)
        (certificate,) = commands(PAGE, "### One wildcard Ingress")
        install, check, *_ = commands(PAGE, "## Install")
        if self.run_kubectl("get", "namespace", PLATFORM).returncode:
            self._shell(certificate)
        self._shell(install)
        said = self._shell(check)
        found = re.search(r"^https://\S+$", said, re.MULTILINE)
        assert found, said
        self.link = found[0]
        wait_until(
            lambda: self.request("GET", "/readyz", token="").status == 200, "the dashboard is behind the Ingress"
        )

    def upgrade(self, *more: Mapping[str, Any]) -> None:
        """Repeat the installation by the page's command, with values on top of the first ones."""
        values = self.values
        for each in more:
            values = merged(values, each)
        self._write(values)
        self._shell(commands(PAGE, "## Upgrade and roll back")[0])

    def readers(self) -> set[str]:
        """Return which parts of the controller, each of which reads a class of Ingress, have found some to serve."""
        path = "/api/v1/namespaces/traefik/services/http:traefik:api/proxy/api/http/routers"
        routers = json.loads(self.kubectl("get", "--raw", path))
        return {router["provider"] for router in routers} - {"internal"}

    def certificate_for(self, name: str) -> tuple[str, str]:
        """Return files of a certificate of another authority, and its key, for a domain and the names below it."""
        folder = ClusterFolder(self.data_dir / name)
        folder.root.mkdir(parents=True, exist_ok=True)
        certificates.ensure(folder, [name])
        self.authorities.append(folder.ca_certificate)
        return str(folder.certificate), str(folder.key)

    @property
    def _folder(self) -> ClusterFolder:
        return ClusterFolder(self.data_dir)

    def _write(self, values: Mapping[str, Any]) -> None:
        (self._folder.root / "values.yaml").write_text(yaml.safe_dump(dict(values)))

    def _shell(self, script: str) -> str:
        """Run what a page says, as a person would who has values, charts and certificate in the same folder."""
        return self._run("bash", "-euc", script)

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            argv,
            cwd=self._folder.root,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout


def exchange(
    connection: socket.socket, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> Answer:
    """Send one request on an open connection; return the answer, and follow no redirect."""
    client = http.client.HTTPConnection("unused")
    client.sock = connection
    client.request(method, path, body, dict(headers))
    response = client.getresponse()
    fields: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        fields.setdefault(name.lower(), []).append(value)
    return Answer(response.status, {name: "\n".join(values) for name, values in fields.items()}, response.read())


@contextmanager
def behind_ingress() -> Iterator[BehindIngress]:
    """Have the product behind an ingress controller; the test is left out, or fails, where there is none.

    The cluster is deleted at the end, also after a failure, unless VIBECODE_TEST_KEEP_CLUSTER is set: then it stays for
    the next run, with its data folder below VIBECODE_TEST_CLUSTER_DIR.
    """
    if not _CONTROLLER:
        require("ingress", "VIBECODE_TEST_INGRESS_IMAGE names no image of Traefik 3")
    require_tools("ingress")
    base = os.environ.get("VIBECODE_TEST_DATA_DIR") or str(Path.home() / ".cache" / "vibecode-test")
    product = BehindIngress(Path(_DATA_DIR or base) / "ingress")
    try:
        product.prepare()
        product.install()
        product.remove_all()
        yield product
    finally:
        if not _KEEP:
            subprocess.run(["kind", "delete", "cluster", "--name", NAME], capture_output=True, check=False)
