"""A small DER writer and reader (X.690); not a general ASN.1 library: no schemas, no tags above 30, no BER.

Exists because requests and certificates are compared byte for byte with those of other implementations, which
needs control over the order and the string types that a certificate builder hides, and over every raw slice.
"""

from datetime import UTC, datetime
from functools import lru_cache

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
UTF8_STRING = 0x0C
PRINTABLE_STRING = 0x13
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

TRUE = b"\x01\x01\xff"
"""BOOLEAN TRUE; FALSE is always a default here and so never written."""

EMPTY_SEQUENCE = b"\x30\x00"

_LONG_FORM = 0x80
_HIGH_TAG = 0x1F
_MAX_LENGTH_BYTES = 4


class DERError(ValueError):
    """The bytes are not DER, or not the element that was expected. Callers turn it into their own error."""


# --- writing --------------------------------------------------------------------------------------


def tlv(tag: int, content: bytes) -> bytes:
    """One element with a single-byte tag."""
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of already encoded parts."""
    return tlv(SEQUENCE, b"".join(parts))


def set_of(parts: list[bytes]) -> bytes:
    """SET OF, with the parts in the ascending order DER demands (X.690 11.6)."""
    return tlv(SET, b"".join(sorted(parts)))


def integer(value: int) -> bytes:
    """INTEGER, non-negative."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes, unused_bits: int = 0) -> bytes:
    """BIT STRING; `unused_bits` are the ignored low bits of the last byte."""
    return tlv(BIT_STRING, bytes((unused_bits,)) + content)


def context(number: int, content: bytes, *, constructed: bool = False) -> bytes:
    """A context-specific element: primitive, or constructed for explicit tags and implicit SEQUENCEs."""
    return tlv((0xA0 if constructed else 0x80) | number, content)


