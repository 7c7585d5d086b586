"""What a CertificateRequest needs next: approval, a signature, or nothing. Pure.

Signing itself is an action; its outcome comes back to `conclude`, which says what to write. Where
approver and signer are both ours, approval and outcome are one write; once that was forbidden, the approval
comes first and alone.
"""

from datetime import datetime
from typing import Any

import msgspec

from certwright.api import conditions
from certwright.api.certmanager import CertificateRequest, CertificateRequestCondition, Issuer
from certwright.api.defaults import GROUP
from certwright.api.outcomes import Outcome, Pending, Permanent, Signed
from certwright.api.references import is_ours, issuer_key
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError
from certwright.plan.actions import WARNING, Approve, Check, Emit, Event, PatchStatus, Plan, Sign
from certwright.plan.world import Policy, RequestWorld

APPROVER = "certificaterequests-approver"
SIGNER = "certificaterequests-issuer-"
ISSUER_TYPES = ("acme", "ca", "vault", "selfsigned", "venafi")
"""The types of issuers, in upstream's order of precedence: the first that a spec has is the one."""

APPROVED_TEXT = "Certificate request has been approved by cert-manager.io"
UNALLOWED = "an approver who may approve it"
MANAGER = f"cert-manager-{APPROVER}"
"""The one field manager of applies: two that own parts of one status would undo each other's."""

_FIELDS = {"certificate": "certificate", "ca": "ca", "failure_time": "failureTime"}
_USUAL = Policy()


def plan_request(world: RequestWorld, policy: Policy, now: datetime) -> Plan:
    """Decide what a CertificateRequest needs next. `now` is aware UTC."""
    request = world.request
    if request.metadata.deletion_timestamp is not None:
        return _done("request is not being deleted", "is being deleted")
    if conditions.has(request.status.conditions, "Denied"):
        return _deny(request, policy, now)
    ready = conditions.find(request.status.conditions, "Ready")
    if ready is not None and ready.reason in {"Failed", "Issued"}:
        return _done("request is undecided", f"is final: {ready.reason}")
    approved = conditions.has(request.status.conditions, "Approved")
    approve = not approved and policy.approve
    idle = _not_to_be_signed(world, policy)
    if approve and world.held_until is not None and now < world.held_until:
        return _held(world, world.held_until)
    if idle is not None:
        return _approve(request, policy, now, idle) if approve else idle
    if not approved and not approve:
        return _unapproved(world, policy)
    if approve and world.approval_refused:
        return _approve(request, policy, now, Plan(waiting_for=UNALLOWED))
    blocked = _blocked(world)
    if blocked is not None:
        return conclude(world, blocked, now, approve=approve, policy=policy)
    issuer_type = issuer_type_of(world.issuer)
    return Plan(
        (Sign(issuer_type=issuer_type, approve=approve),),
        trace=(Check("issuer is ready to sign", passed=True),),
        summary="is ready to be signed",
        waiting_for=f"issuer {request.spec.issuer_ref.name}",
    )


def conclude(
    world: RequestWorld, outcome: Outcome, now: datetime, *, approve: bool, policy: Policy = _USUAL
) -> Plan:
    """What to write once the issuer has answered. `approve` adds the approval to the same write."""
    request, now = world.request, now.replace(microsecond=0)
    signer = _signer(issuer_type_of(world.issuer), policy)
    events: list[Event] = []
    wanted = list(request.status.conditions)
    if approve:
        wanted = conditions.set_condition(wanted, _approved(), now)
        events.append(Event(GROUP, APPROVED_TEXT, APPROVER))
    outcome = _verified(outcome, signer)
    ready, told = _ready(outcome, request, signer)
    wanted = conditions.set_condition(wanted, ready, now)
    changes: dict[str, Any] = {}
    if isinstance(outcome, Signed):
        changes = {"certificate": outcome.chain} | ({"ca": outcome.ca} if outcome.ca else {})
    if isinstance(outcome, Permanent) and request.status.failure_time is None:
        changes["failure_time"] = now
    message = "" if isinstance(outcome, Signed) else outcome.message
    trace = (Check("issuer has signed", isinstance(outcome, Signed), message),)
    write = _write(request, wanted, changes, signer, policy, (*events, *told))
    if not write:
        waiting = f"issuer {request.spec.issuer_ref.name}"
        return Plan((), trace=trace, summary=f"waits: {message}", waiting_for=waiting)
    return Plan(write, trace=trace, summary=message or "is issued")


