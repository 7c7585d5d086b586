"""What a CertificateRequest needs next: approval, a signature, or nothing. Pure.

Signing itself is an action; its outcome comes back to `conclude`, which says what to write. Where
approver and signer are both ours, approval and outcome are one write.
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
from certwright.plan.actions import WARNING, Check, Emit, Event, PatchStatus, Plan, Sign
from certwright.plan.world import Policy, RequestWorld

APPROVER = "certificaterequests-approver"
APPROVED_TEXT = "Certificate request has been approved by cert-manager.io"


def plan_request(world: RequestWorld, policy: Policy, now: datetime) -> Plan:
    """Decide what a CertificateRequest needs next. `now` is aware UTC."""
    request = world.request
    if request.metadata.deletion_timestamp is not None:
        return _done("request is not being deleted", "is being deleted")
    if conditions.has(request.status.conditions, "Denied"):
        return _deny(request, now)
    if conditions.has(request.status.conditions, "InvalidRequest"):
        return _done("request is valid", "was found invalid")
    ready = conditions.find(request.status.conditions, "Ready")
    if ready is not None and ready.reason in {"Failed", "Issued"}:
        return _done("request is undecided", f"is final: {ready.reason}")
    approved = conditions.has(request.status.conditions, "Approved")
    approve = not approved and policy.approve
    kind = issuer_key(request.spec.issuer_ref)[1]
    if not is_ours(request.spec.issuer_ref):
        return _foreign(request, now, approve=approve)
    if not approved and not approve:
        return _unapproved(world)
    blocked = _blocked(world, kind)
    if blocked is not None:
        return _write(request, now, blocked, world.issuer, approve=approve)
    if request.status.certificate:
        return _done("request has no certificate yet", "holds a certificate already")
    issuer_type = issuer_type_of(world.issuer)
    return Plan(
        (Sign(issuer_type=issuer_type, approve=approve),),
        trace=(Check("issuer is ready to sign", passed=True),),
        summary="is ready to be signed",
        waiting_for=f"issuer {request.spec.issuer_ref.name}",
    )


def conclude(world: RequestWorld, outcome: Outcome, now: datetime, *, approve: bool) -> Plan:
    """What to write once the issuer has answered. `approve` adds the approval to the same write."""
    return _write(world.request, now, outcome, world.issuer, approve=approve)


def issuer_type_of(issuer: Issuer | None) -> str:
    """The kind of issuer a spec configures, in upstream's order of precedence; empty if none."""
    if issuer is None or issuer.spec is None:
        return ""
    spec = issuer.spec
    present = {
        "acme": spec.acme,
        "ca": spec.ca,
        "vault": spec.vault,
        "selfsigned": spec.self_signed,
        "venafi": spec.venafi,
    }
    return next((name for name, value in present.items() if value is not None), "")


def is_ready(issuer: Issuer) -> bool:
    """Whether an issuer carries the condition Ready=True."""
    return conditions.has(issuer.status.conditions, "Ready")


def _blocked(world: RequestWorld, kind: str) -> Pending | None:
    """Why the issuer cannot be asked to sign now."""
    name = world.request.spec.issuer_ref.name
    if kind not in {"Issuer", "ClusterIssuer"}:
        text = f'invalid value "{kind}" for issuerRef.kind. Must be empty, "Issuer" or "ClusterIssuer"'
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


