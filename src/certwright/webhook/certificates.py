"""Rules for Certificates: what their spec may ask for. Whether anybody will sign it is not asked.

They judge a spec when it is new or changes, never one that is stored: otherwise a spec from before a rule
could not even have its status written or its finalizers removed.
"""

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Final

from certwright.api import annotations as ann
from certwright.api import defaults
from certwright.api.certificate import (
    SIGNATURE_ALGORITHMS,
    USAGES,
    CertificateSpec,
    JKSKeystore,
    OtherName,
    PKCS12Keystore,
)
from certwright.api.label_rules import label_key_errors, label_value_errors
from certwright.pki import names, san
from certwright.pki.errors import SubjectError
from certwright.webhook import lifetimes, references
from certwright.webhook.fields import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from certwright.webhook.writes import Findings, Gates, Write, part, read, spec_changes

LONGEST_COMMON_NAME: Final = 64
"""Bytes (RFC 5280, ub-common-name; cert-manager counts bytes)."""
LARGEST_ANNOTATIONS: Final = 256 * 1024
"""Bytes of all annotation keys and values together, as for any object."""
RSA_SIZES: Final = (2048, 8192)
EC_SIZES: Final = (256, 384, 521)

_RESERVED = "cert-manager.io/"
_OID = re.compile(r"[0-9]+(\.[0-9]+)*")
_ATOM = r"[^\x00-\x20()<>\[\]:;@\\,\"\x7f.]+"
_DOT_ATOM = rf"{_ATOM}(?:\.{_ATOM})*"
_MAIL = re.compile(rf"{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[0-9A-Fa-f.:]+\])")
"""RFC 5322 addr-spec without quoted local parts, and with letters beyond ASCII."""


def check(write: Write, gates: Gates) -> Findings:
    """All that is wrong with a Certificate. Raises Unreadable."""
    if not spec_changes(write):
        return Findings()
    spec = spec_of(write.new)
    timing = lifetimes.durations(spec)
    errors = references.secret_name(spec.secret_name, "spec.secretName")
    errors += references.issuer_ref(spec.issuer_ref, "spec.issuerRef")
    errors += _subject(spec, gates) + _alternative_names(spec, gates)
    errors += _private_key(spec) + timing.errors
    for rule in _MORE:
        errors += rule(spec)
    errors += _name_constraints(spec, gates) + _keystores(spec) + lifetimes.renewal(spec.renewal)
    return Findings(errors, timing.warnings)


def spec_of(obj: dict[str, object]) -> CertificateSpec:
    """The spec of a Certificate, required members empty where they are missing. Raises Unreadable."""
    spec = part(obj, "spec")
    filled = {"secretName": "", **spec, "issuerRef": {"name": "", **part(spec, "issuerRef")}}
    return read(filled, CertificateSpec, "spec", "duration", "renewBefore")


def usages(found: list[str] | None, field: str) -> list[FieldError]:
    """Every usage has to be one that the API names."""
    return [
        not_supported(f"{field}[{number}]", usage, USAGES)
        for number, usage in enumerate(found or ())
        if usage not in USAGES
    ]


# --- names ----------------------------------------------------------------------------------------


def _subject(spec: CertificateSpec, gates: Gates) -> list[FieldError]:
    """literalSubject says all of the subject, or the other members do; some name there must be."""
    errors: list[FieldError] = []
    common_name = spec.common_name
    if spec.literal_subject:
        errors, literal = _literal_subject(spec, gates)
        common_name = common_name or literal
    named = (spec.dns_names, spec.uris, spec.email_addresses, spec.ip_addresses, spec.other_names)
    if not common_name and not any(named):
        detail = (
            "at least one of commonName (or a CN in literalSubject), dnsNames, uris, emailAddresses, "
            "ipAddresses and otherNames must be set"
        )
        errors.append(invalid("spec", "", detail))
    if len(common_name.encode("utf-8", "surrogatepass")) > LONGEST_COMMON_NAME:
        errors.append(too_long("spec.commonName", f"must be at most {LONGEST_COMMON_NAME} bytes"))
    return errors


