"""Subjects and alternative names of a Certificate spec as DER, and distinguished names read back; not
SAN syntax.

The bytes matter: a literalSubject is compared with the subject of a request as DER, so the order of the
RDNs and the string type of every value follow what cert-manager's Go libraries write.
"""

from msgspec import Struct

from certwright.api.certmanager import CertificateSpec
from certwright.pki import der, san
from certwright.pki.der import DERError
from certwright.pki.errors import SubjectError
from certwright.pki.rfc4514 import Attribute, parse_literal_subject

__all__ = [
    "Attribute",
    "Subject",
    "common_name",
    "encode_rdns",
    "parse_literal_subject",
    "parse_subject",
    "san_extension",
    "subject_der",
    "subject_to_rfc4514",
]

_COUNTRY = "2.5.4.6"
_ORGANIZATION = "2.5.4.10"
_UNIT = "2.5.4.11"
_COMMON_NAME = "2.5.4.3"
_SERIAL_NUMBER = "2.5.4.5"
_LOCALITY = "2.5.4.7"
_PROVINCE = "2.5.4.8"
_STREET = "2.5.4.9"
_POSTAL_CODE = "2.5.4.17"

_SHORT_NAMES = {
    _COUNTRY: "C",
    _ORGANIZATION: "O",
    _UNIT: "OU",
    _COMMON_NAME: "CN",
    _SERIAL_NUMBER: "SERIALNUMBER",
    _LOCALITY: "L",
    _PROVINCE: "ST",
    _STREET: "STREET",
    _POSTAL_CODE: "POSTALCODE",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}

_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
# Certificates in the wild carry these two in PrintableStrings, so reading allows them; writing does not.
_READ_AS_PRINTABLE = _PRINTABLE | {"*", "&"}
_NUMERIC = frozenset("0123456789 ")

_T61_STRING, _IA5_STRING, _BMP_STRING, _NUMERIC_STRING = 0x14, 0x16, 0x1E, 0x12


class Subject(Struct, frozen=True, gc=False):
    """The attributes of a distinguished name that the API knows, each kind in the order of the DER.

    Of several common names or serial numbers the last one counts, as in Go.
    """

    common_name: str = ""
    serial_number: str = ""
    countries: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    localities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    street_addresses: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()


# --- writing --------------------------------------------------------------------------------------


def subject_der(spec: CertificateSpec) -> bytes:
    """The subject that spec.literalSubject, or else spec.subject and spec.commonName, ask for.

    Raises `SubjectError`.

    From fields: C, ST, L, STREET, postalCode, O, OU, CN, serialNumber; several values of one field share
    one RDN.
    """
    if spec.literal_subject:
        return encode_rdns(parse_literal_subject(spec.literal_subject))
    fields = spec.subject
    rdns: list[list[Attribute]] = []
    if fields is not None:
        for oid, values in (
            (_COUNTRY, fields.countries),
            (_PROVINCE, fields.provinces),
            (_LOCALITY, fields.localities),
            (_STREET, fields.street_addresses),
            (_POSTAL_CODE, fields.postal_codes),
            (_ORGANIZATION, fields.organizations),
            (_UNIT, fields.organizational_units),
        ):
            if values:
                rdns.append([Attribute(oid, value) for value in values])
    if spec.common_name:
        rdns.append([Attribute(_COMMON_NAME, spec.common_name)])
    if fields is not None and fields.serial_number:
        rdns.append([Attribute(_SERIAL_NUMBER, fields.serial_number)])
    return encode_rdns(rdns)


def encode_rdns(rdns: list[list[Attribute]]) -> bytes:
    """RDNSequence of RDNs in DER order.

    Raises `SubjectError` for an attribute type that is not an identifier.
    """
    try:
        return der.sequence(
            *(der.set_of([_encode_attribute(attribute) for attribute in rdn]) for rdn in rdns)
        )
    except (DERError, UnicodeEncodeError) as error:
        raise SubjectError(f"cannot encode the subject: {error}") from error


def _encode_attribute(attribute: Attribute) -> bytes:
    tag = der.PRINTABLE_STRING if _PRINTABLE.issuperset(attribute.value) else der.UTF8_STRING
    return der.sequence(der.oid(attribute.oid), der.tlv(tag, attribute.value.encode()))


