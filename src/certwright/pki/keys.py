"""Private keys as PEM: generate, encode, compare with a spec, load for signing; not where keys are kept.

Nothing here logs or puts key material into an error. Algorithms are those of the Certificate API: "RSA",
"ECDSA", "Ed25519", and "ML-DSA-44", "-65" and "-87".
"""

from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from msgspec import Struct

from certwright.api.certmanager import PrivateKey as SpecPrivateKey
from certwright.pki import der, keystructures, pem
from certwright.pki.errors import KeyDecodeError, PKIError
from certwright.pki.keystructures import ECPrivate, MLDSAPrivate, PrivateNumbers, RSAPrivate
from certwright.pki.memo import Memo

MLDSAKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | MLDSAKey

DEFAULT_RSA_SIZE = 2048
DEFAULT_EC_SIZE = 256
MIN_RSA_SIZE = 2048
MAX_RSA_SIZE = 8192

_CURVES: dict[int, ec.EllipticCurve] = {
    224: ec.SECP224R1(),
    256: ec.SECP256R1(),
    384: ec.SECP384R1(),
    521: ec.SECP521R1(),
}
_GENERATED_EC_SIZES = (256, 384, 521)
_ML_DSA: dict[str, type[MLDSAKey]] = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}
_PUBLIC_EXPONENT = 65537


class PublicKey(Struct, frozen=True, gc=False):
    """What identifies a public key: equal values are equal keys.

    `algorithm` is "" for one that is not supported; `size` is the modulus or the field in bits (256 for
    Ed25519, 0 for ML-DSA, where the algorithm says it); `spki_sha256` is the digest of the canonical
    SubjectPublicKeyInfo.
    """

    algorithm: str
    size: int
    spki_sha256: bytes


class _Loaded(Struct, frozen=True):
    """A private key in every form it is needed in."""

    numbers: PrivateNumbers
    key: PrivateKey
    spki: bytes
    point: bytes
    public: PublicKey

    def __repr__(self) -> str:
        return f"_Loaded({self.public!r})"


# --- generate and encode --------------------------------------------------------------------------


def unsupported(algorithm: str, size: int = 0) -> str:
    """Why `generate` makes no key of this kind anywhere; empty if it does where OpenSSL can."""
    if algorithm in {"", "RSA"}:
        bits = size or DEFAULT_RSA_SIZE
        if not MIN_RSA_SIZE <= bits <= MAX_RSA_SIZE:
            return f"RSA keys have {MIN_RSA_SIZE} to {MAX_RSA_SIZE} bits, not {bits}"
    elif algorithm == "ECDSA":
        bits = size or DEFAULT_EC_SIZE
        if bits not in _GENERATED_EC_SIZES:
            return f"ECDSA keys have 256, 384 or 521 bits, not {bits}"
    elif algorithm != "Ed25519" and algorithm not in _ML_DSA:
        return f"private keys of algorithm {algorithm!r} are not supported"
    return ""


def generate(algorithm: str, size: int = 0) -> bytes:
    """A new private key as PKCS#8 PEM.

    `algorithm` "" means RSA; `size` in bits, 0 means 2048 for RSA and 256 for ECDSA and is ignored for
    Ed25519 and ML-DSA (Certificate spec.privateKey). RSA releases the interpreter lock, so it belongs in a
    thread; raises `PKIError` for an algorithm or size outside the API.
    """
    if problem := unsupported(algorithm, size):
        raise PKIError(problem)
    if algorithm in {"", "RSA"}:
        content = _generate_rsa(size or DEFAULT_RSA_SIZE)
    elif algorithm == "ECDSA":
        content = _generate_ec(size or DEFAULT_EC_SIZE)
    elif algorithm == "Ed25519":
        seed = ed25519.Ed25519PrivateKey.generate().private_bytes_raw()
        content = keystructures.write_pkcs8(keystructures.Ed25519Private(seed), b"")
    else:
        content = keystructures.write_pkcs8(MLDSAPrivate(_ml_dsa_seed(algorithm), algorithm), b"")
    return pem.encode("PRIVATE KEY", content)


def _generate_rsa(bits: int) -> bytes:
    return rsa.generate_private_key(_PUBLIC_EXPONENT, bits).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _generate_ec(bits: int) -> bytes:
    key = ec.generate_private_key(_CURVES[bits])
    numbers = ECPrivate(key.private_numbers().private_value, keystructures.CURVE_OIDS[bits])
    return keystructures.write_pkcs8(numbers, _point(key.public_key()))


def _ml_dsa_seed(algorithm: str) -> bytes:
    try:
        return _ML_DSA[algorithm].generate().private_bytes_raw()
    except UnsupportedAlgorithm:
        raise PKIError(
            f"{algorithm} needs OpenSSL 3.5 or later, and `cryptography` here is built with an older one: "
            "use one of its wheels"
        ) from None


def encode(private_pem: bytes, encoding: str) -> bytes:
    """The same key in the PEM form that spec.privateKey.encoding asks for.

    "" and "PKCS1" give `RSA PRIVATE KEY` (PKCS#1) and `EC PRIVATE KEY` (SEC 1), "PKCS8" gives `PRIVATE KEY`;
    Ed25519 and ML-DSA have only the last, ML-DSA as the seed alone (RFC 9881 section 6). Raises
    `KeyDecodeError`, or `PKIError` for another encoding.
    """
    if encoding not in {"", "PKCS1", "PKCS8"}:
        raise PKIError(f"private key encoding {encoding!r} is not supported")
    loaded = _loaded(private_pem)
    numbers = loaded.numbers
    if encoding != "PKCS8" and isinstance(numbers, RSAPrivate):
        return pem.encode("RSA PRIVATE KEY", keystructures.write_pkcs1(numbers))
    if encoding != "PKCS8" and isinstance(numbers, ECPrivate):
        return pem.encode("EC PRIVATE KEY", keystructures.write_sec1(numbers, loaded.point, with_curve=True))
    return pem.encode("PRIVATE KEY", keystructures.write_pkcs8(numbers, loaded.point))


