"""Certificate signing requests (PKCS#10, RFC 2986): built from a Certificate spec, and read back as facts.

Not the CertificateRequest resource, which carries one, and not the decision whether to sign it.
"""

from msgspec import Struct

from certwright.api.certmanager import CertificateSpec
from certwright.pki import der, extensions, keys, keystructures, names, pem, rfc4514, san, signatures, usages
from certwright.pki.errors import RequestDecodeError, TemplateError
from certwright.pki.extensions import Extension
from certwright.pki.keys import PublicKey
from certwright.pki.memo import Memo
from certwright.pki.names import Subject
from certwright.pki.san import OtherName
from certwright.pki.signatures import SignatureAlgorithm

LABEL = "CERTIFICATE REQUEST"

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_VERSION_1 = der.integer(0)

# --- building -------------------------------------------------------------------------------------


def build_request(
    spec: CertificateSpec, private_pem: bytes, *, encode_basic_constraints: bool = False
) -> bytes:
    """A signed request for `spec` as PEM.

    `encode_basic_constraints` is the feature gate UseCertificateRequestBasicConstraints. Raises
    `SubjectError`, `TemplateError`, `KeyDecodeError` or `SigningError`; none of them goes away by trying
    again.
    """
    subject = names.subject_der(spec)
    alternative = names.san_extension(spec)
    if alternative is None and not _has_common_name(spec):
        raise TemplateError(
            "at least one of commonName (or one in literalSubject), dnsNames, uris, emailAddresses, "
            "ipAddresses and otherNames must be set"
        )
    algorithm = signature_algorithm(spec)
    wanted = _requested_extensions(spec, subject, alternative, encode_basic_constraints)
    attributes = b""
    if wanted:
        attributes = der.sequence(der.oid(_EXTENSION_REQUEST), der.tlv(der.SET, extensions.encode(wanted)))
    info = der.sequence(
        _VERSION_1, subject, keys.spki_of_private(private_pem), der.context(0, attributes, constructed=True)
    )
    return pem.encode(LABEL, signatures.wrap(keys.load_private(private_pem), algorithm, info))


def _has_common_name(spec: CertificateSpec) -> bool:
    if spec.literal_subject:
        return bool(names.first_common_name(rfc4514.parse_literal_subject(spec.literal_subject)))
    return bool(spec.common_name)


def _requested_extensions(
    spec: CertificateSpec, subject: bytes, alternative: bytes | None, encode_basic_constraints: bool
) -> list[Extension]:
    wanted = []
    if alternative is not None:
        critical = subject == der.EMPTY_SEQUENCE
        wanted.append(Extension(extensions.SUBJECT_ALT_NAME, critical, alternative))
    if spec.encode_usages_in_request is not False:
        algorithm = spec.private_key.algorithm if spec.private_key else ""
        wanted += usage_extensions(*usages.resolve(spec.usages, is_ca=spec.is_ca, algorithm=algorithm))
    if encode_basic_constraints:
        constraints = extensions.encode_basic_constraints(is_ca=spec.is_ca)
        wanted.append(Extension(extensions.BASIC_CONSTRAINTS, True, constraints))
    if spec.name_constraints is not None:
        value = extensions.spec_name_constraints(spec.name_constraints)
        if value is not None:
            critical = bool(spec.name_constraints.critical)
            wanted.append(Extension(extensions.NAME_CONSTRAINTS, critical, value))
    return wanted


def usage_extensions(bits: int, extended: tuple[str, ...]) -> list[Extension]:
    """KeyUsage and ExtKeyUsage, each only if it says anything."""
    found = []
    if bits:
        found.append(Extension(extensions.KEY_USAGE, True, usages.encode_key_usage(bits)))
    if extended:
        found.append(Extension(extensions.EXT_KEY_USAGE, False, usages.encode_extended(extended)))
    return found


def signature_algorithm(spec: CertificateSpec) -> SignatureAlgorithm:
    """The algorithm a request is signed with: spec.signatureAlgorithm, else by spec.privateKey.

    `TemplateError`.
    """
    private_key = spec.private_key
    algorithm = (private_key.algorithm if private_key else "") or "RSA"
    size = (private_key.size if private_key else 0) or 0
    if spec.signature_algorithm:
        chosen = signatures.ALGORITHMS.get(spec.signature_algorithm)
        if chosen is None:
            raise TemplateError(f"signature algorithm {spec.signature_algorithm!r} is not supported")
        return chosen
    default_size = {"RSA": keys.DEFAULT_RSA_SIZE, "ECDSA": keys.DEFAULT_EC_SIZE}.get(algorithm, 0)
    return signatures.for_key(algorithm, size or default_size)


