"""What the target Secret of a Certificate should look like, and whether it still does.

Metadata only: the data is put together where the private key is at hand. The field manager's name
is contract: the checks read metadata.managedFields.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from certwright.api import annotations as ann
from certwright.api.certmanager import Certificate, CertificateRequest, IssuerRef
from certwright.api.meta import CERTIFICATES, ManagedFieldsEntry, OwnerReference, controller_reference
from certwright.pki import keystores
from certwright.pki.certificate import CertificateFacts, detail_annotations
from certwright.plan.actions import ApplySecret
from certwright.plan.policies import Violation, go_list
from certwright.plan.world import OwnedFields, SecretFacts

MANAGED_PREFIXES = ("cert-manager.io/", "controller.cert-manager.io/")
IDENTITY = frozenset({ann.CERTIFICATE_NAME, ann.ISSUER_NAME, ann.ISSUER_KIND, ann.ISSUER_GROUP})
_KEYSTORE_KEYS = frozenset(key for pair in keystores.FILES.values() for key in pair)
_PAIR = frozenset({ann.TLS_CRT, ann.TLS_KEY})
FORMAT_KEYS = {"DER": ann.KEY_DER, "CombinedPEM": ann.TLS_COMBINED}


def apply_issued(
    certificate: Certificate,
    request: CertificateRequest,
    facts: CertificateFacts,
    *,
    existing_type: str,
    owner: bool,
) -> ApplySecret:
    """The apply that stores the certificate of a request; an `existing_type` is immutable and kept."""
    identity = {ann.CERTIFICATE_NAME: certificate.metadata.name}
    identity |= _issuer_annotations(request.spec.issuer_ref)
    labels, annotations = _metadata(certificate, facts, identity)
    return ApplySecret(
        name=certificate.spec.secret_name,
        type=existing_type or ann.TLS_SECRET_TYPE,
        labels=labels,
        annotations=annotations,
        request=request.metadata.name,
        owner=owner_reference(certificate) if owner else None,
    )


def apply_temporary(
    certificate: Certificate, facts: CertificateFacts, *, existing_type: str, owner: bool
) -> ApplySecret:
    """The apply that stores a temporary certificate: it names the Certificate, and no issuer."""
    labels, annotations = _metadata(certificate, facts, {ann.CERTIFICATE_NAME: certificate.metadata.name})
    return ApplySecret(
        name=certificate.spec.secret_name,
        type=existing_type or ann.TLS_SECRET_TYPE,
        labels=labels,
        annotations=annotations,
        owner=owner_reference(certificate) if owner else None,
    )


def apply_again(certificate: Certificate, secret: SecretFacts, *, owner: bool) -> ApplySecret:
    """The apply that repairs a Secret's metadata and formats without touching key and certificate."""
    assert secret.certificate is not None  # noqa: S101  # the caller has checked the Secret
    kept = {key: value for key, value in secret.metadata.annotations.items() if key in IDENTITY}
    labels, annotations = _metadata(certificate, secret.certificate, kept)
    return ApplySecret(
        name=certificate.spec.secret_name,
        type=secret.type or ann.TLS_SECRET_TYPE,
        labels=labels,
        annotations=annotations,
        owner=owner_reference(certificate) if owner else None,
    )


def owner_reference(certificate: Certificate) -> OwnerReference:
    """The controller reference that ties an object to its Certificate."""
    return controller_reference(CERTIFICATES, certificate.metadata)


class Comparison(Struct, frozen=True):
    """A Certificate beside its stored Secret, with the values both sides should agree on."""

    certificate: Certificate
    secret: SecretFacts
    details: dict[str, str]
    template_labels: dict[str, str]
    template_annotations: dict[str, str]
    formats: frozenset[str]
    owner: bool


