"""A certificate authority of this machine's own, and the wildcard certificate that it signs for the cluster's edge."""

from __future__ import annotations

import ipaddress
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vibecode.cluster.state import ClusterFolder

RENEW_BEFORE: Final = timedelta(days=30)
"""A certificate with less time left is made anew."""

_AUTHORITY_LIFETIME: Final = timedelta(days=3650)
_LIFETIME: Final = timedelta(days=365)
"""Less than the 825 days at which Apple's systems stop to accept certificates of authorities that users added."""

_SKEW: Final = timedelta(hours=1)
"""Certificates hold from a little earlier on, since clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What the edge needs, as PEM."""

    certificate: str
    key: str
    new_authority: bool
    """Whether the authority was made just now, so that nobody trusts it yet."""


def ensure(folder: ClusterFolder, domains: Sequence[str], *, now: datetime | None = None) -> Certificates:
    """Return a certificate for domains and all names directly below them; make or renew what is missing.

    Parameters
    ----------
    folder
        Where authority and certificate are kept.
    domains
        Host names. The authority is constrained to them: whoever steals its key can't speak for any other site.
    now
        The time.

    Raises
    ------
    DataFolderUnusable
        They can't be written.
    """
    moment = now or datetime.now(UTC)
    names = sorted(dict.fromkeys(domains))
    authority = _load(folder.ca_certificate, folder.ca_key)
    new_authority = authority is None or not _serves(authority[0], names, moment)
    if authority is None or new_authority:
        authority = _make_authority(names, moment)
        folder.write_private(folder.ca_key, _pem_key(authority[1]))
        folder.write_private(folder.ca_certificate, _pem(authority[0]))
    pair = _load(folder.certificate, folder.key)
    if pair is None or not _holds(pair[0], authority[0], names, moment):
        pair = _make_certificate(names, *authority, moment)
        folder.write_private(folder.key, _pem_key(pair[1]))
        folder.write_private(folder.certificate, _pem(pair[0]))
    return Certificates(certificate=_pem(pair[0]), key=_pem_key(pair[1]), new_authority=new_authority)


def how_to_trust(authority: Path, *, system: str | None = None, etc: Path = Path("/etc")) -> str:
    """Return how to make this machine trust an authority.

    Parameters
    ----------
    authority
        File of its certificate.
    system
        As ``platform.system()`` names it.
    etc
        Folder whose contents tell Linux distributions apart.
    """
    name = system or platform.system()
    if name == "Darwin":
        keychain = "/Library/Keychains/System.keychain"
        return f"sudo security add-trusted-cert -d -r trustRoot -k {keychain} '{authority}'"
    if (etc / "pki/ca-trust/source/anchors").is_dir():
        command = f"sudo cp '{authority}' /etc/pki/ca-trust/source/anchors/vibecode.crt && sudo update-ca-trust"
    elif (etc / "ca-certificates/trust-source").is_dir():
        command = f"sudo trust anchor --store '{authority}'"
    else:
        target = "/usr/local/share/ca-certificates/vibecode.crt"
        command = f"sudo cp '{authority}' {target} && sudo update-ca-certificates"
    return f"{command} (and for Chrome and Firefox, import the file under Certificates, Authorities, in their settings)"


Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _load(certificate: Path, key: Path) -> Pair | None:
    """Return a certificate with its key; None if one is missing, damaged, or they don't belong together."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or loaded.public_key() != private.public_key():
        return None
    return loaded, private


def _serves(authority: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    """Tell whether an authority may sign for names, for as long as a certificate holds."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return False
    permitted = {name.value for name in constraints.permitted_subtrees or () if isinstance(name, x509.DNSName)}
    return set(names) <= permitted and authority.not_valid_after_utc - now > _LIFETIME


def _holds(certificate: x509.Certificate, authority: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    """Tell whether a certificate is the authority's, is for these names, and holds for long enough."""
    try:
        certificate.verify_directly_issued_by(authority)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    wanted = {each for name in names for each in (name, f"*.{name}")}
    return set(alternative.get_values_for_type(x509.DNSName)) == wanted and (
        certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEW_BEFORE
    )


def _make_authority(names: Sequence[str], now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "VibeCode on this machine"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"VibeCode authority for {names[0]}"[:64]),
        ]
    )
    everything = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    builder = (
        _builder(name, name, key, now, _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(
            # RFC 5280, 4.2.1.10: a name is permitted with all that are below it; addresses are all excluded.
            x509.NameConstraints(
                permitted_subtrees=[x509.DNSName(name) for name in names],
                excluded_subtrees=[x509.IPAddress(network) for network in everything],
            ),
            critical=True,
        )
    )
    return builder.sign(key, hashes.SHA256()), key


def _make_certificate(
    names: Sequence[str], authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, now: datetime
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    alternative = [x509.DNSName(each) for name in names for each in (name, f"*.{name}")]
    builder = (
        _builder(subject, authority.subject, key, now, _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    return builder.sign(authority_key, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _pem_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
