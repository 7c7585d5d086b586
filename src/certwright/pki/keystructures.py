"""The ASN.1 of private and public keys, read and written without loading them; not cryptography.

Loading an RSA private key makes OpenSSL prove that its factors are prime: 34 ms with the interpreter lock
held. Everything that is needed short of signing (sizes, the public half, another encoding) is plain
structure, so it is done here on the bytes, with the arithmetic relations between the numbers of an RSA key
checked on integers.
"""

from hashlib import shake_256
from typing import Final

from msgspec import Struct

from certwright.pki import der
from certwright.pki.der import DERError, Reader

RSA_OID: Final = "1.2.840.113549.1.1.1"
EC_OID: Final = "1.2.840.10045.2.1"
ED25519_OID: Final = "1.3.101.112"

ML_DSA_OIDS: Final = {
    "ML-DSA-44": "2.16.840.1.101.3.4.3.17",
    "ML-DSA-65": "2.16.840.1.101.3.4.3.18",
    "ML-DSA-87": "2.16.840.1.101.3.4.3.19",
}
"""Parameter sets of FIPS 204: identifiers of their keys and of their signatures (RFC 9881 section 2)."""

CURVE_SIZES: Final = {
    "1.3.132.0.33": 224,
    "1.2.840.10045.3.1.7": 256,
    "1.3.132.0.34": 384,
    "1.3.132.0.35": 521,
}
"""Named curves (RFC 5480 section 2.1.1.1) by identifier: size of the field in bits."""

CURVE_OIDS: Final = {size: name for name, size in CURVE_SIZES.items()}

_RSA_ALGORITHM = der.sequence(der.oid(RSA_OID), b"\x05\x00")
_ED25519_ALGORITHM = der.sequence(der.oid(ED25519_OID))
_MAX_EXPONENT_BITS = 31
_MIN_RSA_BITS = 1024
_ED25519_BYTES = 32
_ML_DSA_NAMES = {oid: name for name, oid in ML_DSA_OIDS.items()}
_ML_DSA_SEED_BYTES = 32
_ML_DSA_PUBLIC_BYTES = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}
_ML_DSA_EXPANDED_BYTES = {"ML-DSA-44": 2560, "ML-DSA-65": 4032, "ML-DSA-87": 4896}
_ML_DSA_DIMENSIONS = {"ML-DSA-44": b"\4\4", "ML-DSA-65": b"\6\5", "ML-DSA-87": b"\x08\7"}
_SEED = 0x80
_VERSION_0 = der.integer(0)
_VERSION_1 = der.integer(1)


class RSAPrivate(Struct, frozen=True, gc=False):
    """The numbers of an RSA key with two factors (RFC 8017 appendix A.1.2); they have been checked."""

    modulus: int
    public_exponent: int
    private_exponent: int
    prime1: int
    prime2: int
    exponent1: int
    exponent2: int
    coefficient: int

    def __repr__(self) -> str:
        return "RSAPrivate(...)"


class ECPrivate(Struct, frozen=True, gc=False):
    """The scalar of an elliptic curve key and its curve's identifier (RFC 5915)."""

    scalar: int
    curve: str

    def __repr__(self) -> str:
        return "ECPrivate(...)"


class Ed25519Private(Struct, frozen=True, gc=False):
    """The 32-byte seed of an Ed25519 key (RFC 8410 section 7)."""

    seed: bytes

    def __repr__(self) -> str:
        return "Ed25519Private(...)"


class MLDSAPrivate(Struct, frozen=True, gc=False):
    """The 32-byte seed of an ML-DSA key and its parameter set, such as "ML-DSA-65" (RFC 9881 section 6)."""

    seed: bytes
    algorithm: str

    def __repr__(self) -> str:
        return "MLDSAPrivate(...)"


PrivateNumbers = RSAPrivate | ECPrivate | Ed25519Private | MLDSAPrivate


def read_pkcs1(content: bytes) -> RSAPrivate:
    """RSAPrivateKey; raises `DERError` if malformed or if the numbers do not belong together."""
    fields = der.top(content)
    if fields.integer() != 0:
        raise DERError("RSA keys with more than two factors are not supported")
    key = RSAPrivate(*(fields.integer() for _ in range(8)))
    fields.finish()
    _check_rsa(key)
    return key