def drift(certificate: Certificate, secret: SecretFacts, *, owner: bool) -> Violation | None:
    """The first way in which a stored Secret differs from what would be applied now, if any.

    None as well when the Secret has no usable key pair or unreadable managedFields: then there is
    nothing to repair here.
    """
    if secret.certificate is None or not secret.filled("tls.key") or secret.owned.error:
        return None
    template = certificate.spec.secret_template
    comparison = Comparison(
        certificate=certificate,
        secret=secret,
        details=detail_annotations(secret.certificate),
        template_labels=template.labels if template else {},
        template_annotations=template.annotations if template else {},
        formats=frozenset(FORMAT_KEYS[f.type] for f in certificate.spec.additional_output_formats),
        owner=owner,
    )
    for check in POST_ISSUANCE:
        violation = check(comparison)
        if violation is not None:
            return violation
    return None


def _base_label(seen: Comparison) -> Violation | None:
    value = seen.secret.metadata.labels.get(ann.PART_OF)
    if value is None or value == "true":
        return None
    return Violation(
        "SecretManagedMetadataMismatch", f'label {ann.PART_OF} is "{value}" and should be "true"'
    )


def _detail_values(seen: Comparison) -> Violation | None:
    for key, value in seen.details.items():
        stored = seen.secret.metadata.annotations.get(key)
        if stored is not None and stored != value:
            return Violation(
                "SecretTemplateMismatch", f'annotation {key} is "{stored}" and should be "{value}"'
            )
    return None


def _managed_ownership(seen: Comparison) -> Violation | None:
    owned = seen.secret.owned
    labels = {key for key in owned.labels if _managed(key)}
    wanted = {ann.PART_OF} | {key for key in seen.template_labels if _managed(key)}
    if labels != wanted:
        return _ownership("SecretManagedMetadataMismatch", "labels", labels, wanted)
    annotations = {key for key in owned.annotations if _managed(key)} - IDENTITY
    wanted = set(seen.details) | {key for key in seen.template_annotations if _managed(key)}
    if annotations != wanted - IDENTITY:
        return _ownership("SecretManagedMetadataMismatch", "annotations", annotations, wanted - IDENTITY)
    return None


def _template_values(seen: Comparison) -> Violation | None:
    metadata = seen.secret.metadata
    fixed = set(seen.details) | IDENTITY
    if _differs(metadata.annotations, seen.template_annotations, fixed):
        return Violation("SecretTemplateMismatch", "an annotation of secretTemplate has another value")
    if _differs(metadata.labels, seen.template_labels, {ann.PART_OF}):
        return Violation("SecretTemplateMismatch", "a label of secretTemplate has another value")
    return None


def _template_ownership(seen: Comparison) -> Violation | None:
    owned = seen.secret.owned
    for what, have, template in (
        ("labels", owned.labels, seen.template_labels),
        ("annotations", owned.annotations, seen.template_annotations),
    ):
        mine = {key for key in have if not _managed(key)}
        wanted = {key for key in template if not _managed(key)}
        if mine != wanted:
            return _ownership("SecretTemplateMismatch", f"template {what}", mine, wanted)
    return None


def _format_values(seen: Comparison) -> Violation | None:
    stale = seen.formats - seen.secret.formats_current
    if stale:
        return Violation(
            "AdditionalOutputFormatsMismatch", f"data keys missing or outdated: {go_list(sorted(stale))}"
        )
    return None


def _format_ownership(seen: Comparison) -> Violation | None:
    owned = seen.secret.owned.data & frozenset(FORMAT_KEYS.values())
    if owned != seen.formats:
        return _ownership("AdditionalOutputFormatsMismatch", "data keys", set(owned), set(seen.formats))
    return None


def _keystores(seen: Comparison) -> Violation | None:
    """Presence only: a changed password, alias or profile shows at the next apply; what is others' stays."""
    secret, wanted = seen.secret, set()
    for name in keystores.wanted(seen.certificate.spec):
        keystore, truststore = keystores.FILES[name]
        wanted |= {keystore, truststore} if secret.filled(ann.CA_CRT) else {keystore}
    missing = [key for key in sorted(wanted) if not secret.filled(key)]
    extra = sorted((secret.owned.data & _KEYSTORE_KEYS) - wanted)
    if not missing and not extra:
        return None
    text = f"keystores: missing {go_list(missing)}, extra {go_list(extra)}"
    return Violation("SecretKeystoreFormatMismatch", text)


