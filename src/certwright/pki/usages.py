"""Usage names of the Certificate API and the KeyUsage bits and ExtKeyUsage identifiers they stand for,
both ways.

Not a policy: which usages make sense for whom is decided elsewhere.
"""

from collections.abc import Iterable
from typing import Final

from certwright.pki import der, keystructures
from certwright.pki.errors import TemplateError

DEFAULT_USAGES: Final = ("digital signature", "key encipherment")
DEFAULT_USAGES_ML_DSA: Final = ("digital signature",)
"""ML-DSA keys encipher nothing, and their certificates must not say so (RFC 9881 section 5)."""

KEY_USAGES: Final = {
    "digital signature": 0,
    "signing": 0,
    "content commitment": 1,
    "key encipherment": 2,
    "data encipherment": 3,
    "key agreement": 4,
    "cert sign": 5,
    "crl sign": 6,
    "encipher only": 7,
    "decipher only": 8,
}
"""Usage name: number of the bit (RFC 5280 section 4.2.1.3)."""

EXTENDED_KEY_USAGES: Final = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}
"""Usage name: identifier (RFC 5280 section 4.2.1.12 and vendors')."""

CERT_SIGN: Final = 1 << KEY_USAGES["cert sign"]

_UNNAMED_BUT_KNOWN = frozenset({"1.3.6.1.4.1.311.2.1.22", "1.3.6.1.4.1.311.61.1.1"})
_BYTE_BITS = 8


def _first_names(table: dict[str, int] | dict[str, str]) -> dict[int | str, str]:
    names: dict[int | str, str] = {}
    for name, value in table.items():
        names.setdefault(value, name)
    return names


_KEY_USAGE_NAMES = _first_names(KEY_USAGES)
_EXTENDED_NAMES = _first_names(EXTENDED_KEY_USAGES)


def resolve(usages: Iterable[str] | None, *, is_ca: bool, algorithm: str = "") -> tuple[int, tuple[str, ...]]:
    """KeyUsage bits (bit n is `1 << n`) and ExtKeyUsage identifiers for spec.usages and spec.isCA.

    None or empty means the defaults of the key's `algorithm`. Identifiers keep the order of the spec,
    duplicates included. Raises `TemplateError` for unknown names.
    """
    defaults = DEFAULT_USAGES_ML_DSA if algorithm in keystructures.ML_DSA_OIDS else DEFAULT_USAGES
    names = list(usages or ()) or list(defaults)
    bits = CERT_SIGN if is_ca else 0
    extended: list[str] = []
    unknown: list[str] = []
    for name in names:
        if name in KEY_USAGES:
            bits |= 1 << KEY_USAGES[name]
        elif name in EXTENDED_KEY_USAGES:
            extended.append(EXTENDED_KEY_USAGES[name])
        else:
            unknown.append(name)
    if unknown:
        raise TemplateError(f"unknown usages: {', '.join(map(repr, unknown))}")
    return bits, tuple(extended)


def describe(bits: int, extended: Iterable[str] = ()) -> list[str]:
    """Usage names for KeyUsage bits and ExtKeyUsage identifiers.

    An identifier without a name stands for itself.
    """
    names = [name for bit, name in _KEY_USAGE_NAMES.items() if isinstance(bit, int) and bits >> bit & 1]
    return names + [_EXTENDED_NAMES.get(identifier, identifier) for identifier in extended]


def is_comparable(identifier: str) -> bool:
    """Whether an ExtKeyUsage identifier takes part in comparing a request with what was asked for.

    Two Microsoft identifiers do so although the API has no names for them: a request with one never matches.
    """
    return identifier in _EXTENDED_NAMES or identifier in _UNNAMED_BUT_KNOWN


def encode_key_usage(bits: int) -> bytes:
    """KeyUsage: a named BIT STRING without trailing zero bits (X.690 11.2.2)."""
    content = bytearray((bits.bit_length() + _BYTE_BITS - 1) // _BYTE_BITS)
    for bit in range(bits.bit_length()):
        if bits >> bit & 1:
            content[bit // _BYTE_BITS] |= 0x80 >> bit % _BYTE_BITS
    return der.bit_string(bytes(content), -bits.bit_length() % _BYTE_BITS)


def decode_key_usage(value: bytes) -> int:
    """KeyUsage bits; bits above decipherOnly are dropped. Raises `DERError`."""
    outer = der.Reader(value)
    content = outer.content(der.BIT_STRING)
    outer.finish()
    if not content or content[0] >= _BYTE_BITS or (len(content) == 1 and content[0]):
        raise der.DERError("malformed BIT STRING")
    if content[1:] and content[-1] & ((1 << content[0]) - 1):
        raise der.DERError("ignored bits of a BIT STRING must be zero")
    bits = 0
    for bit in range(min(9, _BYTE_BITS * (len(content) - 1))):
        if content[1 + bit // _BYTE_BITS] & (0x80 >> bit % _BYTE_BITS):
            bits |= 1 << bit
    return bits


def encode_extended(identifiers: Iterable[str]) -> bytes:
    """ExtKeyUsage: a SEQUENCE of identifiers in the given order."""
    return der.sequence(*map(der.oid, identifiers))


def decode_extended(value: bytes) -> tuple[str, ...]:
    """Identifiers of an ExtKeyUsage, in order. Raises `DERError`."""
    fields = der.top(value)
    identifiers = []
    while fields:
        identifiers.append(fields.oid())
    return tuple(identifiers)