# --- reading --------------------------------------------------------------------------------------


class RequestFacts(Struct, frozen=True, kw_only=True):
    """One request, taken apart. Whether its signature is right is asked with `signature_is_valid`.

    `is_ca`, `key_usage` and `extended_key_usages` are None where the request has no such extension;
    addresses are text; `info` is what is signed.
    """

    info: bytes
    signature_algorithm: bytes
    signature: bytes
    subject_der: bytes
    subject: Subject
    spki: bytes
    public_key: PublicKey
    extensions: tuple[Extension, ...]
    alternative_names: bytes | None
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    uris: tuple[str, ...]
    emails: tuple[str, ...]
    other_names: tuple[OtherName, ...]
    is_ca: bool | None
    key_usage: int | None
    extended_key_usages: tuple[str, ...] | None

    @property
    def common_name(self) -> str:
        """The common name of the subject, or ""."""
        return self.subject.common_name

    def signature_is_valid(self) -> bool:
        """Whether the request is signed with its own key."""
        return signatures.verifies(self.spki, self.signature_algorithm, self.signature, self.info)


def parse_request(request_pem: bytes) -> RequestFacts:
    """Facts of the first PEM block, whatever its label; recently seen ones are remembered.

    Raises `RequestDecodeError`. The signature is not verified.
    """
    return _parse_request(request_pem)


def _parse(request_pem: bytes) -> RequestFacts:
    block = pem.first(request_pem, pem.limits().certificate, RequestDecodeError)
    if block is None:
        raise RequestDecodeError("no PEM block found in the certificate request")
    try:
        return _request(block.content)
    except ValueError as error:
        raise RequestDecodeError(f"cannot read the certificate request: {error}") from error


def _request(content: bytes) -> RequestFacts:
    outer = der.top(content)
    info = outer.element(der.SEQUENCE)
    algorithm = outer.element(der.SEQUENCE)
    signature = outer.bit_string()
    fields = der.top(info)
    fields.integer()
    subject = fields.element(der.SEQUENCE)
    _, _, spki = keystructures.read_public(fields.element(der.SEQUENCE))
    found = _extensions(fields.optional(0xA0))
    by_oid = {extension.oid: extension.value for extension in found}
    alternative = by_oid.get(extensions.SUBJECT_ALT_NAME)
    constraints = by_oid.get(extensions.BASIC_CONSTRAINTS)
    usage = by_oid.get(extensions.KEY_USAGE)
    extended = by_oid.get(extensions.EXT_KEY_USAGE)
    listed = san.NO_NAMES if alternative is None else san.decode(alternative)
    return RequestFacts(
        info=info,
        signature_algorithm=algorithm,
        signature=signature,
        subject_der=subject,
        subject=names.parse_subject(subject),
        spki=spki,
        public_key=keys.public_key_from_spki(spki),
        extensions=found,
        alternative_names=alternative,
        dns_names=listed.dns,
        ip_addresses=tuple(map(san.ip_text, listed.ips)),
        uris=listed.uris,
        emails=listed.emails,
        other_names=listed.others,
        is_ca=None if constraints is None else extensions.decode_basic_constraints(constraints),
        key_usage=None if usage is None else usages.decode_key_usage(usage),
        extended_key_usages=None if extended is None else usages.decode_extended(extended),
    )


def _extensions(attributes: bytes | None) -> tuple[Extension, ...]:
    """The extensions of all extension request attributes; other attributes are ignored."""
    fields = der.Reader(attributes or b"")
    found: tuple[Extension, ...] = ()
    while fields:
        attribute = fields.enter()
        if attribute.oid() == _EXTENSION_REQUEST:
            values = attribute.enter(der.SET)
            found += extensions.decode(values.element(der.SEQUENCE))
    if len({extension.oid for extension in found}) < len(found):
        raise der.DERError("an extension is requested twice")
    return found


_parse_request = Memo(_parse, 128)