def _check_rsa(key: RSAPrivate) -> None:
    """The relations OpenSSL relies on when it is told to skip validation. Primality is not one of them."""
    p, q, d = key.prime1, key.prime2, key.private_exponent
    p1, q1 = p - 1, q - 1
    consistent = (
        min(p1, q1, d, key.coefficient) > 0
        and p * q == key.modulus
        and key.public_exponent % 2 == 1
        and 1 < key.public_exponent < 1 << _MAX_EXPONENT_BITS
        and key.modulus % 2 == 1
        and key.modulus.bit_length() >= _MIN_RSA_BITS
        and d < key.modulus
        and d * key.public_exponent % p1 == 1
        and d * key.public_exponent % q1 == 1
        and d % p1 == key.exponent1
        and d % q1 == key.exponent2
        and key.coefficient < p
        and key.coefficient * q % p == 1
    )
    if not consistent:
        raise DERError("the numbers of the RSA key are inconsistent")


def read_sec1(content: bytes, curve: str | None = None) -> ECPrivate:
    """ECPrivateKey; `curve` is that of the enclosing PKCS#8. A public half in it is ignored: it follows."""
    fields = der.top(content)
    if fields.integer() != 1:
        raise DERError("unknown version of an EC private key")
    scalar = int.from_bytes(fields.content(der.OCTET_STRING), "big")
    named = fields.optional(0xA0)
    if curve is None and named is not None:
        curve = Reader(named).oid()
    if curve not in CURVE_SIZES:
        raise DERError("the curve is missing or not supported")
    return ECPrivate(scalar, curve)


def read_pkcs8(content: bytes) -> PrivateNumbers:
    """PrivateKeyInfo (RFC 5208, RFC 5958) of a supported algorithm; attributes are ignored."""
    fields = der.top(content)
    fields.integer()
    algorithm = fields.enter()
    name = algorithm.oid()
    inner = fields.content(der.OCTET_STRING)
    if name == RSA_OID:
        return read_pkcs1(inner)
    if name == EC_OID:
        return read_sec1(inner, algorithm.oid())
    if name == ED25519_OID:
        seed = der.Reader(inner).content(der.OCTET_STRING)
        if len(seed) != _ED25519_BYTES:
            raise DERError("an Ed25519 key has 32 bytes")
        return Ed25519Private(seed)
    if name in _ML_DSA_NAMES:
        return _read_ml_dsa(inner, _ML_DSA_NAMES[name])
    raise DERError(f"private keys of algorithm {name} are not supported")


def _read_ml_dsa(content: bytes, algorithm: str) -> MLDSAPrivate:
    """ML-DSA-PrivateKey (RFC 9881 section 6) of the forms with a seed: `seed` and `both`."""
    fields = der.Reader(content)
    if fields.peek() == der.OCTET_STRING:
        raise DERError(f"an {algorithm} key in expanded form is not supported: store it with its seed")
    if fields.peek() == der.SEQUENCE:
        both = fields.enter()
        seed, expanded = both.content(der.OCTET_STRING), both.content(der.OCTET_STRING)
        both.finish()
        _check_expanded(seed, expanded, algorithm)
    else:
        seed = fields.content(_SEED)
    fields.finish()
    if len(seed) != _ML_DSA_SEED_BYTES:
        raise DERError(f"the seed of an {algorithm} key has {_ML_DSA_SEED_BYTES} bytes")
    return MLDSAPrivate(seed, algorithm)


def _check_expanded(seed: bytes, expanded: bytes, algorithm: str) -> None:
    """The expanded key begins with two values hashed from the seed (FIPS 204 algorithm 6, lines 1 and 10).

    Its remainder is not used and so not looked at.
    """
    hashed = shake_256(seed + _ML_DSA_DIMENSIONS[algorithm]).digest(128)
    if len(expanded) != _ML_DSA_EXPANDED_BYTES[algorithm] or expanded[:64] != hashed[:32] + hashed[96:]:
        raise DERError(f"seed and expanded form of the {algorithm} key differ")


def write_pkcs1(key: RSAPrivate) -> bytes:
    """RSAPrivateKey."""
    numbers = (
        key.modulus,
        key.public_exponent,
        key.private_exponent,
        key.prime1,
        key.prime2,
        key.exponent1,
        key.exponent2,
        key.coefficient,
    )
    return der.sequence(_VERSION_0, *map(der.integer, numbers))