def pkcs8(private_pem: bytes) -> bytes:
    """The same key as DER PrivateKeyInfo, without attributes. Raises `KeyDecodeError`."""
    loaded = _loaded(private_pem)
    return keystructures.write_pkcs8(loaded.numbers, loaded.point)


# --- read -----------------------------------------------------------------------------------------


def load_private(private_pem: bytes) -> PrivateKey:
    """The key as an object that signs. Raises `KeyDecodeError`.

    Only the first PEM block counts. RSA numbers are checked against each other but not for primality (see
    `keystructures`). The most recently used keys are remembered.
    """
    return _loaded(private_pem).key


def public_key_of_private(private_pem: bytes) -> PublicKey:
    """The public half of a private key, computed and not read from the PEM. Raises `KeyDecodeError`."""
    return _public_of_private(private_pem)


def spki_of_private(private_pem: bytes) -> bytes:
    """The public half of a private key as a DER SubjectPublicKeyInfo. Raises `KeyDecodeError`."""
    return _loaded(private_pem).spki


def public_key_from_spki(spki: bytes) -> PublicKey:
    """Identify the key in a DER SubjectPublicKeyInfo.

    Raises `KeyDecodeError` if malformed or not on its curve.
    """
    return _public_from_spki(spki)


def _read_spki(spki: bytes) -> PublicKey:
    try:
        algorithm, size, canonical = keystructures.read_public(spki)
        if algorithm == "ECDSA":
            serialization.load_der_public_key(spki)  # is the point on the curve?
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyDecodeError("malformed public key") from error
    return PublicKey(algorithm, size, sha256(canonical).digest())


def _load(private_pem: bytes) -> _Loaded:
    block = pem.first(private_pem, pem.limits().private_key, KeyDecodeError)
    if block is None:
        raise KeyDecodeError("no PEM block found in the private key")
    try:
        return _from_numbers(_numbers(block))
    except (ValueError, UnsupportedAlgorithm) as error:
        # The cause may quote numbers of the key, so it is named but not chained.
        reason = str(error) if isinstance(error, der.DERError) else "the key is not valid"
        raise KeyDecodeError(f"cannot read the private key: {reason}") from None


def _numbers(block: pem.Block) -> PrivateNumbers:
    if block.label == "PRIVATE KEY":
        return keystructures.read_pkcs8(block.content)
    if block.label == "EC PRIVATE KEY":
        return keystructures.read_sec1(block.content)
    if block.label == "RSA PRIVATE KEY":
        return keystructures.read_pkcs1(block.content)
    raise der.DERError("the PEM block is not a private key")


def _from_numbers(numbers: PrivateNumbers) -> _Loaded:
    if isinstance(numbers, RSAPrivate):
        rsa_key = serialization.load_der_private_key(
            keystructures.write_pkcs1(numbers), None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(rsa_key, rsa.RSAPrivateKey)  # noqa: S101 - what PKCS#1 holds
        spki = keystructures.write_rsa_public(numbers.modulus, numbers.public_exponent)
        return _Loaded(numbers, rsa_key, spki, b"", _identify("RSA", numbers.modulus.bit_length(), spki))
    if isinstance(numbers, ECPrivate):
        size = keystructures.CURVE_SIZES[numbers.curve]
        ec_key = ec.derive_private_key(numbers.scalar, _CURVES[size])
        point = _point(ec_key.public_key())
        spki = keystructures.write_ec_public(numbers.curve, point)
        return _Loaded(numbers, ec_key, spki, point, _identify("ECDSA", size, spki))
    if isinstance(numbers, MLDSAPrivate):
        pq_key = _ML_DSA[numbers.algorithm].from_seed_bytes(numbers.seed)
        raw = pq_key.public_key().public_bytes_raw()
        spki = keystructures.write_ml_dsa_public(numbers.algorithm, raw)
        return _Loaded(numbers, pq_key, spki, b"", _identify(numbers.algorithm, 0, spki))
    ed_key = ed25519.Ed25519PrivateKey.from_private_bytes(numbers.seed)
    spki = keystructures.write_ed25519_public(ed_key.public_key().public_bytes_raw())
    return _Loaded(numbers, ed_key, spki, b"", _identify("Ed25519", 256, spki))


def _identify(algorithm: str, size: int, spki: bytes) -> PublicKey:
    return PublicKey(algorithm, size, sha256(spki).digest())


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


_loaded = Memo(_load, 32)
_public_of_private = Memo(lambda private_pem: _load(private_pem).public, 256)
_public_from_spki = Memo(_read_spki, 128)


# --- compare with a spec --------------------------------------------------------------------------


def violations(public: PublicKey, spec_private_key: SpecPrivateKey | None) -> list[str]:
    """Paths of the Certificate spec that the key does not satisfy: spec.privateKey.algorithm or .size.

    The encoding is not part of this: it can be changed without a new key.
    """
    algorithm = (spec_private_key.algorithm if spec_private_key else "") or "RSA"
    size = (spec_private_key.size if spec_private_key else 0) or 0
    if public.algorithm != algorithm:
        return ["spec.privateKey.algorithm"]
    wanted = {"RSA": size or DEFAULT_RSA_SIZE, "ECDSA": size or DEFAULT_EC_SIZE}.get(algorithm, public.size)
    return [] if public.size == wanted else ["spec.privateKey.size"]