def _owner(seen: Comparison) -> Violation | None:
    uid = seen.certificate.metadata.uid
    if (uid in seen.secret.owned.owner_uids) != seen.owner:
        return Violation("SecretOwnerRefMismatch", "owner reference to the Certificate not as configured")
    if not seen.owner:
        return None
    if owner_reference(seen.certificate) not in seen.secret.metadata.owner_references:
        return Violation("SecretOwnerRefMismatch", "owner reference to the Certificate was changed")
    return None


POST_ISSUANCE: tuple[Callable[[Comparison], Violation | None], ...] = (
    _base_label,
    _detail_values,
    _managed_ownership,
    _template_values,
    _template_ownership,
    _format_values,
    _format_ownership,
    _owner,
    _keystores,
)


def owned_fields(entries: Iterable[ManagedFieldsEntry]) -> OwnedFields:
    """What our field manager owns of a Secret, from its managedFields, and who else writes it."""
    labels: set[str] = set()
    annotations: set[str] = set()
    data: set[str] = set()
    owners: set[str] = set()
    others: set[str] = set()
    pair_writers: set[str] = set()
    for entry in entries:
        fields = entry.fields_v1 or {}
        if entry.manager != ann.TARGET_SECRET_MANAGER:
            others.add(entry.manager)
            if _names(_child(fields, "f:data")) & _PAIR:
                pair_writers.add(entry.manager)
            continue
        if entry.fields_type not in {"", "FieldsV1"}:
            return OwnedFields(error=f"managedFields of type {entry.fields_type} are not known")
        metadata = _child(fields, "f:metadata")
        labels |= _names(_child(metadata, "f:labels"))
        annotations |= _names(_child(metadata, "f:annotations"))
        data |= _names(_child(fields, "f:data"))
        owners |= {
            key.removeprefix('k:{"uid":"').removesuffix('"}')
            for key in _child(metadata, "f:ownerReferences")
            if key.startswith('k:{"uid":')
        }
    return OwnedFields(
        labels=frozenset(labels),
        annotations=frozenset(annotations),
        data=frozenset(data),
        owner_uids=frozenset(owners),
        pair_writers=tuple(sorted(pair_writers)),
        others=tuple(sorted(others)),
    )


def _metadata(
    certificate: Certificate, facts: CertificateFacts, identity: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations; where keys collide, the later of template, details, identity wins."""
    template = certificate.spec.secret_template
    labels = dict(template.labels) if template else {}
    annotations = dict(template.annotations) if template else {}
    return labels | {ann.PART_OF: "true"}, annotations | detail_annotations(facts) | identity


def _issuer_annotations(issuer: IssuerRef) -> dict[str, str]:
    if not (issuer.name or issuer.kind or issuer.group):
        return {}
    return {
        ann.ISSUER_NAME: issuer.name,
        ann.ISSUER_KIND: issuer.kind or "",
        ann.ISSUER_GROUP: issuer.group or "",
    }


def _managed(key: str) -> bool:
    return key.startswith(MANAGED_PREFIXES)


def _differs(
    stored: Mapping[str, str], template: Mapping[str, str], fixed: set[str] | frozenset[str]
) -> bool:
    return any(key not in fixed and stored.get(key, value) != value for key, value in template.items())


def _ownership(reason: str, what: str, have: set[str], wanted: set[str]) -> Violation:
    missing, extra = sorted(wanted - have), sorted(have - wanted)
    return Violation(reason, f"managed {what}: missing {go_list(missing)}, extra {go_list(extra)}")


def _child(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    child = fields.get(name)
    return child if isinstance(child, Mapping) else {}


def _names(fields: Mapping[str, object]) -> set[str]:
    return {key[2:] for key in fields if key.startswith("f:")}
