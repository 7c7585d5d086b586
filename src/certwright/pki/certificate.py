"""What a controller asks of an issued certificate, as values, and the Secret annotations that repeat it.

Not validation against a CA or a clock: facts are facts whoever signed them.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from certwright.api import annotations
from certwright.pki import names, pem, rfc4514, san, x509
from certwright.pki.keys import PublicKey
from certwright.pki.memo import Memo
from certwright.pki.names import Subject
from certwright.pki.san import OtherName
from certwright.pki.x509 import X509

TEMPORARY_CA = "cert-manager.local"
"""The common name, and all of the name, of every CA that signs temporary certificates; contract."""

_TEMPORARY_ISSUER = names.encode_rdns(rfc4514.parse_literal_subject(f"CN={TEMPORARY_CA}"))
_SPECIAL = frozenset(',"\r\n')
_SPACES = frozenset(" \t\v\f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | set(
    map(chr, range(0x2000, 0x200B))
)


class CertificateFacts(Struct, frozen=True, gc=False, kw_only=True):
    """One certificate. Times are aware UTC; names are in the order of the certificate; addresses are text."""

    serial_number: bytes
    not_before: datetime
    not_after: datetime
    subject_der: bytes
    issuer_der: bytes
    subject: Subject
    public_key: PublicKey
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    uris: tuple[str, ...]
    emails: tuple[str, ...]
    other_names: tuple[OtherName, ...]
    is_ca: bool
    key_usage: int
    extended_key_usages: tuple[str, ...]

    @property
    def serial(self) -> int:
        """The serial number; never negative."""
        return int.from_bytes(self.serial_number, "big")

    @property
    def common_name(self) -> str:
        """The common name of the subject, or ""."""
        return self.subject.common_name

    @property
    def is_temporary(self) -> bool:
        """Whether it was signed by a CA for temporary certificates: ours, or one of cert-manager's."""
        return self.issuer_der == _TEMPORARY_ISSUER


def parse_certificate(chain_pem: bytes) -> CertificateFacts:
    """Facts of the first certificate in PEM, such as a Secret's tls.crt; recently seen ones are remembered.

    Every block must be a certificate. Raises `CertificateDecodeError`.
    """
    return _parse_certificate(chain_pem)


def _parse(chain_pem: bytes) -> CertificateFacts:
    return facts_of(x509.read_pem(chain_pem, pem.limits().bundle)[0])


def facts_of(certificate: X509) -> CertificateFacts:
    """The facts of a certificate already taken apart."""
    found = certificate.alternative_names
    return CertificateFacts(
        serial_number=certificate.serial.to_bytes((certificate.serial.bit_length() + 7) // 8, "big"),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        subject_der=certificate.subject,
        issuer_der=certificate.issuer,
        subject=certificate.subject_fields,
        public_key=certificate.public_key,
        dns_names=found.dns,
        ip_addresses=tuple(map(san.ip_text, found.ips)),
        uris=found.uris,
        emails=found.emails,
        other_names=found.others,
        is_ca=bool(certificate.is_ca),
        key_usage=certificate.key_usage,
        extended_key_usages=certificate.extended_key_usages,
    )


_parse_certificate = Memo(_parse, 128)


def detail_annotations(facts: CertificateFacts) -> dict[str, str]:
    """Annotations of the target Secret that say what its certificate says.

    Common name and DNS, IP and URI names are always there, if need be empty; the rest only with a value.
    """
    subject = facts.subject
    always = {
        annotations.COMMON_NAME: subject.common_name,
        annotations.ALT_NAMES: csv_line(facts.dns_names),
        annotations.IP_SANS: csv_line(facts.ip_addresses),
        annotations.URI_SANS: csv_line(map(_plain_uri, facts.uris)),
    }
    lists = {
        annotations.EMAIL_SANS: facts.emails,
        annotations.SUBJECT_ORGANIZATIONS: subject.organizations,
        annotations.SUBJECT_ORGANIZATIONAL_UNITS: subject.organizational_units,
        annotations.SUBJECT_COUNTRIES: subject.countries,
        annotations.SUBJECT_PROVINCES: subject.provinces,
        annotations.SUBJECT_LOCALITIES: subject.localities,
        annotations.SUBJECT_POSTAL_CODES: subject.postal_codes,
        annotations.SUBJECT_STREET_ADDRESSES: subject.street_addresses,
    }
    found = always | {key: csv_line(values) for key, values in lists.items() if values}
    if subject.serial_number:
        found[annotations.SUBJECT_SERIAL_NUMBER] = subject.serial_number
    return found


def _plain_uri(uri: str) -> str:
    """Schemes are written in lower case, as Go does when it prints a parsed URL."""
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest


def csv_line(values: Iterable[str]) -> str:
    """One CSV record (RFC 4180) without a line end, quoting exactly where Go's encoding/csv does."""
    return ",".join(map(_csv_field, values))


def _csv_field(text: str) -> str:
    if text == "\\." or text[:1] in _SPACES or not _SPECIAL.isdisjoint(text):
        return '"' + text.replace('"', '""') + '"'
    return text
