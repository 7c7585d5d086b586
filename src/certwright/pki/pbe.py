"""What a password protects in PKCS#12 (RFC 7292, RFC 8018, RFC 9579): encryption and integrity, writing only.

Each function gives the algorithm identifier that goes into the file beside its result. Randomness comes from
the caller.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from msgspec import Struct

from certwright.pki import der, rc2

ITERATIONS = 2048

_KEY, _IV, _MAC = 1, 2, 3  # what a key is derived for (RFC 7292 appendix B.3)
_HASH_BLOCK = 64  # bytes, of SHA-1 and of SHA-256
_AES_KEY = 32
_AES_BLOCK = 16

_PBE_3DES = "1.2.840.113549.1.12.1.3"
_PBE_RC2_40 = "1.2.840.113549.1.12.1.6"
_PBKDF2 = "1.2.840.113549.1.5.12"
_PBES2 = "1.2.840.113549.1.5.13"
_PBMAC1 = "1.2.840.113549.1.5.14"
_HMAC_SHA256 = der.sequence(der.oid("1.2.840.113549.2.9"))
_AES256_CBC = "2.16.840.1.101.3.4.1.42"
_HASHES: dict[str, Callable[..., "hashlib._Hash"]] = {
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "sha256": hashlib.sha256,
}
_DIGESTS = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}

Random = Callable[[int], bytes]
"""Gives that many random bytes."""


class Encrypted(Struct, frozen=True):
    """The algorithm identifier (DER) and the ciphertext."""

    algorithm: bytes
    content: bytes


Encrypt = Callable[[bytes, str, Random], Encrypted]
"""Encrypts bytes with a password."""


def utf16(password: str) -> bytes:
    """The password as PKCS#12 and JKS take it; characters outside the BMP are two, as in Java and OpenSSL."""
    return password.encode("utf-16-be")


def derive(digest: str, purpose: int, password: str, salt: bytes, iterations: int, size: int) -> bytes:
    """`size` bytes of key material from a password (RFC 7292 appendix B.2)."""
    block = _filled(salt) + _filled(utf16(password) + b"\0\0")
    diversifier = bytes((purpose,)) * _HASH_BLOCK
    hashed = _HASHES[digest]
    derived = b""
    while True:
        part = diversifier + block
        for _ in range(iterations):
            part = hashed(part).digest()
        derived += part
        if len(derived) >= size:
            return derived[:size]
        step = int.from_bytes(_filled(part)[:_HASH_BLOCK], "big") + 1
        block = b"".join(
            ((int.from_bytes(block[i : i + _HASH_BLOCK], "big") + step) % (1 << 8 * _HASH_BLOCK)).to_bytes(
                _HASH_BLOCK, "big"
            )
            for i in range(0, len(block), _HASH_BLOCK)
        )


def triple_des(content: bytes, password: str, random: Random) -> Encrypted:
    """pbeWithSHAAnd3-KeyTripleDES-CBC."""

    def cipher(key: bytes, iv: bytes, padded: bytes) -> bytes:
        return _run(Cipher(TripleDES(key), modes.CBC(iv)), padded)

    return _pkcs12_pbe(_PBE_3DES, 24, cipher, content, password, random)


def rc2_40(content: bytes, password: str, random: Random) -> Encrypted:
    """pbeWithSHAAnd40BitRC2-CBC."""
    return _pkcs12_pbe(_PBE_RC2_40, 5, rc2.encrypt_cbc, content, password, random)


def aes_256(content: bytes, password: str, random: Random) -> Encrypted:
    """PBES2 with AES-256-CBC, its key by PBKDF2 with HMAC-SHA256."""
    salt, iv = random(_AES_BLOCK), random(_AES_BLOCK)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS, _AES_KEY)
    derivation = _pbkdf2(der.octet_string(salt), der.integer(ITERATIONS), _HMAC_SHA256)
    scheme = der.sequence(der.oid(_AES256_CBC), der.octet_string(iv))
    encrypted = _run(Cipher(algorithms.AES256(key), modes.CBC(iv)), _padded(content, _AES_BLOCK))
    return Encrypted(der.sequence(der.oid(_PBES2), der.sequence(derivation, scheme)), encrypted)


def mac(digest: str, iterations: int, salt_size: int) -> Callable[[bytes, str, Random], bytes]:
    """A writer of MacData by HMAC with a key derived as PKCS#12 always did ("sha1" or "sha256")."""

    def write(content: bytes, password: str, random: Random) -> bytes:
        salt = random(salt_size)
        key = derive(digest, _MAC, password, salt, iterations, _HASHES[digest]().digest_size)
        value = hmac.digest(key, content, digest)
        info = der.sequence(der.sequence(der.oid(_DIGESTS[digest])), der.octet_string(value))
        count = [der.integer(iterations)] if iterations != 1 else []  # 1 is the default, which DER omits
        return der.sequence(info, der.octet_string(salt), *count)

    return write


def pbmac1(content: bytes, password: str, random: Random) -> bytes:
    """MacData by PBMAC1 with HMAC-SHA256 (RFC 9579); its own salt and count stand in the algorithm."""
    salt = random(_AES_BLOCK)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS, _AES_KEY)
    value = hmac.digest(key, content, "sha256")
    derivation = _pbkdf2(der.octet_string(salt), der.integer(ITERATIONS), der.integer(_AES_KEY), _HMAC_SHA256)
    algorithm = der.sequence(der.oid(_PBMAC1), der.sequence(derivation, _HMAC_SHA256))
    info = der.sequence(algorithm, der.octet_string(value))
    return der.sequence(info, der.octet_string(b""), der.integer(0))


def _pkcs12_pbe(
    oid: str,
    key_size: int,
    cipher: Callable[[bytes, bytes, bytes], bytes],
    content: bytes,
    password: str,
    random: Random,
) -> Encrypted:
    """The schemes of RFC 7292 appendix C, all of them with SHA-1 and 8-byte blocks."""
    salt = random(rc2.BLOCK)
    key = derive("sha1", _KEY, password, salt, ITERATIONS, key_size)
    iv = derive("sha1", _IV, password, salt, ITERATIONS, rc2.BLOCK)
    parameters = der.sequence(der.octet_string(salt), der.integer(ITERATIONS))
    encrypted = cipher(key, iv, _padded(content, rc2.BLOCK))
    return Encrypted(der.sequence(der.oid(oid), parameters), encrypted)


def _pbkdf2(*parameters: bytes) -> bytes:
    return der.sequence(der.oid(_PBKDF2), der.sequence(*parameters))


def _filled(content: bytes) -> bytes:
    """Repeated to a whole number of hash blocks."""
    size = -(-len(content) // _HASH_BLOCK) * _HASH_BLOCK
    return (content * (size // len(content) + 1))[:size] if content else b""


def _padded(content: bytes, block: int) -> bytes:
    padder = PKCS7(block * 8).padder()
    return padder.update(content) + padder.finalize()


def _run(cipher: Cipher[modes.CBC], padded: bytes) -> bytes:
    encryptor = cipher.encryptor()
    return encryptor.update(padded) + encryptor.finalize()