@lru_cache(maxsize=512)
def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from dotted decimal text; raises `DERError` if the text is not a valid identifier."""
    parts = dotted.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise DERError(f"{dotted!r} is not an object identifier")
    arcs = [int(part) for part in parts]
    if arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
        raise DERError(f"{dotted!r} is not an object identifier")
    return tlv(OID, b"".join(map(_base128, [arcs[0] * 40 + arcs[1], *arcs[2:]])))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | (value & 0x7F))
    return bytes(reversed(digits))


def time(moment: datetime) -> bytes:
    """UTCTime for 1950 to 2049, else GeneralizedTime, whole seconds, in UTC (RFC 5280 section 4.1.2.5)."""
    moment = moment.astimezone(UTC)
    # strftime is avoided: it is slow, and %Y does not pad years below 1000.
    tail = f"{moment.month:02}{moment.day:02}{moment.hour:02}{moment.minute:02}{moment.second:02}Z".encode()
    if 1950 <= moment.year < 2050:
        return tlv(UTC_TIME, b"%02d" % (moment.year % 100) + tail)
    return tlv(GENERALIZED_TIME, b"%04d" % moment.year + tail)


# --- reading --------------------------------------------------------------------------------------


def header(data: bytes, position: int) -> tuple[int, int, int]:
    """Tag, and start and end of the content, of the element at `position`; raises `DERError`."""
    try:
        tag = data[position]
        size = data[position + 1]
    except IndexError:
        raise DERError("truncated element") from None
    start = position + 2
    if size >= _LONG_FORM:
        count = size & 0x7F
        start += count
        size = int.from_bytes(data[position + 2 : start], "big")
        if not 0 < count <= _MAX_LENGTH_BYTES or size < _LONG_FORM or size < 1 << 8 * (count - 1):
            raise DERError("length is not in the shortest form")
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise DERError("tag numbers above 30 are not supported")
    end = start + size
    if end > len(data):
        raise DERError("truncated element")
    return tag, start, end


class Reader:
    """A cursor over the elements of one constructed value.

    Every method raises `DERError` on anything unexpected.
    """

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = start
        self.end = len(data) if end is None else end

    def __bool__(self) -> bool:
        return self.position < self.end

    def peek(self) -> int:
        """Tag of the next element, or -1 at the end."""
        return self.data[self.position] if self.position < self.end else -1

    def _next(self) -> tuple[int, int, int]:
        if self.position >= self.end:
            raise DERError("an element is missing")
        tag, start, end = header(self.data, self.position)
        if end > self.end:
            raise DERError("an element runs over the end of its parent")
        self.position = end
        return tag, start, end

    def any(self) -> tuple[int, bytes]:
        """Tag and content of the next element."""
        tag, start, end = self._next()
        return tag, self.data[start:end]

    def content(self, tag: int) -> bytes:
        """Content of the next element, which must have this tag."""
        found, start, end = self._next()
        if found != tag:
            raise DERError(f"tag {tag:#04x} expected, {found:#04x} found")
        return self.data[start:end]

    def element(self, tag: int) -> bytes:
        """The next element as it stands, tag and length included; it must have this tag."""
        before = self.position
        found, _, end = self._next()
        if found != tag:
            raise DERError(f"tag {tag:#04x} expected, {found:#04x} found")
        return self.data[before:end]

    def enter(self, tag: int = SEQUENCE) -> "Reader":
        """A reader over the content of the next element, which must have this tag."""
        found, start, end = self._next()
        if found != tag:
            raise DERError(f"tag {tag:#04x} expected, {found:#04x} found")
        return Reader(self.data, start, end)

    def optional(self, tag: int) -> bytes | None:
        """Content of the next element if it has this tag, else None and nothing is consumed."""
        return self.content(tag) if self.peek() == tag else None

    def integer(self) -> int:
        """INTEGER in its shortest form."""
        return _integer(self.content(INTEGER))

    def bit_string(self) -> bytes:
        """Content of a BIT STRING of whole bytes."""
        content = self.content(BIT_STRING)
        if not content or content[0] != 0:
            raise DERError("a BIT STRING of whole bytes is expected")
        return content[1:]

    def boolean(self) -> bool:
        """BOOLEAN, encoded as DER wants it."""
        content = self.content(BOOLEAN)
        if content not in (b"\x00", b"\xff"):
            raise DERError("a BOOLEAN must be 00 or FF")
        return content == b"\xff"

    def oid(self) -> str:
        """OBJECT IDENTIFIER in dotted decimal text."""
        return oid_text(self.content(OID))

    def time(self) -> datetime:
        """UTCTime or GeneralizedTime in the forms RFC 5280 section 4.1.2.5 allows, as an aware UTC
        datetime.
        """
        tag, content = self.any()
        return _time(tag, content)

    def finish(self) -> None:
        """Raises unless everything was read."""
        if self.position < self.end:
            raise DERError("trailing bytes")


def _integer(content: bytes) -> int:
    if not content:
        raise DERError("empty INTEGER")
    if len(content) > 1 and (
        (content[0] == 0 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80)
    ):
        raise DERError("INTEGER is not in the shortest form")
    return int.from_bytes(content, "big", signed=True)


@lru_cache(maxsize=512)
def oid_text(content: bytes) -> str:
    """Dotted decimal text of the content of an OBJECT IDENTIFIER; raises `DERError`."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DERError("malformed OBJECT IDENTIFIER")
    arcs: list[int] = []
    value = 0
    fresh = True
    for byte in content:
        if fresh and byte == 0x80:
            raise DERError("OBJECT IDENTIFIER is not in the shortest form")
        value = value << 7 | (byte & 0x7F)
        fresh = not byte & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def _time(tag: int, content: bytes) -> datetime:
    text = content[:-1]
    width = {UTC_TIME: 12, GENERALIZED_TIME: 14}.get(tag)
    if width is None or content[-1:] != b"Z" or len(text) != width or not text.isdigit():
        raise DERError("malformed time")
    year = int(text[:-10])
    if tag == UTC_TIME:
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute, second = (int(text[i : i + 2]) for i in range(width - 10, width, 2))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise DERError("malformed time") from None


def top(data: bytes, tag: int = SEQUENCE) -> Reader:
    """A reader into the one element that `data` consists of."""
    outer = Reader(data)
    inner = outer.enter(tag)
    outer.finish()
    return inner