def issuer_type_of(issuer: Issuer | None) -> str:
    """The kind of issuer a spec configures, in upstream's order of precedence; empty if none."""
    if issuer is None or issuer.spec is None:
        return ""
    spec = issuer.spec
    present = (spec.acme, spec.ca, spec.vault, spec.self_signed, spec.venafi)
    return next((name for name, value in zip(ISSUER_TYPES, present, strict=True) if value is not None), "")


def signer_runs(issuer_type: str, policy: Policy) -> bool:
    """Whether requests of issuers of this type are ours to sign; for none in particular, of any type."""
    types = (issuer_type,) if issuer_type else ISSUER_TYPES
    return any(policy.runs(SIGNER + each) for each in types)


def is_ready(issuer: Issuer) -> bool:
    """Whether an issuer carries the condition Ready=True."""
    return conditions.has(issuer.status.conditions, "Ready")


def _not_to_be_signed(world: RequestWorld, policy: Policy) -> Plan | None:
    """Why no signer of ours has anything to do with a request, approved or not; None if one has."""
    request = world.request
    if conditions.has(request.status.conditions, "InvalidRequest"):
        return _done("request is valid", "was found invalid")
    if not is_ours(request.spec.issuer_ref):
        group = request.spec.issuer_ref.group or ""
        trace = (Check("issuer is one of ours", passed=False, detail=group),)
        waiting = f"the controller of {group}"
        return Plan((), trace=trace, summary="is left to its own controller", waiting_for=waiting)
    if not signer_runs(issuer_type_of(world.issuer), policy):
        trace = (Check("signer of this type of issuer is switched on", passed=False),)
        return Plan((), trace=trace, summary="is not signed here", waiting_for="another signer")
    if request.status.certificate and _blocked(world) is None:
        return _done("request has no certificate yet", "holds a certificate already")
    return None


def _blocked(world: RequestWorld) -> Pending | None:
    """Why the issuer cannot be asked to sign now."""
    name, kind, _ = issuer_key(world.request.spec.issuer_ref)
    if kind not in {"Issuer", "ClusterIssuer"}:
        text = f'invalid value "{kind}" for issuerRef.kind. Must be empty, "Issuer" or "ClusterIssuer"'
        return Pending("IssuerNotFound", f'Referenced "{kind}" not found: {text}')
    if not world.kind_served:
        text = "this controller serves a single namespace, and no ClusterIssuers"
        return Pending("IssuerNotFound", f'Referenced "{kind}" not found: {text}')
    if world.issuer is None:
        missing = f'{kind.lower()}.{GROUP} "{name}" not found'
        return Pending("IssuerNotFound", f'Referenced "{kind}" not found: {missing}')
    if not issuer_type_of(world.issuer):
        where = f"{world.issuer.metadata.namespace or ''}/{name}"
        return Pending("IssuerTypeMissing", f"Missing issuer type: no issuer specified for Issuer '{where}'")
    if not is_ready(world.issuer):
        return Pending("IssuerNotReady", "Referenced issuer does not have a Ready status condition")
    return None


def _verified(outcome: Outcome, signer: str) -> Outcome:
    """A certificate that cannot be decoded is a failure, whoever returned it."""
    if not isinstance(outcome, Signed):
        return outcome
    try:
        parse_certificate(outcome.chain)
    except PKIError as error:
        own = " (is spec.secretName of the Certificate the issuer's own Secret?)"
        hint = own if signer == f"{SIGNER}ca" else ""
        return Permanent("DecodeError", f"Failed to decode returned certificate: {error}{hint}")
    return outcome


def _ready(
    outcome: Outcome, request: CertificateRequest, component: str
) -> tuple[CertificateRequestCondition, list[Event]]:
    """The Ready condition for an outcome, and the events that go with it."""
    if isinstance(outcome, Signed):
        text = "Certificate fetched from issuer successfully"
        events = [Event(reason, message, component, WARNING) for reason, message in outcome.warnings]
        events.append(Event("CertificateIssued", text, component))
        return _condition("Ready", "True", "Issued", text), events
    if isinstance(outcome, Permanent):
        events = [Event(outcome.reason, outcome.message, component, WARNING)]
        return _condition("Ready", "False", "Failed", outcome.message), events
    before = conditions.find(request.status.conditions, "Ready")
    entering = before is None or before.reason != "Pending"
    events = [Event(outcome.reason, outcome.message, component)] if entering else []
    return _condition("Ready", "False", "Pending", outcome.message), events