def san_extension(spec: CertificateSpec) -> bytes | None:
    """Value of the SAN extension for dnsNames, emailAddresses, ipAddresses, uris and otherNames.

    None without any.

    Raises `SubjectError` for an address that cannot be parsed and for text that must be ASCII and is not.
    """
    try:
        names = san.AlternativeNames(
            tuple(spec.dns_names or ()),
            tuple(san.pack_ip(address) for address in spec.ip_addresses or ()),
            tuple(spec.uris or ()),
            tuple(spec.email_addresses or ()),
            tuple(
                san.OtherName(other.oid, _other_value(other.utf8_value)) for other in spec.other_names or ()
            ),
        )
        return None if names == san.NO_NAMES else san.encode(names)
    except ValueError as error:
        raise SubjectError(f"cannot encode the alternative names: {error}") from error


def _other_value(text: str) -> str:
    if not text:
        raise SubjectError("the utf8Value of an otherName is empty")
    return text


# --- reading --------------------------------------------------------------------------------------


def read_rdns(name: bytes) -> list[list[Attribute]]:
    """RDNs of an RDNSequence in DER order; raises `DERError` for structure and string types Go refuses."""
    rdns = []
    sequence = der.top(name)
    while sequence:
        rdn = []
        attributes = sequence.enter(der.SET)
        while attributes:
            pair = attributes.enter()
            rdn.append(Attribute(pair.oid(), _text(*pair.any())))
            # What follows the value in the SEQUENCE is ignored, as in Go.
        rdns.append(rdn)
    return rdns


def _text(tag: int, content: bytes) -> str:
    if tag == der.UTF8_STRING:
        return content.decode()
    if tag == _T61_STRING:
        return content.decode("latin-1")
    if tag == _BMP_STRING:
        return _bmp_text(content)
    allowed = {der.PRINTABLE_STRING: _READ_AS_PRINTABLE, _NUMERIC_STRING: _NUMERIC, _IA5_STRING: None}.get(
        tag, ()
    )
    text = content.decode("ascii")
    if allowed is not None and not frozenset(allowed).issuperset(text):
        raise DERError("a value of the name has a string type or a character that is not supported")
    return text


def _bmp_text(content: bytes) -> str:
    text = content.removesuffix(b"\0\0").decode("utf-16-be") if len(content) % 2 == 0 else None
    if text is None or any(ord(char) >= 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF for char in text):
        raise DERError("malformed BMPString")
    return text


def parse_subject(name: bytes) -> Subject:
    """The known attributes of an RDNSequence; raises `DERError` if it is malformed."""
    found: dict[str, list[str]] = {}
    for rdn in read_rdns(name):
        for attribute in rdn:
            found.setdefault(attribute.oid, []).append(attribute.value)
    if not found:
        return Subject()

    def values(oid: str) -> tuple[str, ...]:
        return tuple(found.get(oid, ()))

    return Subject(
        (found.get(_COMMON_NAME) or [""])[-1],
        (found.get(_SERIAL_NUMBER) or [""])[-1],
        values(_COUNTRY),
        values(_ORGANIZATION),
        values(_UNIT),
        values(_LOCALITY),
        values(_PROVINCE),
        values(_STREET),
        values(_POSTAL_CODE),
    )


def common_name(name: bytes) -> str:
    """The common name that counts in a DER name (the last one), or ""; raises `SubjectError`."""
    try:
        return parse_subject(name).common_name
    except ValueError as error:
        raise SubjectError(f"malformed name: {error}") from error


def first_common_name(rdns: list[list[Attribute]]) -> str:
    """The first common name in DER order, or "": the one by which a literalSubject counts as having a
    name.
    """
    return next((a.value for rdn in rdns for a in rdn if a.oid == _COMMON_NAME), "")


def subject_to_rfc4514(name: bytes) -> str:
    """A DER name as text, last RDN first (RFC 4514), for messages and for showing; raises `SubjectError`."""
    try:
        rdns = read_rdns(name)
    except ValueError as error:
        raise SubjectError(f"malformed name: {error}") from error
    return ",".join("+".join(map(_pair_text, rdn)) for rdn in reversed(rdns))


def _pair_text(attribute: Attribute) -> str:
    value = "".join(
        f"\\{char}" if char in '"+,;<>\\' else f"\\{ord(char):02x}" if ord(char) < 0x20 else char
        for char in attribute.value
    )
    if value.endswith(" "):
        value = f"{value[:-1]}\\ "
    if value.startswith((" ", "#")):
        value = f"\\{value}"
    return f"{_SHORT_NAMES.get(attribute.oid, attribute.oid)}={value}"
