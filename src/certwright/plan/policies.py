"""Ordered chains of checks on a Certificate and its Secret: the first violation decides.

The order of the checks, their reasons and their messages are contract: users see them as the
reason of a condition. A check looks at facts only; it never parses bytes and never reads a clock.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from certwright.api import annotations as ann
from certwright.api.certmanager import Certificate, CertificateRequest, IssuerRef
from certwright.api.references import issuer_key
from certwright.pki import csr, match
from certwright.pki.errors import PKIError
from certwright.pki.keys import violations as key_violations
from certwright.pki.renewal import Renewal
from certwright.plan.actions import Check
from certwright.plan.world import SecretFacts


class Violation(Struct, frozen=True):
    """Why a check failed: the condition reason, and the message users see."""

    reason: str
    message: str


class View(Struct, frozen=True):
    """What the checks see: the Certificate, its Secret and the request of its current revision.

    `renewal` is when the certificate in the Secret is due, None without one.
    """

    certificate: Certificate
    secret: SecretFacts | None
    current: CertificateRequest | None
    now: datetime
    renewal: Renewal | None = None


Policy = Callable[[View], Violation | None]


def secret_does_not_exist(view: View) -> Violation | None:
    """The target Secret must exist."""
    if view.secret is None:
        return Violation("DoesNotExist", "Issuing certificate as Secret does not exist")
    return None


def secret_is_missing_data(view: View) -> Violation | None:
    """The target Secret must hold a key and a certificate."""
    secret = _secret(view)
    if not secret.digests:
        return Violation("MissingData", "Issuing certificate as Secret does not contain any data")
    if not secret.filled("tls.key"):
        return Violation("MissingData", "Issuing certificate as Secret does not contain a private key")
    if not secret.filled("tls.crt"):
        return Violation("MissingData", "Issuing certificate as Secret does not contain a certificate")
    return None


def secret_public_keys_differ(view: View) -> Violation | None:
    """The key and the certificate of the Secret must decode and belong together."""
    secret = _secret(view)
    if secret.key is None:
        return _bad_key(secret)
    if secret.certificate is None:
        return _bad_certificate(secret)
    if secret.key.spki_sha256 != secret.certificate.public_key.spki_sha256:
        return Violation(
            "InvalidKeyPair",
            "Issuing certificate as Secret contains a private key that does not match the certificate",
        )
    return None


def is_temporary(secret: SecretFacts) -> bool:
    """Whether a Secret holds a temporary certificate: signed by the throw-away CA, and by no issuer."""
    facts = secret.certificate
    return facts is not None and facts.is_temporary and ann.ISSUER_NAME not in secret.metadata.annotations


def secret_issuer_annotations_mismatch(view: View) -> Violation | None:
    """The issuer named on the Secret, if any, must be the issuer of the spec; a temporary certificate is of
    none.
    """
    secret = _secret(view)
    if is_temporary(secret):
        return Violation(
            "IncorrectIssuer",
            "Issuing certificate as Secret holds a temporary certificate, which no issuer has signed",
        )
    annotations = secret.metadata.annotations
    name = annotations.get(ann.ISSUER_NAME)
    kind = annotations.get(ann.ISSUER_KIND)
    group = annotations.get(ann.ISSUER_GROUP)
    seen = IssuerRef(name=name or "", kind=kind or "", group=group or "")
    wanted = view.certificate.spec.issuer_ref
    if name is None and kind is None and group is None:
        matches = issuer_key(seen)[1:] == issuer_key(wanted)[1:]  # no name is any name
    else:
        matches = issuer_key(seen) == issuer_key(wanted)
    if matches:
        return None
    _, seen_kind, seen_group = issuer_key(seen)
    previous = f"{seen_kind}.{seen_group}/{seen.name}"
    return Violation(
        "IncorrectIssuer", f'Issuing certificate as Secret was previously issued by "{previous}"'
    )


def secret_certificate_name_mismatches(view: View) -> Violation | None:
    """The Certificate named on the Secret, if any, must be this one."""
    name = _secret(view).metadata.annotations.get(ann.CERTIFICATE_NAME)
    if name is None or name == view.certificate.metadata.name:
        return None
    return Violation(
        "IncorrectCertificate",
        f'Secret was issued for "{name}". If this message is not transient, you might have two '
        "conflicting Certificates pointing to the same secret.",
    )


def secret_key_mismatches_spec(view: View) -> Violation | None:
    """Algorithm and size of the stored key must be those of the spec; its encoding is not judged."""
    secret = _secret(view)
    if secret.key is None:
        return _bad_key(secret)
    paths = key_violations(secret.key, view.certificate.spec.private_key)
    if not paths:
        return None
    return Violation("SecretMismatch", f"Existing private key is not up to date for spec: {go_list(paths)}")


def secret_key_differs_from_current_request(view: View) -> Violation | None:
    """The stored key must be the one that the current revision's request was made for."""
    if view.current is None:
        return None
    secret = _secret(view)
    if secret.key is None:
        return _bad_key(secret)
    try:
        facts = csr.parse_request(view.current.spec.request)
    except PKIError as error:
        return Violation("InvalidCertificateRequest", f"Failed to decode current CertificateRequest: {error}")
    if facts.public_key.spki_sha256 == secret.key.spki_sha256:
        return None
    return Violation(
        "SecretMismatch",
        "Secret contains a private key that does not match the current CertificateRequest",
    )


