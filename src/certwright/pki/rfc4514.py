"""Parser of spec.literalSubject: RFC 4514 text as go-ldap reads it; not the encoding of the result.

Every looseness and strictness here decides the bytes of a subject, and with them whether an existing
certificate is reissued: attribute keywords are case-sensitive, `;` separates like `,`, text order is the
reverse of DER order.
"""

from binascii import Error as HexError
from binascii import unhexlify

from msgspec import Struct

from certwright.pki.der import DERError, header
from certwright.pki.errors import SubjectError

_KEYWORDS = {
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
}

_ESCAPABLE = frozenset(' "#+,;<=>\\')
_MUST_BE_ESCAPED = frozenset('";<>\0')
_HEX = frozenset("0123456789abcdefABCDEF")


class Attribute(Struct, frozen=True, gc=False):
    """One attribute type (dotted identifier, or an unknown keyword as written) and its value."""

    oid: str
    value: str


def parse_literal_subject(text: str) -> list[list[Attribute]]:
    """RDNs in DER order (the reverse of the text); raises `SubjectError`.

    An unknown keyword is kept as it is and fails when it is encoded.
    """
    if not text.strip():
        return []
    rdns: list[list[Attribute]] = []
    rdn: list[Attribute] = []
    for keyword, value, ends_rdn in _split(text):
        rdn.append(Attribute(_KEYWORDS.get(keyword, keyword), _value(value)))
        if ends_rdn:
            rdns.append(rdn)
            rdn = []
    return rdns[::-1]


def _split(text: str) -> list[tuple[str, str, bool]]:
    """Keyword, raw value, and whether the RDN ends there, for each attribute."""
    pairs: list[tuple[str, str, bool]] = []
    keyword = ""
    start = 0
    escaping = False
    for position, char in enumerate(text):
        if escaping:
            escaping = False
        elif char == "\\":
            escaping = True
        elif char == "=" and not keyword:
            keyword = _unescape(text[start:position])
            start = position + 1
        elif char in ",;+":
            if not keyword:
                raise SubjectError(f"an attribute of the subject has no type: {text[start:position]!r}")
            pairs.append((keyword, text[start:position], char != "+"))
            keyword = ""
            start = position + 1
    if not keyword:
        raise SubjectError(f"an attribute of the subject has no type: {text[start:]!r}")
    pairs.append((keyword, text[start:], True))
    return pairs


def _value(raw: str) -> str:
    """An attribute value: `#` and the hexadecimal BER of one element, or escaped text."""
    if not raw.startswith("#"):
        return _unescape(raw)
    try:
        content = unhexlify(raw[1:])
        _, start, end = header(content, 0)
        if end != len(content):
            raise DERError("trailing bytes")
        return content[start:end].decode()
    except (HexError, ValueError) as error:
        raise SubjectError(f"{raw!r} is not the hexadecimal form of one encoded string") from error


def _unescape(raw: str) -> str:
    text = _strip(raw)
    result = bytearray()
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char != "\\":
            if char in _MUST_BE_ESCAPED:
                raise SubjectError(f"{char!r} must be escaped in a subject")
            result += char.encode("utf-8", "surrogatepass")
            continue
        escaped = text[position : position + 1]
        if escaped in _ESCAPABLE:
            result += escaped.encode()
            position += 1
            continue
        pair = text[position : position + 2]
        if len(pair) < 2 or not _HEX.issuperset(pair):
            raise SubjectError(f"bad escape in a subject: {raw!r}")
        result += bytes.fromhex(pair)
        position += 2
    try:
        return result.decode()
    except UnicodeDecodeError as error:
        raise SubjectError(f"not UTF-8 in a subject: {raw!r}") from error


def _strip(raw: str) -> str:
    """Without spaces at both ends, but with a last space that is escaped."""
    text = raw.strip(" ")
    backslashes = len(text) - len(text.rstrip("\\"))
    return f"{text} " if raw.endswith(" ") and backslashes % 2 else text