def _literal_subject(spec: CertificateSpec, gates: Gates) -> tuple[list[FieldError], str]:
    """What is wrong with literalSubject, and the common name in it."""
    field, literal = "spec.literalSubject", spec.literal_subject
    if not gates.literal_certificate_subject:
        return [forbidden(field, "the feature gate LiteralCertificateSubject is off")], ""
    errors = []
    if spec.common_name:
        detail = "must not be set beside literalSubject, which holds the common name too"
        errors.append(invalid("spec.commonName", spec.common_name, detail))
    if spec.subject is not None and any(
        getattr(spec.subject, name) for name in spec.subject.__struct_fields__
    ):
        detail = "must not be set beside literalSubject, which holds the whole subject"
        errors.append(invalid("spec.subject", "", detail))
    try:
        rdns = names.parse_literal_subject(literal)
    except SubjectError as error:
        return [*errors, invalid(field, literal, str(error))], ""
    for rdn in rdns:
        for attribute in rdn:
            if not _OID.fullmatch(attribute.oid):
                detail = (
                    f"unrecognized key with value [{attribute.value}]: {attribute.oid} is no attribute type"
                )
                errors.append(invalid(field, literal, detail))
    return errors, names.first_common_name(rdns)


def _alternative_names(spec: CertificateSpec, gates: Gates) -> list[FieldError]:
    errors = []
    for number, address in enumerate(spec.ip_addresses):
        if not _is_ip(address):
            detail = "must be an IPv4 or IPv6 address without a zone"
            errors.append(invalid(f"spec.ipAddresses[{number}]", address, detail))
    for number, address in enumerate(spec.email_addresses):
        if not _MAIL.fullmatch(address):
            detail = "must be a mail address and nothing else, such as me@example.com"
            errors.append(invalid(f"spec.emailAddresses[{number}]", address, detail))
    if spec.other_names and not gates.other_names:
        return [*errors, forbidden("spec.otherNames", "the feature gate OtherNames is off")]
    for number, other in enumerate(spec.other_names or ()):
        errors += _other_name(other, f"spec.otherNames[{number}]")
    return errors


def _is_ip(text: str) -> bool:
    try:
        san.pack_ip(text)
    except ValueError:
        return False
    return True


def _other_name(other: OtherName, field: str) -> list[FieldError]:
    errors = [] if other.oid else [required(f"{field}.oid")]
    if not _OID.fullmatch(other.oid):
        detail = "invalid oid syntax, which is numbers with dots between, such as 1.3.6.1.4.1.311.20.2.3"
        errors.append(invalid(f"{field}.oid", other.oid, detail))
    if not other.utf8_value or not _is_utf8(other.utf8_value):
        errors.append(required(f"{field}.utf8Value", "must be text that is not empty"))
    return errors