def _write(
    request: CertificateRequest, now: datetime, outcome: Outcome, issuer: Issuer | None, *, approve: bool
) -> Plan:
    """One status write for approval and outcome together."""
    now = now.replace(microsecond=0)
    issuer_type = issuer_type_of(issuer) or "ca"
    component = f"certificaterequests-issuer-{issuer_type}"
    status: dict[str, Any] = {}
    events: list[Event] = []
    wanted = list(request.status.conditions)
    if approve:
        wanted = conditions.set_condition(wanted, _approved(), now)
        events.append(Event(GROUP, APPROVED_TEXT, APPROVER))
    outcome = _verified(outcome, issuer_type)
    ready, told = _ready(outcome, request, component)
    wanted = conditions.set_condition(wanted, ready, now)
    events += told
    if wanted != list(request.status.conditions):
        status["conditions"] = msgspec.to_builtins(wanted)
    if isinstance(outcome, Signed):
        status |= msgspec.to_builtins(
            {"certificate": outcome.chain} | ({"ca": outcome.ca} if outcome.ca else {})
        )
    if isinstance(outcome, Permanent) and request.status.failure_time is None:
        status["failureTime"] = msgspec.to_builtins(now)
    message = "" if isinstance(outcome, Signed) else outcome.message
    trace = (Check("issuer has signed", isinstance(outcome, Signed), message),)
    if not status:
        return Plan(
            (), trace=trace, summary=f"waits: {message}", waiting_for=f"issuer {request.spec.issuer_ref.name}"
        )
    write = PatchStatus(status=status, field_manager=f"cert-manager-{component}", events=tuple(events))
    return Plan((write,), trace=trace, summary=message or "is issued")


def _verified(outcome: Outcome, issuer_type: str) -> Outcome:
    """A certificate that cannot be decoded is a failure, whoever returned it."""
    if not isinstance(outcome, Signed):
        return outcome
    try:
        parse_certificate(outcome.chain)
    except PKIError as error:
        hint = (
            " (is spec.secretName of the Certificate the issuer's own Secret?)" if issuer_type == "ca" else ""
        )
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


def _deny(request: CertificateRequest, now: datetime) -> Plan:
    """A denied request is never signed; say so once."""
    now = now.replace(microsecond=0)
    text = "The CertificateRequest was denied by an approval controller"
    trace = (Check("request is not denied", passed=False, detail=text),)
    if not is_ours(request.spec.issuer_ref):
        return Plan((), trace=trace, summary="was denied")
    wanted = conditions.set_condition(
        list(request.status.conditions), _condition("Ready", "False", "Denied", text), now
    )
    status: dict[str, Any] = {}
    if wanted != list(request.status.conditions):
        status["conditions"] = msgspec.to_builtins(wanted)
    if request.status.failure_time is None:
        status["failureTime"] = msgspec.to_builtins(now)
    actions = (PatchStatus(status=status, field_manager=f"cert-manager-{APPROVER}"),) if status else ()
    return Plan(actions, trace=trace, summary="was denied")


def _foreign(request: CertificateRequest, now: datetime, *, approve: bool) -> Plan:
    """A request of a foreign group is approved, if that is ours to do, and left to its controller."""
    trace = (Check("issuer is one of ours", passed=False, detail=request.spec.issuer_ref.group or ""),)
    waiting = f"the controller of {request.spec.issuer_ref.group}"
    if not approve:
        return Plan((), trace=trace, summary="is left to its own controller", waiting_for=waiting)
    wanted = conditions.set_condition(
        list(request.status.conditions), _approved(), now.replace(microsecond=0)
    )
    write = PatchStatus(
        status={"conditions": msgspec.to_builtins(wanted)},
        field_manager=f"cert-manager-{APPROVER}",
        events=(Event(GROUP, APPROVED_TEXT, APPROVER),),
    )
    return Plan((write,), trace=trace, summary="is approved", waiting_for=waiting)


def _unapproved(world: RequestWorld) -> Plan:
    component = f"certificaterequests-issuer-{issuer_type_of(world.issuer) or 'ca'}"
    text = "Not signing CertificateRequest until it is Approved"
    return Plan(
        (Emit(events=(Event("WaitingForApproval", text, component, once=True),)),),
        trace=(Check("request is approved", passed=False),),
        summary="waits to be approved",
        waiting_for="an approver",
    )


def _done(name: str, summary: str) -> Plan:
    return Plan((), trace=(Check(name, passed=False),), summary=summary)


def _approved() -> CertificateRequestCondition:
    return _condition("Approved", "True", GROUP, APPROVED_TEXT)


def _condition(type_: str, status: str, reason: str, message: str) -> CertificateRequestCondition:
    return CertificateRequestCondition(type=type_, status=status, reason=reason, message=message)
