"""The server's own keys: a CA, the certificate it shows, the certificate its administrator shows. Made, kept,
renewed.

They live in `DIR/pki`, readable by the owner only. Nothing here is about the certificates that users ask for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certwright.apiserver.data_directory import DataDirectoryError, read_private, write_private
from certwright.apiserver.wire import MASTERS

CA_LIFE: Final = timedelta(days=3650)
LEAF_LIFE: Final = timedelta(days=365)
RENEW_BEFORE: Final = timedelta(days=30)
ADMIN: Final = "certwright-admin"
_BACKDATE: Final = timedelta(minutes=5)
_NAMES: Final = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES: Final = ("127.0.0.1", "::1")
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Identities:
    """What the server needs to prove itself and to let its administrator in."""

    ca: bytes
    serving: Identity
    admin: Identity
    serving_files: tuple[Path, Path]
    """Where the serving certificate and key are, for `ssl`, which reads files only."""


def ensure(directory: Path, host: str, now: datetime) -> Identities:
    """Read the identities in `directory`, making and renewing what has to be. Raises DataDirectoryError."""
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    authority = _authority(directory, now)
    names = x509.SubjectAlternativeName(_general_names(host))
    server = ExtendedKeyUsageOID.SERVER_AUTH
    serving = _leaf(directory, "serving", authority, _Leaf("certwright-apiserver", "", server, names), now)
    client = _Leaf(ADMIN, MASTERS, ExtendedKeyUsageOID.CLIENT_AUTH, None)
    admin = _leaf(directory, "admin", authority, client, now)
    files = (directory / "serving.crt", directory / "serving.key")
    return Identities(authority.certificate, serving, admin, files)


@dataclass(frozen=True, slots=True)
class _Leaf:
    common_name: str
    organization: str
    usage: x509.ObjectIdentifier
    names: x509.SubjectAlternativeName | None


def _general_names(host: str) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
    addresses = list(_ADDRESSES)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host and host not in _NAMES:
            found.append(x509.DNSName(host))
    else:
        if not address.is_unspecified and str(address) not in addresses:
            addresses.append(str(address))
    return found + [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]


def _read(directory: Path, name: str) -> Identity | None:
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    if not (certificate.exists() and key.exists()):
        return None
    return Identity(read_private(certificate), read_private(key))


def _write(directory: Path, name: str, identity: Identity) -> None:
    write_private(directory / f"{name}.key", identity.key)
    write_private(directory / f"{name}.crt", identity.certificate)


def _load(path: Path, identity: Identity) -> tuple[x509.Certificate, Key]:
    try:
        key = serialization.load_pem_private_key(identity.key, None)
        certificate = x509.load_pem_x509_certificate(identity.certificate)
    except ValueError:
        raise DataDirectoryError(f"{path}.crt or .key cannot be read; remove both to make new ones") from None
    if not isinstance(key, Key) or key.public_key() != certificate.public_key():
        raise DataDirectoryError(f"{path}.crt and .key do not belong together; remove both to make new ones")
    return certificate, key


def _authority(directory: Path, now: datetime) -> Identity:
    found = _read(directory, "ca")
    if found is not None:
        certificate, _ = _load(directory / "ca", found)
        if certificate.not_valid_after_utc - now > LEAF_LIFE:
            return found
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "certwright-apiserver-ca")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = (
        _builder(name, name, key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    identity = _identity(builder, key, key)
    _write(directory, "ca", identity)
    return identity


def _leaf(directory: Path, name: str, authority: Identity, wanted: _Leaf, now: datetime) -> Identity:
    issuer, issuer_key = _load(directory / "ca", authority)
    found = _read(directory, name)
    if found is not None:
        certificate, _ = _load(directory / name, found)
        if _fits(certificate, issuer, wanted, now):
            return found
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)]
    if wanted.organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organization))
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = (
        _builder(x509.Name(attributes), issuer.subject, key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([wanted.usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if wanted.names is not None:
        builder = builder.add_extension(wanted.names, critical=False)
    identity = _identity(builder, key, issuer_key)
    _write(directory, name, identity)
    return identity


def _fits(certificate: x509.Certificate, issuer: x509.Certificate, wanted: _Leaf, now: datetime) -> bool:
    if certificate.not_valid_after_utc - now < RENEW_BEFORE or certificate.not_valid_before_utc > now:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, a new one is made
        return False
    if wanted.names is None:
        return True
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found == wanted.names


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _identity(builder: x509.CertificateBuilder, key: Key, signer: Key) -> Identity:
    certificate = builder.sign(signer, hashes.SHA256())
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def subject_of(certificate: bytes) -> tuple[str, Sequence[str]]:
    """Common name and organizations of a DER certificate: the user and the groups it stands for."""
    subject = x509.load_der_x509_certificate(certificate).subject
    common = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return (common[-1] if common else ""), groups
