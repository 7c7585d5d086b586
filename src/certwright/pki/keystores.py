"""The keystore entries of a target Secret: what spec.keystores asks for, made of its key, chain and CA.

A keystore that is stored already is kept, byte for byte, if it says what a new one would: software that
reloads on every change of a Secret should not do so because salts were drawn again.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from certwright.api import annotations as ann
from certwright.api.certmanager import CertificateSpec, JKSKeystore, PKCS12Keystore
from certwright.pki import jks, keys, pem, pkcs12, x509
from certwright.pki.errors import KeystoreError
from certwright.pki.pbe import Random
from certwright.pki.x509 import X509

JKS, PKCS12 = "jks", "pkcs12"
FILES = {PKCS12: (ann.KEYSTORE_PKCS12, ann.TRUSTSTORE_PKCS12), JKS: (ann.KEYSTORE_JKS, ann.TRUSTSTORE_JKS)}
"""Data keys of keystore and truststore, in the order in which the formats are looked at."""


class Passwords(Struct, frozen=True):
    """The passwords of the keystores that are to be made."""

    jks: str = ""
    pkcs12: str = ""

    def __repr__(self) -> str:
        return "Passwords(...)"


class Source(Struct, frozen=True):
    """Where random bytes, and milliseconds since 1970, come from."""

    random: Random
    milliseconds: Callable[[], int]


_Write = Callable[[Source], bytes]
_TIME = 8  # bytes of a time in a JKS keystore


def wanted(spec: CertificateSpec) -> dict[str, JKSKeystore | PKCS12Keystore]:
    """The formats that are to be made, PKCS#12 first."""
    stores = spec.keystores
    found = {} if stores is None else {PKCS12: stores.pkcs12, JKS: stores.jks}
    return {name: keystore for name, keystore in found.items() if keystore is not None and keystore.create}


def entries(
    spec: CertificateSpec,
    private_pem: bytes,
    chain_pem: bytes,
    ca_pem: bytes,
    passwords: Passwords,
    source: Source,
    stored: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Keystores, and truststores where there is a CA, by data key.

    `stored` is the data of the Secret as it is. Raises `KeyDecodeError`, `CertificateDecodeError`, and
    `KeystoreError` for a password that is missing and for what the format cannot hold.
    """
    formats = wanted(spec)
    if not formats:
        return {}
    contents = _Contents(
        keys.pkcs8(private_pem),
        x509.read_pem(chain_pem, pem.limits().chain),
        x509.read_pem(ca_pem, pem.limits().bundle) if ca_pem else [],
    )
    writers: dict[str, _Write] = {}
    for name, keystore in formats.items():
        stores = _writers(name, keystore, contents, passwords)
        writers |= dict(zip(FILES[name], stores if ca_pem else stores[:1], strict=False))
    present = stored or {}
    return {name: _kept_or_new(present.get(name, b""), write, source) for name, write in writers.items()}


class _Contents(Struct, frozen=True):
    """What goes into keystores: the key as PKCS#8, its chain, and the certificates of ca.crt."""

    key: bytes
    chain: list[X509]
    authorities: list[X509]

    def __repr__(self) -> str:
        return "_Contents(...)"


def _writers(
    name: str, keystore: JKSKeystore | PKCS12Keystore, contents: _Contents, passwords: Passwords
) -> tuple[_Write, _Write]:
    """What writes the keystore and the truststore of a format."""
    password = getattr(passwords, name)
    if not password:
        raise KeystoreError(f"spec.keystores.{name} has no password")
    if isinstance(keystore, PKCS12Keystore):
        return _pkcs12(keystore.profile, contents, password)
    return _jks(keystore.alias, contents, password)


def _pkcs12(profile: str, contents: _Contents, password: str) -> tuple[_Write, _Write]:
    key, chain, authorities = contents.key, contents.chain, contents.authorities
    return (
        lambda source: pkcs12.keystore(profile, key, chain, authorities, password, source.random),
        lambda source: pkcs12.truststore(profile, authorities, password, source.random),
    )


def _jks(alias: str, contents: _Contents, password: str) -> tuple[_Write, _Write]:
    key, authorities = jks.KeyEntry(alias, contents.key, contents.chain), contents.authorities
    return (
        lambda source: jks.write(key, authorities, password, source.random, source.milliseconds),
        lambda source: jks.write(None, authorities, password, source.random, source.milliseconds),
    )


def _kept_or_new(stored: bytes, write: _Write, source: Source) -> bytes:
    """The stored keystore if `write` makes the same bytes of its salts and times, else a new one.

    All that is drawn stands in the file, in the order of drawing, and always at the same places.
    """
    drawn: list[bytes] = []
    new = write(_noting(source, drawn))
    if len(new) != len(stored):
        return new
    found, end = [], 0
    for value in drawn:
        start = new.index(value, end)
        end = start + len(value)
        found.append(stored[start:end])
    return stored if write(_repeating(found)) == stored else new


def _noting(source: Source, drawn: list[bytes]) -> Source:
    """A source that keeps what it gave."""

    def random(size: int) -> bytes:
        drawn.append(source.random(size))
        return drawn[-1]

    def milliseconds() -> int:
        now = source.milliseconds()
        drawn.append(now.to_bytes(_TIME, "big"))
        return now

    return Source(random, milliseconds)


def _repeating(values: list[bytes]) -> Source:
    """A source that gives these values, in order."""
    left = iter(values)
    return Source(lambda _: next(left), lambda: int.from_bytes(next(left), "big"))
