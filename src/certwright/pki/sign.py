"""Certificates from requests: signed by a CA from a Secret, or by the request's own key; not who may
have one.

The fields, their order and their encodings are those of cert-manager's CA and SelfSigned issuers. The CA's
expiry, path length and name constraints are not applied to what it signs; a verifier does that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_bytes

from msgspec import Struct

from certwright.pki import chain, csr, der, extensions, keys, pem, signatures, usages, x509
from certwright.pki.chain import Bundle
from certwright.pki.csr import RequestFacts
from certwright.pki.errors import ChainError, RequestDecodeError, SigningError, TemplateError
from certwright.pki.extensions import Extension
from certwright.pki.keys import PrivateKey
from certwright.pki.memo import Memo
from certwright.pki.x509 import X509

_SERIAL_BYTES = 20
_VERSION_3 = der.context(0, der.integer(2), constructed=True)


# --- the CA ---------------------------------------------------------------------------------------


class SigningCA(Struct, frozen=True):
    """A CA as its Secret holds it: the certificate that signs is the first of `certificates`.

    `above_pem` is what follows a leaf in its chain, `ca_pem` what goes into ca.crt; `problem` says why
    nothing can be issued although all of it can be read.
    """

    certificates: tuple[X509, ...]
    key: PrivateKey
    above_pem: bytes
    ca_pem: bytes
    problem: str

    def __repr__(self) -> str:
        return f"SigningCA(serial={self.certificate.serial:x})"

    @property
    def certificate(self) -> X509:
        """The certificate that signs."""
        return self.certificates[0]


def load_ca(tls_crt: bytes, tls_key: bytes, ca_crt: bytes | None = None) -> SigningCA:
    """Read a CA from the data of its Secret: its chain in PEM, its key, and optionally one more CA
    certificate.

    Of `ca_crt` only the first certificate counts. Raises `CertificateDecodeError` or `KeyDecodeError`. A
    key that is not the certificate's, or certificates that are no chain, show only when something is to be
    signed. The most recently used CAs are remembered.
    """
    return _load_ca(tls_crt, tls_key, ca_crt or b"")


def read_ca(tls_crt: bytes, tls_key: bytes, ca_crt: bytes = b"") -> SigningCA:
    """What `load_ca` does, for a CA that is not worth remembering."""
    certificates = x509.read_pem(tls_crt, pem.limits().chain)
    if ca_crt:
        certificates.append(x509.read_pem(ca_crt, pem.limits().bundle)[0])
    key = keys.load_private(tls_key)
    above, ca_pem, problem = b"", b"", ""
    if keys.public_key_of_private(tls_key) != certificates[0].public_key:
        problem = "the CA's private key is not that of its certificate"
    else:
        try:
            above, ca_pem = _above(certificates)
        except ChainError as error:
            problem = str(error)
    return SigningCA(tuple(certificates), key, above, ca_pem, problem)


_load_ca = Memo(read_ca, 32)


def _above(certificates: Sequence[X509]) -> tuple[bytes, bytes]:
    """What a certificate signed by the first one is followed by, and the CA.

    `ChainError` if it would be no chain.
    """
    ordered = chain.linear_chain(certificates)
    if ordered[0].der != certificates[0].der:
        raise ChainError("the certificate that signs is not the lowest of the CA's chain")
    if not ordered[0].may_sign:
        raise ChainError("the certificate that signs is not allowed to sign certificates")
    return chain.above_leaf(ordered), x509.to_pem(ordered[-1])


# --- what is asked for ----------------------------------------------------------------------------


class Grant(Struct, frozen=True, kw_only=True):
    """What a CertificateRequest grants to whoever made the PKCS#10 request in it, and for how long from
    when.
    """

    usages: Sequence[str] | None
    is_ca: bool
    duration: timedelta
    now: datetime


def check_request(request_pem: bytes, *, usages: Sequence[str] | None, is_ca: bool) -> RequestFacts:
    """Facts of a request that may be signed with these usages: its own, if it lists any, must be the same.

    ExtKeyUsage is compared in order; identifiers the API has no names for are not compared. Raises
    `RequestDecodeError` (also for a wrong signature) or `TemplateError`.
    """
    facts = csr.parse_request(request_pem)
    if not facts.signature_is_valid():
        raise RequestDecodeError("the certificate request is not signed with its own key")
    _check_usages(facts, usages, is_ca)
    return facts


def _check_usages(facts: RequestFacts, names: Sequence[str] | None, is_ca: bool) -> None:
    if facts.is_ca is not None and facts.is_ca != is_ca:
        raise TemplateError(f"the request's basic constraints say CA={facts.is_ca}, but isCA is {is_ca}")
    bits, extended = usages.resolve(names, is_ca=is_ca, algorithm=facts.public_key.algorithm)
    if facts.key_usage is None and facts.extended_key_usages is None:
        return
    if (facts.key_usage or 0) != bits:
        raise TemplateError(
            f"the request's key usages are {usages.describe(facts.key_usage or 0)}, "
            f"but {usages.describe(bits)} were asked for"
        )
    comparable = tuple(oid for oid in facts.extended_key_usages or () if usages.is_comparable(oid))
    if comparable != extended:
        raise TemplateError(
            f"the request's extended key usages are {usages.describe(0, comparable)}, "
            f"but {usages.describe(0, extended)} were asked for"
        )


# --- signing --------------------------------------------------------------------------------------


def sign_request(
    request_pem: bytes,
    *,
    ca: SigningCA,
    usages: Sequence[str] | None,
    is_ca: bool,
    duration: timedelta,
    now: datetime,
    crl: Sequence[str] = (),
    ocsp: Sequence[str] = (),
    aia: Sequence[str] = (),
) -> Bundle:
    """Issue a certificate for a request: the chain without a root, and the CA.

    `usages` and `is_ca` are those of the CertificateRequest. Valid from `now` for `duration`, whatever the
    validity of the CA. `crl`, `ocsp` and `aia` are the URLs of the issuer's crlDistributionPoints,
    ocspServers and issuingCertificateURLs. Raises `RequestDecodeError` or `TemplateError` for a request
    that must not be signed, `SigningError` or `ChainError` for a CA that cannot sign it.
    """
    facts = check_request(request_pem, usages=usages, is_ca=is_ca)
    if ca.problem:
        raise ChainError(ca.problem)
    signer = ca.certificate
    key_id = signer.subject_key_id if signer.subject != facts.subject_der else b""
    grant = Grant(usages=usages, is_ca=is_ca, duration=duration, now=now)
    found = _extensions(facts, grant, _Links(authority_key_id=key_id, crl=crl, ocsp=ocsp, aia=aia))
    algorithm = signatures.for_public_key(signer.public_key)
    tbs = _to_be_signed(facts, grant, algorithm.identifier, signer.subject, found)
    issued = signatures.wrap(ca.key, algorithm, tbs)
    if is_ca:
        # An intermediate may bear the name and key of another certificate of the chain.
        return chain.bundle_of([*ca.certificates, x509.read_der(issued)])
    return Bundle(pem.encode(x509.LABEL, issued) + ca.above_pem, ca.ca_pem)


def self_sign(
    request_pem: bytes,
    private_pem: bytes,
    *,
    usages: Sequence[str] | None,
    is_ca: bool,
    duration: timedelta,
    now: datetime,
    crl: Sequence[str] = (),
) -> Bundle:
    """Issue a certificate for a request with the request's own key; chain and CA are both that certificate.

    It has no authority key identifier, and is no CA unless `is_ca`. Raises as `sign_request` does,
    `KeyDecodeError` for the key, and `SigningError` if the key is not the request's.
    """
    facts = check_request(request_pem, usages=usages, is_ca=is_ca)
    public = keys.public_key_of_private(private_pem)
    if public != facts.public_key:
        raise SigningError("the request was not signed with this private key")
    grant = Grant(usages=usages, is_ca=is_ca, duration=duration, now=now)
    algorithm = signatures.for_public_key(public)
    tbs = _to_be_signed(
        facts, grant, algorithm.identifier, facts.subject_der, _extensions(facts, grant, _Links(crl=crl))
    )
    issued = pem.encode(x509.LABEL, signatures.wrap(keys.load_private(private_pem), algorithm, tbs))
    return Bundle(issued, issued)


class _Links(Struct, frozen=True, kw_only=True):
    """What a certificate says about its issuer."""

    authority_key_id: bytes = b""
    crl: Sequence[str] = ()
    ocsp: Sequence[str] = ()
    aia: Sequence[str] = ()


def _extensions(facts: RequestFacts, grant: Grant, links: _Links) -> bytes:
    """Extensions in the order of Go's x509.CreateCertificate, the names of the request last.

    All others dropped.
    """
    bits, extended = usages.resolve(grant.usages, is_ca=grant.is_ca, algorithm=facts.public_key.algorithm)
    # Identifiers that the API cannot name pass through: smart card logon certificates depend on it.
    extended += tuple(oid for oid in facts.extended_key_usages or () if not usages.is_comparable(oid))
    constraints = extensions.encode_basic_constraints(is_ca=grant.is_ca)
    found = csr.usage_extensions(bits, extended)
    found.append(Extension(extensions.BASIC_CONSTRAINTS, True, constraints))
    if grant.is_ca:
        identifier = extensions.encode_subject_key_id(extensions.key_id(facts.spki))
        found.append(Extension(extensions.SUBJECT_KEY_ID, False, identifier))
    if links.authority_key_id:
        authority = extensions.encode_authority_key_id(links.authority_key_id)
        found.append(Extension(extensions.AUTHORITY_KEY_ID, False, authority))
    if links.ocsp or links.aia:
        access = extensions.encode_authority_info(links.ocsp, links.aia)
        found.append(Extension(extensions.AUTHORITY_INFO_ACCESS, False, access))
    found += _name_constraints(facts)
    if links.crl:
        found.append(
            Extension(extensions.CRL_DISTRIBUTION_POINTS, False, extensions.encode_crl_points(links.crl))
        )
    if facts.alternative_names is not None:
        critical = facts.subject_der == der.EMPTY_SEQUENCE
        found.append(Extension(extensions.SUBJECT_ALT_NAME, critical, facts.alternative_names))
    return extensions.encode(found)


def _name_constraints(facts: RequestFacts) -> list[Extension]:
    """The request's name constraints, kinds in the usual order, also for a certificate that is no CA."""
    try:
        return [
            Extension(
                asked.oid,
                asked.critical,
                extensions.encode_name_constraints(extensions.decode_name_constraints(asked.value)),
            )
            for asked in facts.extensions
            if asked.oid == extensions.NAME_CONSTRAINTS
        ]
    except der.DERError as error:
        raise TemplateError(f"the request's name constraints cannot be used: {error}") from error


def _to_be_signed(
    facts: RequestFacts, grant: Grant, algorithm: bytes, issuer: bytes, extensions_der: bytes
) -> bytes:
    """TBSCertificate (RFC 5280 section 4.1)."""
    try:
        not_after = grant.now + grant.duration
    except OverflowError:
        raise TemplateError("the certificate would expire after the year 9999") from None
    return der.sequence(
        _VERSION_3,
        der.integer(_serial()),
        algorithm,
        issuer,
        der.sequence(der.time(grant.now), der.time(not_after)),
        facts.subject_der,
        facts.spki,
        der.context(3, extensions_der, constructed=True),
    )


def _serial() -> int:
    """159 random bits, and never 0: at most 20 bytes in DER (RFC 5280 section 4.1.2.2)."""
    return int.from_bytes(token_bytes(_SERIAL_BYTES), "big") >> 1 or 1
