"""Writes Java keystores of the old kind (JKS, version 2); reads none.

Sun never specified it: entries with big-endian lengths, a key encrypted by XOR with a chain of SHA-1 sums,
and a SHA-1 sum over password and content at the end. It is as weak as it sounds; old software asks for it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from msgspec import Struct

from certwright.pki import der
from certwright.pki.errors import KeystoreError
from certwright.pki.pbe import Random, utf16
from certwright.pki.x509 import X509

DEFAULT_ALIAS = "certificate"

_MAGIC = 0xFEEDFEED
_VERSION = 2
_KEY_ENTRY = 1
_TRUSTED_ENTRY = 2
_CERTIFICATE_TYPE = "X509"  # Java writes X.509 and reads both
_KEY_PROTECTOR = der.sequence(der.oid("1.3.6.1.4.1.42.2.17.1.1"), b"\x05\x00")
_WHITENER = b"Mighty Aphrodite"
_DIGEST = 20
_MAX_TEXT = 0xFFFF
_SURROGATES = "surrogatepass"


class KeyEntry(Struct, frozen=True):
    """A private key (PKCS#8) and its chain, leaf first, under an alias; none means `certificate`."""

    alias: str
    key: bytes
    chain: Sequence[X509]

    def __repr__(self) -> str:
        return f"KeyEntry({self.alias!r}, ...)"


def write(
    key: KeyEntry | None,
    authorities: Iterable[X509],
    password: str,
    random: Random,
    milliseconds: Callable[[], int],
) -> bytes:
    """A keystore of a key, if there is one, and of trusted CA certificates under `ca`, `ca-1`, `ca-2`, ...

    Aliases are in lower case, as Java looks them up. A CA passes over the alias that the key has. For each
    entry the `milliseconds` since 1970 are asked for. Raises `KeystoreError` for an alias that is too long.
    """
    entries = []
    alias = ""
    if key is not None:
        alias = (key.alias or DEFAULT_ALIAS).lower()
        chain = [_certificate(each) for each in key.chain]
        time = _long(milliseconds())
        protected = _protected(key.key, utf16(password), random(_DIGEST))
        entries.append(
            _int(_KEY_ENTRY) + _text(alias) + time + _bytes(protected) + _int(len(chain)) + b"".join(chain)
        )
    free = (name for name in ("ca" if n == 0 else f"ca-{n}" for n in count()) if name != alias)
    entries += [
        _int(_TRUSTED_ENTRY) + _text(next(free)) + _long(milliseconds()) + _certificate(authority)
        for authority in authorities
    ]
    content = _int(_MAGIC) + _int(_VERSION) + _int(len(entries)) + b"".join(entries)
    return content + _sha1(utf16(password) + _WHITENER + content)


def _protected(key: bytes, password: bytes, salt: bytes) -> bytes:
    """EncryptedPrivateKeyInfo by Sun's key protector: salt, key XOR the chain of sums, sum of the key."""
    stream, link = b"", salt
    while len(stream) < len(key):
        link = _sha1(password + link)
        stream += link
    mixed = int.from_bytes(key, "big") ^ int.from_bytes(stream[: len(key)], "big")
    content = salt + mixed.to_bytes(len(key), "big") + _sha1(password + key)
    return der.sequence(_KEY_PROTECTOR, der.octet_string(content))


def _certificate(certificate: X509) -> bytes:
    return _text(_CERTIFICATE_TYPE) + _bytes(certificate.der)


def _text(text: str) -> bytes:
    """Java's modified UTF-8: a NUL has two bytes, a character outside the BMP is two surrogates of three."""
    units = utf16(text)
    characters = (chr(int.from_bytes(units[i : i + 2], "big")) for i in range(0, len(units), 2))
    encoded = b"".join(b"\xc0\x80" if c == "\0" else c.encode("utf-8", _SURROGATES) for c in characters)
    if len(encoded) > _MAX_TEXT:
        raise KeystoreError(f"an alias of a JKS keystore has at most {_MAX_TEXT} bytes, not {len(encoded)}")
    return len(encoded).to_bytes(2, "big") + encoded


def _bytes(content: bytes) -> bytes:
    return _int(len(content)) + content


def _int(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _long(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _sha1(content: bytes) -> bytes:
    return hashlib.sha1(content, usedforsecurity=False).digest()
