"""One X.509 certificate taken apart (RFC 5280 section 4.1), byte slices included; not what a controller
asks of it.

As strict as Go's parser about structure, because "the certificate can be read" is a state that controllers
report. Unlike there, the inside of extensions nobody here looks at is not examined.
"""

from datetime import datetime

from msgspec import Struct

from certwright.pki import der, extensions, keys, names, pem, san, signatures, usages
from certwright.pki.errors import CertificateDecodeError
from certwright.pki.extensions import Extension
from certwright.pki.keys import PublicKey
from certwright.pki.memo import Memo
from certwright.pki.names import Subject
from certwright.pki.san import AlternativeNames

LABEL = "CERTIFICATE"
_V3 = 2


class X509(Struct, frozen=True):
    """A certificate: `der` is all of it, `tbs` what is signed; names and keys as they stand in it.

    `is_ca` is None without BasicConstraints; `key_usage` is 0 without KeyUsage (bit n is `1 << n`).
    """

    der: bytes
    tbs: bytes
    signature_algorithm: bytes
    signature: bytes
    version: int
    serial: int
    issuer: bytes
    not_before: datetime
    not_after: datetime
    subject: bytes
    subject_fields: Subject
    spki: bytes
    public_key: PublicKey
    extensions: tuple[Extension, ...]
    alternative_names: AlternativeNames
    is_ca: bool | None
    key_usage: int
    extended_key_usages: tuple[str, ...]
    subject_key_id: bytes

    @property
    def may_sign(self) -> bool:
        """Whether it can be another's parent: the CA flag (version 3 needs it), and certSign if
        KeyUsage says any.
        """
        if self.is_ca is False or (self.version == _V3 and self.is_ca is None):
            return False
        return not self.key_usage or bool(self.key_usage & usages.CERT_SIGN)

    def is_signed_by(self, parent: "X509") -> bool:
        """Whether `parent` may sign and its key verifies this certificate's signature.

        Names are not compared.
        """
        return parent.may_sign and signatures.verifies(
            parent.spki, self.signature_algorithm, self.signature, self.tbs
        )

    @property
    def is_self_signed(self) -> bool:
        """Whether it is its own parent: a root. A self-signed leaf is not, for want of the CA flag."""
        return self.is_signed_by(self)


def to_pem(certificate: X509) -> bytes:
    """The certificate as one PEM block."""
    return pem.encode(LABEL, certificate.der)


def read_der(content: bytes) -> X509:
    """Take one certificate apart; recently seen ones are remembered. Raises `CertificateDecodeError`."""
    return _read_der(content)


def read_pem(data: bytes, limit: int) -> list[X509]:
    """Every PEM block of `data`, whatever its label, as a certificate.

    At least one, at most `limit` bytes of PEM.

    Raises `CertificateDecodeError`; one bad block fails all.
    """
    found = [_read_der(block.content) for block in pem.blocks(data, limit, CertificateDecodeError)]
    if not found:
        raise CertificateDecodeError("no certificate found")
    return found


def _parse(content: bytes) -> X509:
    try:
        return _certificate(content)
    except ValueError as error:
        raise CertificateDecodeError(f"cannot read the certificate: {error}") from error


def _certificate(content: bytes) -> X509:
    outer = der.top(content)
    tbs = outer.element(der.SEQUENCE)
    algorithm = outer.element(der.SEQUENCE)
    signature = outer.bit_string()
    fields = der.top(tbs)
    version = _version(fields)
    serial = fields.integer()
    if serial < 0:
        raise der.DERError("the serial number is negative")
    if fields.element(der.SEQUENCE) != algorithm:
        raise der.DERError("inner and outer signature algorithm differ")
    issuer = fields.element(der.SEQUENCE)
    validity = fields.enter()
    not_before, not_after = validity.time(), validity.time()
    subject = fields.element(der.SEQUENCE)
    spki = fields.element(der.SEQUENCE)
    found = _extensions(fields, version)
    by_oid = {extension.oid: extension.value for extension in found}
    names.read_rdns(issuer)
    constraints = by_oid.get(extensions.BASIC_CONSTRAINTS)
    usage = by_oid.get(extensions.KEY_USAGE)
    alternative = by_oid.get(extensions.SUBJECT_ALT_NAME)
    extended = by_oid.get(extensions.EXT_KEY_USAGE)
    key_id = by_oid.get(extensions.SUBJECT_KEY_ID)
    return X509(
        content,
        tbs,
        algorithm,
        signature,
        version,
        serial,
        issuer,
        not_before,
        not_after,
        subject,
        names.parse_subject(subject),
        spki,
        keys.public_key_from_spki(spki),
        found,
        san.NO_NAMES if alternative is None else san.decode(alternative),
        None if constraints is None else extensions.decode_basic_constraints(constraints),
        0 if usage is None else usages.decode_key_usage(usage),
        () if extended is None else usages.decode_extended(extended),
        b"" if key_id is None else extensions.decode_subject_key_id(key_id),
    )


def _version(fields: der.Reader) -> int:
    explicit = fields.optional(0xA0)
    version = 0 if explicit is None else der.Reader(explicit).integer()
    if not 0 <= version <= _V3:
        raise der.DERError("unknown version")
    return version


def _extensions(fields: der.Reader, version: int) -> tuple[Extension, ...]:
    if version:
        for unique_id in (0x81, 0x82):
            fields.optional(unique_id)
    explicit = fields.optional(0xA3) if version == _V3 else None
    return () if explicit is None else extensions.decode(explicit)


_read_der = Memo(_parse, 64)
