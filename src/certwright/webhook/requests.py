"""Rules for CertificateRequests: who asks, for what, and that neither changes afterwards.

Whether somebody may approve one is in `approval`.
"""

from typing import Any, Final

import msgspec

from certwright.api.conditions import TRUE
from certwright.api.defaults import GROUP, GROUP_ACME
from certwright.api.duration import parse_nanoseconds
from certwright.api.reasons import APPROVED, DENIED
from certwright.api.request import (
    CertificateRequestCondition,
    CertificateRequestSpec,
    CertificateRequestStatus,
)
from certwright.pki.errors import PKIError
from certwright.pki.sign import check_request
from certwright.webhook import references
from certwright.webhook.certificates import usages
from certwright.webhook.fields import FieldError, forbidden, invalid, required
from certwright.webhook.writes import CREATE, Findings, Gates, Object, Requester, Write, part, read

DECISIONS: Final = (APPROVED, DENIED)

_FIXED = (GROUP, GROUP_ACME)
"""What the keys of annotations that cannot be changed begin with; a slash need not follow."""


def mutate(write: Write) -> Object:
    """The object with the requester written into its spec, whatever was there. Only of a CREATE."""
    spec = write.new.get("spec") or {}
    if write.operation != CREATE or not isinstance(spec, dict):
        return write.new
    user = write.user
    identity = {"username": user.username, "uid": user.uid, "groups": list(user.groups)}
    spec = {name: value for name, value in spec.items() if name != "extra"} | identity
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}
    return write.new | {"spec": spec}


def check(write: Write, gates: Gates) -> Findings:
    """All that is wrong with a CertificateRequest. Raises Unreadable."""
    del gates
    spec, status = spec_of(write.new), conditions_of(write.new)
    errors = _decisions(status)
    if write.old is None:
        return Findings(_content(spec) + _identity(spec, write.user) + errors)
    errors += _unchanged(spec_of(write.old), spec)
    errors += _annotations(part(write.old, "metadata"), part(write.new, "metadata"))
    return Findings(errors + _kept_decisions(conditions_of(write.old), status))


def spec_of(obj: Object) -> CertificateRequestSpec:
    """The spec of a request, required members empty where they are missing. Raises Unreadable."""
    spec = part(obj, "spec")
    filled = {"request": "", **spec, "issuerRef": {"name": "", **part(spec, "issuerRef")}}
    return read(filled, CertificateRequestSpec, "spec", "duration")


def conditions_of(obj: Object) -> list[CertificateRequestCondition]:
    """The conditions of a request. Raises Unreadable."""
    return read(part(obj, "status"), CertificateRequestStatus, "status").conditions


# --- content --------------------------------------------------------------------------------------


def _content(spec: CertificateRequestSpec) -> list[FieldError]:
    errors = references.issuer_ref(spec.issuer_ref, "spec.issuerRef")
    wrong = usages(spec.usages, "spec.usages")
    if not spec.request:
        return [*errors, required("spec.request"), *wrong]
    if wrong:
        return errors + wrong
    try:
        check_request(spec.request, usages=spec.usages, is_ca=spec.is_ca)
    except PKIError as error:
        text = spec.request.decode("utf-8", "replace")
        errors.append(invalid("spec.request", text, str(error)))
    return errors


def _identity(spec: CertificateRequestSpec, user: Requester) -> list[FieldError]:
    """The requester is who the API server says; the order of groups and of extra values means nothing."""
    extra = {key: sorted(values) for key, values in user.extra.items()}
    same = {
        "username": spec.username == user.username,
        "uid": spec.uid == user.uid,
        "groups": sorted(spec.groups) == sorted(user.groups),
        "extra": {key: sorted(values) for key, values in spec.extra.items()} == extra,
    }
    return [forbidden(f"spec.{name}", "must be that of the requester") for name in same if not same[name]]


# --- what cannot change ---------------------------------------------------------------------------


def _unchanged(old: CertificateRequestSpec, new: CertificateRequestSpec) -> list[FieldError]:
    if _comparable(old) == _comparable(new):
        return []
    errors = [forbidden("spec", "cannot be changed; make another CertificateRequest")]
    names = ("username", "uid", "groups", "extra")
    return errors + [
        forbidden(f"spec.{name}", "is that of the requester, and cannot be changed")
        for name in names
        if getattr(old, name) != getattr(new, name)
    ]


def _comparable(spec: CertificateRequestSpec) -> tuple[Any, ...]:
    """A spec with its duration as a number and no usages as none: what clients write differently at times."""
    duration = parse_nanoseconds(spec.duration) if spec.duration else None
    return duration, msgspec.structs.replace(spec, duration="", usages=spec.usages or None)


def _annotations(old: Object, new: Object) -> list[FieldError]:
    before, after = part(old, "annotations"), part(new, "annotations")
    return [
        forbidden(f"metadata.annotations.{key}", "cannot be added, changed or removed after creation")
        for key in sorted({*before, *after})
        if key.startswith(_FIXED) and before.get(key) != after.get(key)
    ]


# --- approval -------------------------------------------------------------------------------------


def _decisions(conditions: list[CertificateRequestCondition]) -> list[FieldError]:
    """Approved and Denied: each at most once, only True, never both."""
    field = "status.conditions"
    errors = []
    found = {type_: [each for each in conditions if each.type == type_] for type_ in DECISIONS}
    for type_, each in found.items():
        if len(each) > 1:
            errors.append(forbidden(field, f"the condition {type_} is there {len(each)} times"))
        for condition in each:
            if condition.status != TRUE:
                detail = f"the condition {type_} can only be {TRUE}"
                errors.append(invalid(f"{field}.{type_}", condition.status, detail))
    if all(found.values()):
        errors.append(forbidden(field, "a request is either Approved or Denied, not both"))
    return errors


def _kept_decisions(
    old: list[CertificateRequestCondition], new: list[CertificateRequestCondition]
) -> list[FieldError]:
    return [
        forbidden("status.conditions", f"the condition {type_} cannot be changed or removed")
        for type_ in DECISIONS
        if (before := [each for each in old if each.type == type_])
        and before != [each for each in new if each.type == type_]
    ]
