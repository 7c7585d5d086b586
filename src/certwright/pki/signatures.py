"""Signature algorithms: which one a key uses, its AlgorithmIdentifier, signing and verifying; not what
is signed.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from msgspec import Struct

from certwright.pki import der, keystructures
from certwright.pki.errors import SigningError
from certwright.pki.keys import MLDSAKey, PrivateKey, PublicKey

_PureKey = ed25519.Ed25519PrivateKey | MLDSAKey
_PurePublicKey = (
    ed25519.Ed25519PublicKey | mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
)

# Keys that take content of any length without a digest of their own choice, by name of the algorithm.
_PURE_KEYS: dict[str, tuple[type[_PureKey], type[_PurePublicKey]]] = {
    "Ed25519": (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey),
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}


class SignatureAlgorithm(Struct, frozen=True):
    """One signature algorithm: the kind of key it takes, its digest, and its DER AlgorithmIdentifier."""

    key: str
    digest: hashes.HashAlgorithm | None
    identifier: bytes
    salt_length: int = -1  # of RSA-PSS; -1 is PKCS #1 v1.5


def _rsa(digest: hashes.HashAlgorithm, oid: str) -> SignatureAlgorithm:
    return SignatureAlgorithm("RSA", digest, der.sequence(der.oid(oid), b"\x05\x00"))


def _ecdsa(digest: hashes.HashAlgorithm, oid: str) -> SignatureAlgorithm:
    return SignatureAlgorithm("ECDSA", digest, der.sequence(der.oid(oid)))


def _pss(digest: hashes.HashAlgorithm, oid: str) -> SignatureAlgorithm:
    """RSASSA-PSS with one digest throughout and a salt of its length (RFC 4055 section 3.1)."""
    hash_identifier = der.sequence(der.oid(oid), b"\x05\x00")
    mask = der.sequence(der.oid("1.2.840.113549.1.1.8"), hash_identifier)
    size = digest.digest_size
    parameters = der.sequence(
        der.context(0, hash_identifier, constructed=True),
        der.context(1, mask, constructed=True),
        der.context(2, der.integer(size), constructed=True),
    )
    return SignatureAlgorithm(
        "RSA", digest, der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters), salt_length=size
    )


_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()

ALGORITHMS: Final = {
    "SHA256WithRSA": _rsa(_SHA256, "1.2.840.113549.1.1.11"),
    "SHA384WithRSA": _rsa(_SHA384, "1.2.840.113549.1.1.12"),
    "SHA512WithRSA": _rsa(_SHA512, "1.2.840.113549.1.1.13"),
    "ECDSAWithSHA256": _ecdsa(_SHA256, "1.2.840.10045.4.3.2"),
    "ECDSAWithSHA384": _ecdsa(_SHA384, "1.2.840.10045.4.3.3"),
    "ECDSAWithSHA512": _ecdsa(_SHA512, "1.2.840.10045.4.3.4"),
    "PureEd25519": SignatureAlgorithm("Ed25519", None, der.sequence(der.oid("1.3.101.112"))),
}
"""By the names of spec.signatureAlgorithm."""

ML_DSA: Final = {
    name: SignatureAlgorithm(name, None, der.sequence(der.oid(oid)))
    for name, oid in keystructures.ML_DSA_OIDS.items()
}
"""By the names of spec.privateKey.algorithm; a key has one signature, so spec.signatureAlgorithm has no
names for them. Always the pure variant without context (RFC 9881 section 3).
"""

_VERIFIABLE: Final = {
    algorithm.identifier: algorithm
    for algorithm in (
        *ALGORITHMS.values(),
        *ML_DSA.values(),
        _pss(_SHA256, "2.16.840.1.101.3.4.2.1"),
        _pss(_SHA384, "2.16.840.1.101.3.4.2.2"),
        _pss(_SHA512, "2.16.840.1.101.3.4.2.3"),
    )
}
"""By AlgorithmIdentifier. SHA-1 is left out: Go does not accept it for certificates either."""

_EC_DEFAULTS = {256: "ECDSAWithSHA256", 384: "ECDSAWithSHA384", 521: "ECDSAWithSHA512"}


def for_key(algorithm: str, size: int) -> SignatureAlgorithm:
    """The algorithm a key of this kind and size (bits) signs with by default.

    Raises `SigningError` if too weak.
    """
    if algorithm == "RSA" and size >= 4096:
        return ALGORITHMS["SHA512WithRSA"]
    if algorithm == "RSA" and size >= 3072:
        return ALGORITHMS["SHA384WithRSA"]
    if algorithm == "RSA" and size >= 2048:
        return ALGORITHMS["SHA256WithRSA"]
    if algorithm == "ECDSA" and size in _EC_DEFAULTS:
        return ALGORITHMS[_EC_DEFAULTS[size]]
    if algorithm == "Ed25519":
        return ALGORITHMS["PureEd25519"]
    if algorithm in ML_DSA:
        return ML_DSA[algorithm]
    raise SigningError(f"keys of {size} bits for {algorithm or 'an unknown algorithm'} may not sign")


def for_public_key(public: PublicKey) -> SignatureAlgorithm:
    """`for_key` of a signer's key: RSA sizes count in whole bytes, as Go counts them."""
    size = (public.size + 7) // 8 * 8 if public.algorithm == "RSA" else public.size
    return for_key(public.algorithm, size)


