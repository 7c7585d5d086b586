"""X.509 extensions other than names and usages: encoding, and reading the ones that matter here (RFC
5280 4.2).
"""

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import ip_network
from typing import Final

from msgspec import Struct

from certwright.api.certmanager import NameConstraints as SpecNameConstraints
from certwright.pki import der
from certwright.pki.errors import TemplateError

SUBJECT_KEY_ID: Final = "2.5.29.14"
KEY_USAGE: Final = "2.5.29.15"
SUBJECT_ALT_NAME: Final = "2.5.29.17"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
NAME_CONSTRAINTS: Final = "2.5.29.30"
CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
AUTHORITY_KEY_ID: Final = "2.5.29.35"
EXT_KEY_USAGE: Final = "2.5.29.37"
AUTHORITY_INFO_ACCESS: Final = "1.3.6.1.5.5.7.1.1"

_OCSP = der.oid("1.3.6.1.5.5.7.48.1")
_CA_ISSUERS = der.oid("1.3.6.1.5.5.7.48.2")
_DNS, _IP, _EMAIL, _URI = 0x82, 0x87, 0x81, 0x86
_KEY_ID_BYTES = 20
_IP_CONSTRAINT_SIZES = (8, 32)

Subtrees = tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]
_NO_SUBTREES: Subtrees = ((), (), (), ())


class Extension(Struct, frozen=True, gc=False):
    """One extension: identifier, criticality, and the DER inside its OCTET STRING."""

    oid: str
    critical: bool
    value: bytes


class Constraints(Struct, frozen=True, gc=False):
    """Name constraints: subtrees as (DNS, IP with mask, email, URI), each as the bytes of the GeneralName."""

    permitted: Subtrees
    excluded: Subtrees


def encode(extensions: Iterable[Extension]) -> bytes:
    """SEQUENCE of extensions in the given order; FALSE criticality is the default and left out."""
    return der.sequence(
        *(
            der.sequence(der.oid(e.oid), der.TRUE if e.critical else b"", der.octet_string(e.value))
            for e in extensions
        )
    )


def decode(value: bytes) -> tuple[Extension, ...]:
    """Extensions of a SEQUENCE, in order; raises `DERError`, also for an identifier that occurs twice."""
    found: dict[str, Extension] = {}
    fields = der.top(value)
    while fields:
        one = fields.enter()
        oid = one.oid()
        critical = one.boolean() if one.peek() == der.BOOLEAN else False
        if oid in found:
            raise der.DERError(f"extension {oid} occurs twice")
        found[oid] = Extension(oid, critical, one.content(der.OCTET_STRING))
    return tuple(found.values())


def encode_basic_constraints(*, is_ca: bool) -> bytes:
    """BasicConstraints without a path length."""
    return der.sequence(der.TRUE) if is_ca else der.EMPTY_SEQUENCE


def decode_basic_constraints(value: bytes) -> bool:
    """The CA flag; the path length is read and dropped. Raises `DERError`."""
    fields = der.top(value)
    is_ca = fields.boolean() if fields.peek() == der.BOOLEAN else False
    if fields:
        fields.integer()
    return is_ca


def key_id(spki: bytes) -> bytes:
    """Subject key identifier: the first 20 bytes of SHA-256 over the public key bits (RFC 7093 section
    2, method 1).
    """
    fields = der.top(spki)
    fields.enter()
    return sha256(fields.bit_string()).digest()[:_KEY_ID_BYTES]


def encode_subject_key_id(identifier: bytes) -> bytes:
    """SubjectKeyIdentifier."""
    return der.octet_string(identifier)


def decode_subject_key_id(value: bytes) -> bytes:
    """The identifier; raises `DERError`."""
    return der.Reader(value).content(der.OCTET_STRING)


def encode_authority_key_id(identifier: bytes) -> bytes:
    """AuthorityKeyIdentifier with a key identifier only."""
    return der.sequence(der.context(0, identifier))