def _is_utf8(text: str) -> bool:
    """Whether text can be written as UTF-8: JSON may hold halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- key and signature ----------------------------------------------------------------------------


def _private_key(spec: CertificateSpec) -> list[FieldError]:
    key = spec.private_key
    algorithm = (key.algorithm if key else "") or defaults.DEFAULT_ALGORITHM
    size = key.size if key else 0
    errors = []
    if algorithm == defaults.RSA and size and not RSA_SIZES[0] <= size <= RSA_SIZES[1]:
        detail = f"an RSA key has {RSA_SIZES[0]} to {RSA_SIZES[1]} bits"
        errors.append(invalid("spec.privateKey.size", size, detail))
    elif algorithm == defaults.ECDSA and size and size not in EC_SIZES:
        errors.append(not_supported("spec.privateKey.size", size, EC_SIZES))
    elif algorithm not in _SIGNATURES:
        errors.append(not_supported("spec.privateKey.algorithm", algorithm, _SIGNATURES))
        return errors
    fitting = _SIGNATURES[algorithm]
    if spec.signature_algorithm and spec.signature_algorithm not in fitting:
        detail = (
            f"a key of algorithm {algorithm} signs with {', '.join(fitting) or 'one that has no name here'}"
        )
        errors.append(invalid("spec.signatureAlgorithm", spec.signature_algorithm, detail))
    return errors


_SIGNATURES: Final[dict[str, tuple[str, ...]]] = {
    defaults.RSA: tuple(name for name in SIGNATURE_ALGORITHMS if name.endswith("RSA")),
    defaults.ECDSA: tuple(name for name in SIGNATURE_ALGORITHMS if name.startswith("ECDSA")),
    defaults.ED25519: ("PureEd25519",),
} | dict.fromkeys(defaults.ML_DSA, ())
"""Algorithms of keys, and the names of the signatures that one may choose from."""


# --- the rest -------------------------------------------------------------------------------------


def _usages(spec: CertificateSpec) -> list[FieldError]:
    return usages(spec.usages, "spec.usages")


def _revision_history_limit(spec: CertificateSpec) -> list[FieldError]:
    limit = spec.revision_history_limit
    if limit is None or limit >= 1:
        return []
    return [invalid("spec.revisionHistoryLimit", limit, "must be at least 1")]


def _secret_template(spec: CertificateSpec) -> list[FieldError]:
    """Labels and annotations must be such as an object can have, and not be those that we write."""
    template = spec.secret_template
    if template is None:
        return []
    errors = []
    labels, annotations = "spec.secretTemplate.labels", "spec.secretTemplate.annotations"
    for key, value in template.labels.items():
        errors += [invalid(labels, key, why) for why in label_key_errors(key)]
        errors += [invalid(labels, value, why) for why in label_value_errors(value)]
    for key in template.annotations:
        errors += [invalid(annotations, key, why) for why in label_key_errors(key.lower())]
        if key.startswith(_RESERVED) and key != ann.ALLOW_DIRECT_INJECTION:
            errors.append(invalid(annotations, key, f"annotations with {_RESERVED} are the controller's own"))
    size = sum(len(f"{key}{value}".encode()) for key, value in template.annotations.items())
    if size > LARGEST_ANNOTATIONS:
        errors.append(too_long(annotations, f"must be at most {LARGEST_ANNOTATIONS} bytes together"))
    return errors


def _output_formats(spec: CertificateSpec) -> list[FieldError]:
    types = [output.type for output in spec.additional_output_formats]
    repeated = {type_: None for number, type_ in enumerate(types) if type_ in types[:number]}
    return [duplicate("spec.additionalOutputFormats[type]", type_) for type_ in repeated]


_MORE: Final[tuple[Callable[[CertificateSpec], list[FieldError]], ...]] = (
    _usages,
    _revision_history_limit,
    _secret_template,
    _output_formats,
)


def _name_constraints(spec: CertificateSpec, gates: Gates) -> list[FieldError]:
    found, field = spec.name_constraints, "spec.nameConstraints"
    if found is None:
        return []
    if not gates.name_constraints:
        return [forbidden(field, "the feature gate NameConstraints is off")]
    errors = []
    if not spec.is_ca:
        errors.append(invalid(field, "", "only a CA can constrain names: set isCA to true"))
    if found.permitted is None and found.excluded is None:
        errors.append(invalid(field, "", "permitted or excluded must be set"))
    for name, item in (("permitted", found.permitted), ("excluded", found.excluded)):
        for number, cidr in enumerate(item.ip_ranges if item else ()):
            if not _is_cidr(cidr):
                detail = "must be a range in CIDR notation, such as 10.0.0.0/8"
                errors.append(invalid(f"{field}.{name}.ipRanges[{number}]", cidr, detail))
    return errors


def _is_cidr(text: str) -> bool:
    address, slash, length = text.rpartition("/")
    if not slash or not (length.isascii() and length.isdigit()) or "%" in address:
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _keystores(spec: CertificateSpec) -> list[FieldError]:
    """A keystore needs one password, also while `create` is false."""
    stores = spec.keystores
    if stores is None:
        return []
    errors = _keystore(stores.jks, "spec.keystores.jks") if stores.jks else []
    return errors + (_keystore(stores.pkcs12, "spec.keystores.pkcs12") if stores.pkcs12 else [])


def _keystore(store: JKSKeystore | PKCS12Keystore, field: str) -> list[FieldError]:
    refers = store.password_secret_ref is not None and bool(store.password_secret_ref.name)
    errors = []
    if store.password is not None and refers:
        errors.append(forbidden(field, "password and passwordSecretRef exclude each other"))
    elif store.password is None and not refers:
        errors.append(forbidden(field, "one of password and passwordSecretRef must be set"))
    if store.password == "":
        errors.append(forbidden(f"{field}.password", "must not be empty"))
    return errors