def _deny(request: CertificateRequest, policy: Policy, now: datetime) -> Plan:
    """A denied request is never signed; say so once."""
    now = now.replace(microsecond=0)
    text = "The CertificateRequest was denied by an approval controller"
    trace = (Check("request is not denied", passed=False, detail=text),)
    if not is_ours(request.spec.issuer_ref) or not signer_runs("", policy):
        return Plan((), trace=trace, summary="was denied")
    denied = _condition("Ready", "False", "Denied", text)
    wanted = conditions.set_condition(list(request.status.conditions), denied, now)
    changes = {"failure_time": now} if request.status.failure_time is None else {}
    return Plan(_write(request, wanted, changes, APPROVER, policy), trace=trace, summary="was denied")


def _approve(request: CertificateRequest, policy: Policy, now: datetime, rest: Plan) -> Plan:
    """Approve a request and do nothing else: what comes after it, and whose turn it is then, `rest` says."""
    wanted = conditions.set_condition(
        list(request.status.conditions), _approved(), now.replace(microsecond=0)
    )
    events = (Event(GROUP, APPROVED_TEXT, APPROVER),)
    approvals = tuple(
        Approve(status=write.status, field_manager=write.field_manager, apply=write.apply, events=events)
        for write in _write(request, wanted, {}, APPROVER, policy)
    )
    return Plan(approvals, trace=rest.trace, summary="is to be approved", waiting_for=rest.waiting_for)


def _held(world: RequestWorld, until: datetime) -> Plan:
    """Wait, because approval was refused for the same signer; say so once."""
    text = f"The built-in approver is not allowed to approve requests for this issuer: {world.refusal}"
    told = Emit(events=(Event("ApprovalForbidden", text, APPROVER, WARNING, once=True),))
    return Plan(
        (told,) if world.refusal else (),
        wake_at=until,
        trace=(Check("approval is not refused", passed=False, detail=world.refusal),),
        summary="waits until it may be approved",
        waiting_for=UNALLOWED,
    )


def _unapproved(world: RequestWorld, policy: Policy) -> Plan:
    signer = _signer(issuer_type_of(world.issuer), policy)
    text = "Not signing CertificateRequest until it is Approved"
    return Plan(
        (Emit(events=(Event("WaitingForApproval", text, signer, once=True),)),),
        trace=(Check("request is approved", passed=False),),
        summary="waits to be approved",
        waiting_for="an approver",
    )


def _signer(issuer_type: str, policy: Policy) -> str:
    """The signer that speaks for a type of issuer; one for all where the type is not known."""
    types = (issuer_type,) if issuer_type else ("ca", *ISSUER_TYPES)
    return next((SIGNER + each for each in types if policy.runs(SIGNER + each)), f"{SIGNER}ca")


def _write(
    request: CertificateRequest,
    wanted: list[CertificateRequestCondition],
    changes: dict[str, Any],
    component: str,
    policy: Policy,
    events: tuple[Event, ...] = (),
) -> tuple[PatchStatus, ...]:
    """The one status write, if anything changes. `changes` are fields by Python name."""
    before = list(request.status.conditions)
    if wanted == before and not changes:
        return ()
    if policy.server_side_apply:
        status = _all_of_ours(request, wanted, changes)
        return (PatchStatus(status=status, field_manager=MANAGER, apply=True, events=events),)
    status = {_FIELDS[name]: msgspec.to_builtins(value) for name, value in changes.items()}
    if wanted != before:
        status["conditions"] = msgspec.to_builtins(wanted)
    return (PatchStatus(status=status, field_manager=f"cert-manager-{component}", events=events),)


def _all_of_ours(
    request: CertificateRequest, wanted: list[CertificateRequestCondition], changes: dict[str, Any]
) -> dict[str, Any]:
    """The status as far as it is ours: our approval and, where we sign, Ready and what belongs to it."""
    ours = is_ours(request.spec.issuer_ref)
    kept = [c for c in wanted if (c.type == "Approved" and c.reason == GROUP) or (c.type == "Ready" and ours)]
    status = {"conditions": msgspec.to_builtins(kept)}
    if ours:
        values = {name: changes.get(name, getattr(request.status, name)) for name in _FIELDS}
        status |= {_FIELDS[name]: msgspec.to_builtins(value) for name, value in values.items() if value}
    return status


def _done(name: str, summary: str) -> Plan:
    return Plan((), trace=(Check(name, passed=False),), summary=summary)


def _approved() -> CertificateRequestCondition:
    return _condition("Approved", "True", GROUP, APPROVED_TEXT)


def _condition(type_: str, status: str, reason: str, message: str) -> CertificateRequestCondition:
    return CertificateRequestCondition(type=type_, status=status, reason=reason, message=message)
