"""Does what exists satisfy what is asked for? A request or a certificate against a spec, as paths that
differ.

Not a policy: what to do about a difference, and in which order to ask, is decided elsewhere.
"""

from collections.abc import Iterable

from certwright.api.certmanager import CertificateRequest, CertificateSpec, Subject
from certwright.api.duration import DurationError, parse_nanoseconds
from certwright.api.references import issuer_key
from certwright.pki import csr, names, san
from certwright.pki.certificate import CertificateFacts
from certwright.pki.csr import RequestFacts
from certwright.pki.errors import PKIError, RequestDecodeError

_NO_SUBJECT = Subject()


def request_mismatches(request: CertificateRequest, spec: CertificateSpec) -> list[str]:
    """Paths of the Certificate spec that a CertificateRequest does not satisfy, in a fixed order.

    Lists are compared without order, durations by value and only if both are set, issuers with their
    defaults. otherNames counts only if the spec has the field. Raises `RequestDecodeError` for a request
    that cannot be read and `SubjectError` for a literalSubject that cannot.
    """
    facts = csr.parse_request(request.spec.request)
    asked = request.spec
    found = []
    if _addresses(facts.ip_addresses) != _addresses(spec.ip_addresses):
        found.append("spec.ipAddresses")
    if _differ(facts.uris, spec.uris):
        found.append("spec.uris")
    if _differ(facts.emails, spec.email_addresses):
        found.append("spec.emailAddresses")
    if _differ(facts.dns_names, spec.dns_names):
        found.append("spec.dnsNames")
    if spec.other_names is not None and _other_names_differ(facts, spec):
        found.append("spec.otherNames")
    found += _subject_mismatches(facts, spec)
    if asked.is_ca != spec.is_ca:
        found.append("spec.isCA")
    if _differ(asked.usages, spec.usages):
        found.append("spec.usages")
    if asked.duration and spec.duration and _durations_differ(asked.duration, spec.duration):
        found.append("spec.duration")
    if issuer_key(asked.issuer_ref) != issuer_key(spec.issuer_ref):
        found.append("spec.issuerRef")
    return found


def _subject_mismatches(facts: RequestFacts, spec: CertificateSpec) -> list[str]:
    if spec.literal_subject:
        return [] if facts.subject_der == names.subject_der(spec) else ["spec.literalSubject"]
    has, wants = facts.subject, spec.subject or _NO_SUBJECT
    found = [] if has.common_name == spec.common_name else ["spec.commonName"]
    if has.serial_number != wants.serial_number:
        found.append("spec.subject.serialNumber")
    lists = (
        ("organizations", has.organizations, wants.organizations),
        ("countries", has.countries, wants.countries),
        ("localities", has.localities, wants.localities),
        ("organizationalUnits", has.organizational_units, wants.organizational_units),
        ("postCodes", has.postal_codes, wants.postal_codes),  # sic
        ("provinces", has.provinces, wants.provinces),
        ("streetAddresses", has.street_addresses, wants.street_addresses),
    )
    return found + [f"spec.subject.{name}" for name, left, right in lists if _differ(left, right)]


def _other_names_differ(facts: RequestFacts, spec: CertificateSpec) -> bool:
    if any(other.utf8_value is None for other in facts.other_names):
        raise RequestDecodeError("an otherName of the certificate request is not a UTF8String")
    has = sorted((other.oid, other.utf8_value or "") for other in facts.other_names)
    return has != sorted((other.oid, other.utf8_value) for other in spec.other_names or ())


def _durations_differ(left: str, right: str) -> bool:
    try:
        return parse_nanoseconds(left) != parse_nanoseconds(right)
    except DurationError:
        return left != right


def certificate_mismatches(facts: CertificateFacts, spec: CertificateSpec) -> list[str]:
    """Paths of the spec whose names a certificate lacks or exceeds; for when its request is gone.

    Deliberately loose, since issuers move names between commonName and dnsNames and override the rest.
    """
    wanted_name = _wanted_common_name(spec)
    wanted = {*spec.dns_names, wanted_name} - {""}
    has = {*facts.dns_names, facts.common_name} - {""}
    found = []
    if wanted != has:
        if (wanted_name and wanted_name not in has) or (
            facts.common_name and facts.common_name not in wanted
        ):
            found.append("spec.commonName")
        if not has.issuperset(spec.dns_names) or not wanted.issuperset(facts.dns_names):
            found.append("spec.dnsNames")
    if _addresses(facts.ip_addresses) != _addresses(spec.ip_addresses):
        found.append("spec.ipAddresses")
    if _differ(facts.uris, spec.uris):
        found.append("spec.uris")
    if _differ(facts.emails, spec.email_addresses):
        found.append("spec.emailAddresses")
    return found


def _wanted_common_name(spec: CertificateSpec) -> str:
    if not spec.literal_subject:
        return spec.common_name
    try:
        return names.common_name(names.subject_der(spec))
    except PKIError:
        return ""


def _differ(left: Iterable[str] | None, right: Iterable[str] | None) -> bool:
    return sorted(left or ()) != sorted(right or ())


def _addresses(texts: Iterable[str]) -> list[bytes]:
    """Addresses by value, sorted; one that cannot be parsed equals only others of its kind."""
    return sorted(map(_address, texts))


def _address(text: str) -> bytes:
    try:
        return san.pack_ip(text)
    except ValueError:
        return b""
