"""What can be seen of keystores whoever wrote them: entries, algorithms, counts and sizes of salts; no keys.

Made for comparing two writers, so it knows the formats by itself and uses none of the code that writes them.
"""

from typing import Any

from cryptography.hazmat.primitives.serialization import pkcs12

from certwright.pki import der

Observed = dict[str, Any]

_KEY_ENTRY = 1
_LONGEST_SHOWN = 32  # bytes: salts and sums are shorter, ciphertexts and certificates longer
_CONSTRUCTED = 0x20


def of_jks(store: bytes) -> Observed:
    """The entries of a JKS keystore by alias; needs no password. Raises ValueError if it is none."""
    if store[:8] != bytes.fromhex("feedfeed00000002"):
        raise ValueError("not a JKS keystore of version 2")
    cursor = _Cursor(store[8:-20])
    entries = {}
    for _ in range(cursor.number(4)):
        tag, alias = cursor.number(4), cursor.block(2).decode()
        cursor.number(8)  # the time
        if tag == _KEY_ENTRY:
            protected = _shape(der.Reader(cursor.block(4)))
            types = [_certificate_type(cursor) for _ in range(cursor.number(4))]
            entries[alias] = f"key {protected}, chain {' '.join(types)}"
        else:
            entries[alias] = f"trusted {_certificate_type(cursor)}"
    return entries


def of_pkcs12(store: bytes, password: str) -> Observed:
    """Algorithms of a PKCS#12 keystore, and with the password what is in it. Raises ValueError."""
    pfx = der.top(store)
    pfx.integer()
    safe = _data(pfx.enter())
    seen: Observed = {"mac": _shape(pfx.enter()), "safe": []}
    contents = der.top(safe)
    while contents:
        content = contents.element(der.SEQUENCE)
        inner = der.top(content)
        name = inner.oid()
        if name.endswith(".7.1"):  # data: bags that are encrypted themselves
            seen["safe"].append(f"{name} {_shape(der.Reader(_data(der.top(content))))}")
        else:
            seen["safe"].append(f"{name} {_shape(inner)}")
    if password:
        found = pkcs12.load_pkcs12(store, password.encode())
        inside = [each for each in (found.cert, *found.additional_certs) if each is not None]
        seen["key"] = found.key is not None
        seen["certificates"] = [
            {
                "subject": each.certificate.subject.rfc4514_string(),
                "friendlyName": (each.friendly_name or b"").decode(),
            }
            for each in inside
        ]
    return seen


class _Cursor:
    """Reads numbers and blocks with a length in front."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._content):
            raise ValueError("the keystore ends early")
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def block(self, size: int) -> bytes:
        return self.take(self.number(size))


def _certificate_type(cursor: _Cursor) -> str:
    name = cursor.block(2).decode()
    cursor.block(4)
    return name


def _data(content_info: der.Reader) -> bytes:
    """The octets of a ContentInfo of type data."""
    content_info.oid()
    return der.Reader(content_info.content(0xA0)).content(der.OCTET_STRING)


def _shape(reader: der.Reader) -> str:
    """Identifiers and numbers in order, and the sizes of short octet strings."""
    words = []
    while reader:
        tag = reader.peek()
        if tag & _CONSTRUCTED:
            words.append(_shape(reader.enter(tag)))
        elif tag == der.OID:
            words.append(reader.oid())
        elif tag == der.INTEGER:
            words.append(str(reader.integer()))
        else:
            _, content = reader.any()
            if tag == der.OCTET_STRING and len(content) <= _LONGEST_SHOWN:
                words.append(f"[{len(content)}]")
    return " ".join(filter(None, words))
