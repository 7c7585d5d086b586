"""Writes PKCS#12 keystores and truststores (RFC 7292) in the four profiles of the API; reads none.

Byte for byte what cert-manager writes when the random values are the same: certificates encrypted first, the
shrouded key after them, localKeyId on key and leaf, Java's mark of trust on each certificate of a truststore.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha1

from msgspec import Struct

from certwright.pki import der, names, pbe
from certwright.pki.x509 import X509

_DATA = "1.2.840.113549.1.7.1"
_ENCRYPTED_DATA = "1.2.840.113549.1.7.6"
_SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2"
_CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3"
_X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME = "1.2.840.113549.1.9.20"
_LOCAL_KEY_ID = "1.2.840.113549.1.9.21"
_JAVA_TRUSTED_USAGE = "2.16.840.1.113894.746875.1.1"
_ANY_USAGE = "2.5.29.37.0"
_BMP_STRING = 0x1E
_NO_ATTRIBUTES = b"\x31\x00"


class Profile(Struct, frozen=True):
    """How certificates and key are encrypted, and how the whole is protected against changes."""

    certificates: pbe.Encrypt
    key: pbe.Encrypt
    mac: Callable[[bytes, str, pbe.Random], bytes]


_SHA1_MAC = pbe.mac("sha1", 1, 8)
DEFAULT_PROFILE = "LegacyRC2"
PROFILES = {
    DEFAULT_PROFILE: Profile(pbe.rc2_40, pbe.triple_des, _SHA1_MAC),
    "LegacyDES": Profile(pbe.triple_des, pbe.triple_des, _SHA1_MAC),
    "Modern2023": Profile(pbe.aes_256, pbe.aes_256, pbe.mac("sha256", pbe.ITERATIONS, 16)),
    "Modern2026": Profile(pbe.aes_256, pbe.aes_256, pbe.pbmac1),
}


def keystore(
    profile: str, key: bytes, chain: Sequence[X509], above: Iterable[X509], password: str, random: pbe.Random
) -> bytes:
    """A key (PKCS#8), its chain (leaf first) and the certificates `above` it.

    An unknown profile is the default one; `password` may be of any length from one character.
    """
    how = PROFILES.get(profile, PROFILES[DEFAULT_PROFILE])
    leaf, *others = chain
    fingerprint = sha1(leaf.der, usedforsecurity=False).digest()
    mine = der.set_of([_attribute(_LOCAL_KEY_ID, der.octet_string(fingerprint))])
    bags = [_certificate(leaf, mine)]
    bags += [_certificate(certificate, _NO_ATTRIBUTES) for certificate in (*others, *above)]
    certificates = _encrypted(how, bags, password, random)
    shrouded = how.key(key, password, random)
    info = der.sequence(shrouded.algorithm, der.octet_string(shrouded.content))
    return _pfx(how, [certificates, _plain([_bag(_SHROUDED_KEY_BAG, info, mine)])], password, random)


def truststore(profile: str, authorities: Iterable[X509], password: str, random: pbe.Random) -> bytes:
    """CA certificates that Java trusts, each under its subject; a subject's second one has a number as well.

    Java tells entries apart by name, without regard to case, and would forget the first of two.
    """
    how = PROFILES.get(profile, PROFILES[DEFAULT_PROFILE])
    trusted = _attribute(_JAVA_TRUSTED_USAGE, der.oid(_ANY_USAGE))
    taken: set[str] = set()
    bags = []
    for authority in authorities:
        name = _free(names.subject_to_rfc4514(authority.subject), taken)
        friendly = _attribute(_FRIENDLY_NAME, der.tlv(_BMP_STRING, pbe.utf16(name)))
        bags.append(_certificate(authority, der.set_of([trusted, friendly])))
    return _pfx(how, [_encrypted(how, bags, password, random)], password, random)


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name} ({number})"
    taken.add(free.lower())
    return free


def _pfx(how: Profile, safe: Sequence[bytes], password: str, random: pbe.Random) -> bytes:
    """PFX around an AuthenticatedSafe, with its MAC."""
    content = der.sequence(*safe)
    outer = der.sequence(der.oid(_DATA), der.context(0, der.octet_string(content), constructed=True))
    return der.sequence(der.integer(3), outer, how.mac(content, password, random))


def _encrypted(how: Profile, bags: Iterable[bytes], password: str, random: pbe.Random) -> bytes:
    """ContentInfo of encrypted SafeContents."""
    encrypted = how.certificates(der.sequence(*bags), password, random)
    content = der.sequence(der.oid(_DATA), encrypted.algorithm, der.context(0, encrypted.content))
    data = der.sequence(der.integer(0), content)
    return der.sequence(der.oid(_ENCRYPTED_DATA), der.context(0, data, constructed=True))


def _plain(bags: Iterable[bytes]) -> bytes:
    """ContentInfo of SafeContents whose bags are encrypted themselves."""
    content = der.octet_string(der.sequence(*bags))
    return der.sequence(der.oid(_DATA), der.context(0, content, constructed=True))


def _certificate(certificate: X509, attributes: bytes) -> bytes:
    content = der.context(0, der.octet_string(certificate.der), constructed=True)
    return _bag(_CERTIFICATE_BAG, der.sequence(der.oid(_X509_CERTIFICATE), content), attributes)


def _bag(oid: str, value: bytes, attributes: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.context(0, value, constructed=True), attributes)


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.set_of([value]))
