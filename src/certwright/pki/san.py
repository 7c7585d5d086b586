"""Subject alternative names: the GeneralNames of RFC 5280 section 4.2.1.6, in and out; not which ones
to ask for.
"""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from msgspec import Struct

from certwright.pki import der

_OTHER, _EMAIL, _DNS, _URI, _IP = 0xA0, 0x81, 0x82, 0x86, 0x87
_V4_BYTES, _V6_BYTES = 4, 16
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


class OtherName(Struct, frozen=True, gc=False):
    """An otherName: its type, and its text if the value is a UTF8String, else None."""

    oid: str
    utf8_value: str | None


class AlternativeNames(Struct, frozen=True, gc=False):
    """The names of one SAN extension by kind, each kind in the order of the certificate.

    Other kinds are dropped.

    `ip_addresses` are packed: 4 bytes for IPv4 (also where IPv6 carries a mapped IPv4 address), else 16.
    """

    dns: tuple[str, ...] = ()
    ips: tuple[bytes, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    others: tuple[OtherName, ...] = ()


NO_NAMES = AlternativeNames()


def pack_ip(text: str) -> bytes:
    """4 or 16 bytes of an address in text form, a mapped IPv4 address in 4; raises `ValueError`; no zones."""
    try:
        return IPv4Address(text).packed
    except AddressValueError:
        if "%" in text:
            raise ValueError("zones are not allowed") from None
        return shorten_ip(IPv6Address(text).packed)


def shorten_ip(packed: bytes) -> bytes:
    """An IPv4 address mapped into IPv6 in its 4 bytes; anything else as it is."""
    return packed[12:] if len(packed) == _V6_BYTES and packed.startswith(_MAPPED_PREFIX) else packed


def ip_text(packed: bytes) -> str:
    """Text form: dotted for 4 bytes, RFC 5952 for 16."""
    return str(IPv4Address(packed)) if len(packed) == _V4_BYTES else str(IPv6Address(packed))


def encode(names: AlternativeNames) -> bytes:
    """GeneralNames in the order DNS, email, IP, URI, otherName, and as given within a kind, duplicates kept.

    Raises `ValueError` (UnicodeEncodeError or `DERError`) for text that is not ASCII where it must be.
    """
    parts = [der.tlv(_DNS, name.encode("ascii")) for name in names.dns]
    parts += [der.tlv(_EMAIL, email.encode("ascii")) for email in names.emails]
    parts += [der.tlv(_IP, packed) for packed in names.ips]
    parts += [der.tlv(_URI, uri.encode("ascii")) for uri in names.uris]
    for other in names.others:
        value = der.tlv(der.UTF8_STRING, (other.utf8_value or "").encode())
        parts.append(der.tlv(_OTHER, der.oid(other.oid) + der.context(0, value, constructed=True)))
    return der.sequence(*parts)


def decode(value: bytes) -> AlternativeNames:
    """The names of a SAN extension value.

    Raises `DERError` (UnicodeDecodeError for text that is not ASCII).
    """
    dns, ips, uris, emails, others = [], [], [], [], []
    fields = der.top(value)
    while fields:
        tag, content = fields.any()
        if tag == _DNS:
            dns.append(content.decode("ascii"))
        elif tag == _IP:
            if len(content) not in (_V4_BYTES, _V6_BYTES):
                raise der.DERError("an IP address has 4 or 16 bytes")
            ips.append(shorten_ip(content))
        elif tag == _URI:
            uris.append(content.decode("ascii"))
        elif tag == _EMAIL:
            emails.append(content.decode("ascii"))
        elif tag == _OTHER:
            others.append(_other(content))
    return AlternativeNames(tuple(dns), tuple(ips), tuple(uris), tuple(emails), tuple(others))


def _other(content: bytes) -> OtherName:
    """An otherName; without text, or even type, if it cannot be read: that alone spoils no certificate."""
    oid = ""
    try:
        fields = der.Reader(content)
        oid = fields.oid()
        tag, value = der.Reader(fields.content(0xA0)).any()
        return OtherName(oid, value.decode() if tag == der.UTF8_STRING else None)
    except ValueError:
        return OtherName(oid, None)
