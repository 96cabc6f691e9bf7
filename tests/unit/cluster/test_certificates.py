"""The local authority, and what it signs."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from vibecode.cluster import access, certificates
from vibecode.cluster.access import Access
from vibecode.cluster.state import ClusterFolder

NOW = datetime(2030, 6, 1, tzinfo=UTC)
DOMAINS = ["vibecode.localhost"]


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    folder = ClusterFolder(tmp_path)
    folder.prepare()
    return folder


def names(pem: str) -> set[str]:
    extensions = x509.load_pem_x509_certificate(pem.encode()).extensions
    return set(extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName))


def test_the_certificate_is_for_the_domains_and_what_is_below(folder: ClusterFolder) -> None:
    made = certificates.ensure(folder, ["code.example.org", "work.example.net", "code.example.org"], now=NOW)
    assert names(made.certificate) == {
        "code.example.org",
        "*.code.example.org",
        "work.example.net",
        "*.work.example.net",
    }
    assert made.new_authority
    for path in (folder.ca_key, folder.key):
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_still_holds_is_kept(folder: ClusterFolder) -> None:
    first = certificates.ensure(folder, DOMAINS, now=NOW)
    later = certificates.ensure(folder, DOMAINS, now=NOW + timedelta(days=334))
    assert (later.certificate, later.key, later.new_authority) == (first.certificate, first.key, False)


def test_it_is_renewed_in_its_last_30_days_by_the_same_authority(folder: ClusterFolder) -> None:
    first = certificates.ensure(folder, DOMAINS, now=NOW)
    authority = folder.ca_certificate.read_text()
    renewed = certificates.ensure(folder, DOMAINS, now=NOW + timedelta(days=336))
    assert renewed.certificate != first.certificate
    assert not renewed.new_authority
    assert folder.ca_certificate.read_text() == authority


@pytest.mark.parametrize("damaged", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
def test_what_is_damaged_or_missing_is_made_anew(folder: ClusterFolder, damaged: str) -> None:
    first = certificates.ensure(folder, DOMAINS, now=NOW)
    (folder.root / damaged).write_text("garbage")
    again = certificates.ensure(folder, DOMAINS, now=NOW)
    assert again.certificate != first.certificate
    assert again.new_authority is damaged.startswith("ca")
    (folder.root / damaged).unlink()
    assert certificates.ensure(folder, DOMAINS, now=NOW).certificate != again.certificate


def test_another_domain_needs_another_authority(folder: ClusterFolder) -> None:
    certificates.ensure(folder, DOMAINS, now=NOW)
    moved = certificates.ensure(folder, ["code.example.org"], now=NOW)
    assert moved.new_authority
    assert names(moved.certificate) == {"code.example.org", "*.code.example.org"}


def test_the_authority_can_speak_for_its_domains_alone(folder: ClusterFolder) -> None:
    certificates.ensure(folder, DOMAINS, now=NOW)
    authority = x509.load_pem_x509_certificate(folder.ca_certificate.read_bytes())
    extension = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert extension.critical
    assert [name.value for name in extension.value.permitted_subtrees or ()] == DOMAINS


class _Quiet(http.server.BaseHTTPRequestHandler):
    hosts: list[str | None]

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        status = 200 if self.path == "/readyz" else 503
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: ClusterFolder, *, tls: bool) -> Iterator[tuple[int, list[str | None]]]:
    hosts: list[str | None] = []
    handler = type("Handler", (_Quiet,), {"hosts": hosts})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder.certificate, folder.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], hosts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reached(folder: ClusterFolder, url: str) -> Access:
    return Access(url=url, address="127.0.0.1", token_file="", ca_file=str(folder.ca_certificate), cluster="c")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_dashboard_is_asked_by_its_name_at_its_address(folder: ClusterFolder, scheme: str) -> None:
    # No resolver knows this name.
    certificates.ensure(folder, ["code.invalid"])
    with served(folder, tls=scheme == "https") as (port, hosts):
        assert access.problem(reached(folder, f"{scheme}://code.invalid:{port}")) is None
    assert hosts == [f"code.invalid:{port}"]


def test_a_certificate_of_another_authority_is_refused(folder: ClusterFolder, tmp_path: Path) -> None:
    certificates.ensure(folder, ["code.invalid"])
    other = ClusterFolder(tmp_path / "other")
    other.prepare()
    certificates.ensure(other, ["code.invalid"])
    with served(other, tls=True) as (port, hosts):
        problem = access.problem(reached(folder, f"https://code.invalid:{port}"))
    assert problem is not None
    assert "certificate" in problem
    assert hosts == []


def test_nobody_there_is_a_problem(folder: ClusterFolder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        problem = access.problem(reached(folder, f"http://code.invalid:{taken.getsockname()[1]}"))
    assert problem is not None
    assert "refused" in problem


def test_how_to_trust_it_fits_the_system(tmp_path: Path) -> None:
    path = Path("/data/ca.crt")
    assert "add-trusted-cert" in certificates.how_to_trust(path, system="Darwin", etc=tmp_path)
    assert "update-ca-certificates" in certificates.how_to_trust(path, system="Linux", etc=tmp_path)
    (tmp_path / "pki/ca-trust/source/anchors").mkdir(parents=True)
    assert "update-ca-trust" in certificates.how_to_trust(path, system="Linux", etc=tmp_path)