def sign(key: PrivateKey, algorithm: SignatureAlgorithm, content: bytes) -> bytes:
    """Sign; raises `SigningError` if the key is not of the algorithm's kind or cannot sign with it."""
    digest = algorithm.digest
    try:
        if algorithm.key == "RSA" and isinstance(key, rsa.RSAPrivateKey) and digest:
            return key.sign(content, padding.PKCS1v15(), digest)
        if algorithm.key == "ECDSA" and isinstance(key, ec.EllipticCurvePrivateKey) and digest:
            return key.sign(content, ec.ECDSA(digest))
        if algorithm.key in _PURE_KEYS and isinstance(key, _PURE_KEYS[algorithm.key][0]):
            return key.sign(content)
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError("the key cannot make this signature") from None
    raise SigningError(f"the key is not a key for {algorithm.key} signatures")


def wrap(key: PrivateKey, algorithm: SignatureAlgorithm, content: bytes) -> bytes:
    """SEQUENCE of signed content, algorithm and signature: a certificate or a PKCS#10 request."""
    return der.sequence(content, algorithm.identifier, der.bit_string(sign(key, algorithm, content)))


def verifies(spki: bytes, identifier: bytes, signature: bytes, content: bytes) -> bool:
    """Whether a signature with this AlgorithmIdentifier is the key's.

    False also for anything not supported.
    """
    algorithm = _VERIFIABLE.get(identifier)
    if algorithm is None:
        return False
    try:
        key = serialization.load_der_public_key(spki)
        _verify(key, algorithm, signature, content)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _verify(key: object, algorithm: SignatureAlgorithm, signature: bytes, content: bytes) -> None:
    digest = algorithm.digest
    if algorithm.key == "RSA" and isinstance(key, rsa.RSAPublicKey) and digest:
        scheme = (
            padding.PKCS1v15()
            if algorithm.salt_length < 0
            else padding.PSS(padding.MGF1(digest), algorithm.salt_length)
        )
        key.verify(signature, content, scheme, digest)
    elif algorithm.key == "ECDSA" and isinstance(key, ec.EllipticCurvePublicKey) and digest:
        key.verify(signature, content, ec.ECDSA(digest))
    elif algorithm.key in _PURE_KEYS and isinstance(key, _PURE_KEYS[algorithm.key][1]):
        key.verify(signature, content)
    else:
        raise InvalidSignature