def encode_authority_info(ocsp: Iterable[str], issuers: Iterable[str]) -> bytes:
    """AuthorityInfoAccess: OCSP servers, then URLs of the issuer's certificate."""
    entries = [der.sequence(_OCSP, der.tlv(_URI, url.encode())) for url in ocsp]
    entries += [der.sequence(_CA_ISSUERS, der.tlv(_URI, url.encode())) for url in issuers]
    return der.sequence(*entries)


def encode_crl_points(urls: Iterable[str]) -> bytes:
    """CRLDistributionPoints: one point for each URL."""
    points = []
    for url in urls:
        full_name = der.context(0, der.tlv(_URI, url.encode()), constructed=True)
        points.append(der.sequence(der.context(0, full_name, constructed=True)))
    return der.sequence(*points)


# --- name constraints -----------------------------------------------------------------------------


def spec_name_constraints(spec: SpecNameConstraints) -> bytes | None:
    """Value for spec.nameConstraints, or None if it names nothing.

    Raises `TemplateError` for a bad CIDR or text.
    """
    try:
        constraints = Constraints(_subtrees(spec.permitted), _subtrees(spec.excluded))
    except ValueError as error:
        raise TemplateError(f"cannot encode the name constraints: {error}") from error
    if constraints.permitted == constraints.excluded == _NO_SUBTREES:
        return None
    return encode_name_constraints(constraints)


def _subtrees(item: object) -> Subtrees:
    def ascii_values(field: str) -> tuple[bytes, ...]:
        return tuple(text.encode("ascii") for text in getattr(item, field, None) or ())

    ranges = []
    for cidr in getattr(item, "ip_ranges", None) or ():
        if "/" not in cidr or not cidr.rpartition("/")[2].isdigit():
            raise ValueError(f"{cidr!r} is not a CIDR range")
        network = ip_network(cidr, strict=False)
        ranges.append(network.network_address.packed + network.netmask.packed)
    return (
        ascii_values("dns_domains"),
        tuple(ranges),
        ascii_values("email_addresses"),
        ascii_values("uri_domains"),
    )


def encode_name_constraints(constraints: Constraints) -> bytes:
    """NameConstraints: permitted [0], excluded [1], each in the order DNS, IP, email, URI."""
    parts = []
    for number, subtrees in enumerate((constraints.permitted, constraints.excluded)):
        bases = [
            der.sequence(der.tlv(tag, value))
            for tag, values in zip((_DNS, _IP, _EMAIL, _URI), subtrees, strict=True)
            for value in values
        ]
        if bases:
            parts.append(der.context(number, b"".join(bases), constructed=True))
    return der.sequence(*parts)


def decode_name_constraints(value: bytes) -> Constraints:
    """Subtrees of the four kinds; raises `DERError` for other kinds, bad masks and an empty extension."""
    fields = der.top(value)
    permitted, excluded = fields.optional(0xA0), fields.optional(0xA1)
    fields.finish()
    if not permitted and not excluded:
        raise der.DERError("the name constraints are empty")
    return Constraints(_read_subtrees(permitted or b""), _read_subtrees(excluded or b""))


def _read_subtrees(content: bytes) -> Subtrees:
    found: dict[int, list[bytes]] = {_DNS: [], _IP: [], _EMAIL: [], _URI: []}
    fields = der.Reader(content)
    while fields:
        tag, value = fields.enter().any()
        if tag not in found:
            raise der.DERError("a kind of name constraint is not supported")
        if tag == _IP:
            value = _masked(value)
        elif not value.isascii():
            raise der.DERError("a name constraint is not ASCII")
        found[tag].append(value)
    return tuple(found[_DNS]), tuple(found[_IP]), tuple(found[_EMAIL]), tuple(found[_URI])


def _masked(value: bytes) -> bytes:
    half = len(value) // 2
    mask = int.from_bytes(value[half:], "big")
    inverse = ~mask & ((1 << 8 * half) - 1)
    if len(value) not in _IP_CONSTRAINT_SIZES or inverse & (inverse + 1):
        raise der.DERError("malformed IP range in the name constraints")
    address = int.from_bytes(value[:half], "big") & mask
    return address.to_bytes(half, "big") + value[half:]