def write_sec1(key: ECPrivate, point: bytes, *, with_curve: bool) -> bytes:
    """ECPrivateKey with the uncompressed public point; the curve is left out inside PKCS#8."""
    size = (CURVE_SIZES[key.curve] + 7) // 8
    parts = [_VERSION_1, der.octet_string(key.scalar.to_bytes(size, "big"))]
    if with_curve:
        parts.append(der.context(0, der.oid(key.curve), constructed=True))
    parts.append(der.context(1, der.bit_string(point), constructed=True))
    return der.sequence(*parts)


def write_pkcs8(key: PrivateNumbers, point: bytes) -> bytes:
    """PrivateKeyInfo, version 0, no attributes; `point` is the public point of an EC key."""
    if isinstance(key, RSAPrivate):
        algorithm, inner = _RSA_ALGORITHM, write_pkcs1(key)
    elif isinstance(key, ECPrivate):
        algorithm = der.sequence(der.oid(EC_OID), der.oid(key.curve))
        inner = write_sec1(key, point, with_curve=False)
    elif isinstance(key, MLDSAPrivate):
        algorithm = der.sequence(der.oid(ML_DSA_OIDS[key.algorithm]))
        inner = der.tlv(_SEED, key.seed)
    else:
        algorithm, inner = _ED25519_ALGORITHM, der.octet_string(key.seed)
    return der.sequence(_VERSION_0, algorithm, der.octet_string(inner))


def write_rsa_public(modulus: int, exponent: int) -> bytes:
    """SubjectPublicKeyInfo of an RSA key (RFC 3279 section 2.3.1)."""
    numbers = der.sequence(der.integer(modulus), der.integer(exponent))
    return der.sequence(_RSA_ALGORITHM, der.bit_string(numbers))


def write_ec_public(curve: str, point: bytes) -> bytes:
    """SubjectPublicKeyInfo of a key on a named curve (RFC 5480 section 2.1)."""
    return der.sequence(der.sequence(der.oid(EC_OID), der.oid(curve)), der.bit_string(point))


def write_ed25519_public(key: bytes) -> bytes:
    """SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 section 4)."""
    return der.sequence(_ED25519_ALGORITHM, der.bit_string(key))


def write_ml_dsa_public(algorithm: str, key: bytes) -> bytes:
    """SubjectPublicKeyInfo of an ML-DSA key (RFC 9881 section 4)."""
    return der.sequence(der.sequence(der.oid(ML_DSA_OIDS[algorithm])), der.bit_string(key))


def read_public(spki: bytes) -> tuple[str, int, bytes]:
    """Algorithm name ("" if unknown), size in bits and canonical form of a SubjectPublicKeyInfo.

    The size of an ML-DSA key is 0: its algorithm says it.

    Canonical, because two encodings of one RSA key (with and without the NULL parameter) must compare equal.
    Raises `DERError`.
    """
    fields = der.top(spki)
    algorithm = fields.enter()
    name = algorithm.oid()
    key = fields.bit_string()
    fields.finish()
    if name == RSA_OID:
        numbers = der.top(key)
        modulus, exponent = numbers.integer(), numbers.integer()
        if modulus <= 0 or exponent <= 0:
            raise DERError("the numbers of an RSA public key must be positive")
        return "RSA", modulus.bit_length(), write_rsa_public(modulus, exponent)
    if name == EC_OID:
        curve = algorithm.oid()
        if curve not in CURVE_SIZES or key[:1] != b"\x04":
            raise DERError("the curve or the form of the point is not supported")
        return "ECDSA", CURVE_SIZES[curve], spki
    if name == ED25519_OID:
        if len(key) != _ED25519_BYTES:
            raise DERError("an Ed25519 key has 32 bytes")
        return "Ed25519", 256, spki
    if name in _ML_DSA_NAMES:
        found = _ML_DSA_NAMES[name]
        if algorithm or len(key) != _ML_DSA_PUBLIC_BYTES[found]:
            raise DERError(f"an {found} key has {_ML_DSA_PUBLIC_BYTES[found]} bytes and no parameters")
        return found, 0, spki
    return "", 0, spki