def current_request_mismatches_spec(view: View) -> Violation | None:
    """The request of the current revision, or failing that the certificate, must fit the spec."""
    if view.current is not None:
        try:
            paths = match.request_mismatches(view.current, view.certificate.spec)
        except PKIError:
            return None  # reported by the check before this one
        if not paths:
            return None
        return Violation(
            "RequestChanged",
            f"Fields on existing CertificateRequest resource not up to date: {go_list(paths)}",
        )
    secret = _secret(view)
    if secret.certificate is None:
        return _bad_certificate(secret)
    paths = match.certificate_mismatches(secret.certificate, view.certificate.spec)
    if not paths:
        return None
    return Violation(
        "SecretMismatch",
        f"Issuing certificate as Existing issued Secret is not up to date for spec: {go_list(paths)}",
    )


def certificate_nears_expiry(view: View) -> Violation | None:
    """The renewal time, computed from the certificate, must be ahead."""
    when = view.renewal
    if when is None:
        return _bad_certificate(_secret(view))
    if when.at is None or when.at > view.now:
        return None
    if when.error:
        return Violation("WindowError", when.error)
    scheduled = view.certificate.status.renewal_time or when.at
    return Violation("Renewing", f"Renewing certificate as renewal was scheduled at {go_time(scheduled)}")


def certificate_has_expired(view: View) -> Violation | None:
    """The certificate must not be past its notAfter."""
    secret = _secret(view)
    if secret.certificate is None:
        return _bad_certificate(secret)
    if view.now <= secret.certificate.not_after:
        return None
    expired = secret.certificate.not_after.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")
    return Violation("Expired", f"Certificate expired on {expired}")


class Rule(Struct, frozen=True):
    """A check of a chain, under the sentence that it holds to be true."""

    title: str
    check: Policy


_COMMON: tuple[Rule, ...] = (
    Rule("the Secret exists", secret_does_not_exist),
    Rule("the Secret holds a key and a certificate", secret_is_missing_data),
    Rule("key and certificate belong together", secret_public_keys_differ),
    Rule("the Secret was issued by the issuer of the spec", secret_issuer_annotations_mismatch),
    Rule("the Secret was issued for this Certificate", secret_certificate_name_mismatches),
    Rule("the key is of the kind that the spec asks for", secret_key_mismatches_spec),
    Rule("the key is the one of the current request", secret_key_differs_from_current_request),
    Rule("the certificate is what the spec asks for", current_request_mismatches_spec),
)
USABLE_PAIR: tuple[Rule, ...] = _COMMON[:3]
TRIGGER: tuple[Rule, ...] = (*_COMMON, Rule("renewal is not due", certificate_nears_expiry))
READINESS: tuple[Rule, ...] = (*_COMMON, Rule("the certificate has not expired", certificate_has_expired))


def evaluate(chain: Sequence[Rule], view: View) -> tuple[Violation | None, tuple[Check, ...]]:
    """Run a chain up to its first violation; also return the checks made, for explanations."""
    trace = []
    for rule in chain:
        violation = rule.check(view)
        trace.append(Check(rule.title, violation is None, violation.message if violation else ""))
        if violation is not None:
            return violation, tuple(trace)
    return None, tuple(trace)


def go_list(items: Sequence[str]) -> str:
    """A list as users know it from the conditions: `[a b]`."""
    return f"[{' '.join(items)}]"


def go_time(when: datetime) -> str:
    """A time as users know it from the conditions: `2026-11-24 20:18:45 +0000 UTC`."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")


def _secret(view: View) -> SecretFacts:
    assert view.secret is not None, "the chain asks first whether the Secret exists"  # noqa: S101
    return view.secret


def _bad_key(secret: SecretFacts) -> Violation:
    return Violation(
        "InvalidKeyPair",
        f"Issuing certificate as Secret contains invalid private key data: {secret.key_error}",
    )


def _bad_certificate(secret: SecretFacts) -> Violation:
    return Violation(
        "InvalidCertificate",
        f"Issuing certificate as Secret contains an invalid certificate: {secret.certificate_error}",
    )
