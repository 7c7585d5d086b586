"""What a change would lead to: the plans of the world as it is and as it would be, compared. Pure.

`plan_certificate` decides on both, as it always does; here its actions are read as effects that people
care about: what is issued, which Secret is written, what is deleted, and why. Nothing is decided anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from certwright.api.defaults import DEFAULT_DURATION
from certwright.api.duration import DurationError, parse_duration
from certwright.api.reasons import ISSUING, READY
from certwright.api.references import is_ours, issuer_key
from certwright.pki.renewal import renewal_time
from certwright.plan.actions import (
    WARNING,
    Action,
    ApplySecret,
    CreateRequest,
    DeleteRequest,
    DeleteSecret,
    GenerateKey,
    PatchStatus,
    Plan,
    ReuseKey,
)
from certwright.plan.certificate import plan_certificate
from certwright.plan.effects import (
    ADOPT,
    BLOCK,
    CHANGED,
    CREATED,
    ISSUE,
    ISSUED,
    NONE,
    REISSUE,
    REWRITE,
    REWRITTEN,
    UNCHANGED,
    UPDATE,
    CertificateEffect,
    IssuerEffect,
    Moment,
    ObjectEffect,
    Preview,
    Revisions,
)
from certwright.plan.situation import is_issuing, revision_of
from certwright.plan.world import CertificateWorld, Policy

_STARTS_ISSUING = (GenerateKey, ReuseKey, CreateRequest)

_AT_ONCE = (
    "spec.additionalOutputFormats",
    "spec.renewBefore",
    "spec.renewBeforePercentage",
    "spec.renewal",
    "spec.revisionHistoryLimit",
    "spec.secretName",
    "spec.secretTemplate",
)
"""Fields of the spec that count without an issuance."""


class Outlook(Struct, frozen=True):
    """Whether an issuer could sign once the change is made, and if not, why not."""

    ready: bool
    detail: str = ""


class CertificateCase(Struct, frozen=True):
    """One Certificate: its world as it is (None: it does not exist), and as it would be.

    `fields` are the paths that the change itself touches, empty where it leaves the object alone.
    """

    before: CertificateWorld | None
    after: CertificateWorld
    issuer: Outlook
    fields: tuple[str, ...] = ()

    @property
    def object(self) -> str:
        """What the change makes of the object itself."""
        return CREATED if self.before is None else CHANGED if self.fields else UNCHANGED


class IssuerCase(Struct, frozen=True):
    """One issuer as it would be. `signs` names the Certificates that refer to it, as `namespace/name`.

    `ca_secret` is the namespace and name of the Secret with its key pair, `new_ca` tells that the change
    itself exchanges that; `was_ready` is how it is now.
    """

    kind: str
    namespace: str
    name: str
    object: str
    outlook: Outlook
    was_ready: bool = False
    fields: tuple[str, ...] = ()
    ca_secret: tuple[str, str] | None = None
    new_ca: bool = False
    signs: tuple[str, ...] = ()


def preview(
    certificates: Sequence[CertificateCase],
    issuers: Sequence[IssuerCase],
    objects: Sequence[ObjectEffect],
    policy: Policy,
    now: datetime,
    notes: Sequence[str] = (),
) -> Preview:
    """Put together what a change leads to. `now` is aware UTC; `objects` and `notes` are passed through."""
    effects = [certificate_effect(case, policy, now) for case in certificates]
    return Preview(
        certificates=tuple(effects),
        issuers=tuple(found for case in issuers if (found := _issuer_effect(case, effects)) is not None),
        objects=tuple(objects),
        notes=tuple(notes),
    )


def certificate_effect(case: CertificateCase, policy: Policy, now: datetime) -> CertificateEffect:
    """What the change leads to for one Certificate."""
    plan = plan_certificate(case.after, policy, now)
    was = plan_certificate(case.before, policy, now) if case.before is not None else Plan()
    deed = _deed(plan, case.after)
    before = _deed(was, case.before) if case.before is not None else NONE
    same = deed == before and (deed != BLOCK or plan.summary == was.summary)
    if case.object == UNCHANGED and same:
        return _effect(case, NONE)
    if deed == NONE:
        return _effect(
            case,
            ADOPT if _adopts(case) else UPDATE,
            renewal=_renewal(plan, case, estimate=None),
            deletes=_deletes(plan.actions),
            notes=_of_no_consequence(plan, case),
        )
    issues = deed in (ISSUE, REISSUE)
    reason, message = _why(deed, plan, case.after)
    return _effect(
        case,
        deed,
        reason=reason,
        message=message,
        secret_change=_secret_change(deed, plan, case.after),
        key=_key(plan.actions) if issues else "",
        request=next((a.name for a in plan.actions if isinstance(a, CreateRequest)), ""),
        revision=_revisions(case.after) if issues else None,
        renewal=_renewal(plan, case, estimate=now if issues else None),
        deletes=_deletes(plan.actions) + (_outlived(plan, case.after) if issues else ()),
        notes=(
            *(_hindrances(case) if issues else ()),
            *(("would happen without this change as well",) if same and case.before is not None else ()),
            *(_later(case, "spec.keystores") if deed == REWRITE else ()),
            *_left_behind(case),
        ),
    )


def _effect(case: CertificateCase, action: str, **found: Any) -> CertificateEffect:
    namespace, name = case.after.key
    issuer_name, kind, group = issuer_key(case.after.certificate.spec.issuer_ref)
    ours = is_ours(case.after.certificate.spec.issuer_ref)
    return CertificateEffect(
        namespace=namespace,
        name=name,
        action=action,
        object=case.object,
        fields=case.fields,
        secret=case.after.certificate.spec.secret_name,
        issuer=f"{kind} {issuer_name}" + ("" if ours else f" of {group}"),
        **found,
    )


def _deed(plan: Plan, world: CertificateWorld) -> str:
    """The main thing that a plan does."""
    stores = any(isinstance(a, ApplySecret) and a.request is not None for a in plan.actions)
    if stores or any(isinstance(action, _STARTS_ISSUING) for action in plan.actions):
        secret = world.secret
        return REISSUE if secret is not None and secret.certificate is not None else ISSUE
    waits = is_issuing(world.certificate) and plan.waiting_for != "you"
    if plan.waiting_for and not waits:
        return BLOCK
    return REWRITE if any(isinstance(action, ApplySecret) for action in plan.actions) else NONE


def _why(deed: str, plan: Plan, world: CertificateWorld) -> tuple[str, str]:
    """Reason and message: of the condition that begins an issuance, or of what stands in the way of one."""
    if deed == BLOCK:
        warnings = [e for action in plan.actions for e in action.events if e.type == WARNING]
        return (warnings[-1].reason, warnings[-1].message) if warnings else ("", plan.summary)
    if deed in (ISSUE, REISSUE) and not is_issuing(world.certificate):
        for condition in _conditions(plan):
            if condition.get("type") == ISSUING and condition.get("status") == "True":
                return str(condition.get("reason") or ""), str(condition.get("message") or "")
    failed = next((check for check in reversed(plan.trace) if not check.passed), None)
    return "", (failed.detail or failed.name) if failed is not None else plan.summary


def _conditions(plan: Plan) -> list[dict[str, Any]]:
    return list(_status(plan).get("conditions") or ())


def _status(plan: Plan) -> dict[str, Any]:
    return next((action.status for action in plan.actions if isinstance(action, PatchStatus)), {})


def _secret_change(deed: str, plan: Plan, world: CertificateWorld) -> str:
    if deed in (ISSUE, REISSUE):
        return CREATED if world.secret is None else ISSUED
    return REWRITTEN if any(isinstance(action, ApplySecret) for action in plan.actions) else ""


def _key(actions: Iterable[Action]) -> str:
    """Whether the certificate gets a new private key; one prepared by an issuance under way is new too."""
    return "kept" if any(isinstance(action, ReuseKey) for action in actions) else "new"


def _revisions(world: CertificateWorld) -> Revisions:
    revision = world.certificate.status.revision or 0
    return Revisions(from_=revision, to=revision + 1)


def _renewal(plan: Plan, case: CertificateCase, *, estimate: datetime | None) -> Moment | None:
    """How the renewal time moves; for what is issued at `estimate`, as far as the spec can tell."""
    now = case.before.certificate.status.renewal_time if case.before is not None else None
    if estimate is None:
        status = _status(plan)
        if "renewalTime" not in status:
            return None
        text = status["renewalTime"]
        then = datetime.fromisoformat(text) if isinstance(text, str) else None
        return Moment(from_=now, to=then) if then != now else None
    spec = case.after.certificate.spec
    if not is_ours(spec.issuer_ref):
        return None
    try:
        duration = parse_duration(spec.duration) if spec.duration else DEFAULT_DURATION
    except DurationError:
        return None
    start = estimate.replace(microsecond=0)
    return Moment(from_=now, to=renewal_time(start, start + duration, spec).at, estimated=True)


def _deletes(actions: Iterable[Action]) -> tuple[str, ...]:
    kinds = {DeleteRequest: "CertificateRequest", DeleteSecret: "Secret"}
    return tuple(
        f"{kinds[type(action)]} {action.name}"
        for action in actions
        if isinstance(action, DeleteRequest | DeleteSecret)
    )


def _outlived(plan: Plan, world: CertificateWorld) -> tuple[str, ...]:
    """The requests that go once the new one has been fulfilled, by revisionHistoryLimit."""
    going = {action.uid for action in plan.actions if isinstance(action, DeleteRequest)}
    ours = [(n, r) for r in world.requests if (n := revision_of(r)) is not None]
    kept = sorted(
        (n, r.metadata.name)
        for n, r in ours
        if r.metadata.uid not in going and n <= (world.certificate.status.revision or 0)
    )
    limit = world.certificate.spec.revision_history_limit or 1
    return tuple(f"CertificateRequest {name}" for _, name in kept[: max(0, len(kept) + 1 - limit)])


def _adopts(case: CertificateCase) -> bool:
    """Whether a Secret that is there already is taken over as it is."""
    moved = case.before is None or "spec.secretName" in case.fields
    return moved and case.after.secret is not None


def _left_behind(case: CertificateCase) -> tuple[str, ...]:
    if case.before is None or case.before.secret is None or "spec.secretName" not in case.fields:
        return ()
    return (f"Secret {case.before.certificate.spec.secret_name} is left behind",)


def _later(case: CertificateCase, *counts: str) -> tuple[str, ...]:
    """What of the change has to wait for the next issuance."""
    if case.before is None:
        return ()
    counts = (*counts, *_AT_ONCE)
    waiting = [path for path in case.fields if path.startswith("spec.") and not path.startswith(counts)]
    return (f"counts from the next issuance on: {', '.join(waiting)}",) if waiting else ()


def _of_no_consequence(plan: Plan, case: CertificateCase) -> tuple[str, ...]:
    """What there is to say about a change that neither issues nor writes anything."""
    if case.after.certificate.metadata.deletion_timestamp is not None:
        return ("is being deleted",)
    notes = (*_later(case), *_left_behind(case))
    if is_issuing(case.after.certificate):
        return (*notes, "an issuance is under way, and goes on")
    ready = [c for c in _conditions(plan) if c.get("type") == READY and c.get("status") != "True"]
    return (*notes, *(f"not ready: {condition.get('message')}" for condition in ready))


def _hindrances(case: CertificateCase) -> tuple[str, ...]:
    """What keeps the issuance that begins from being finished at once."""
    ref = case.after.certificate.spec.issuer_ref
    name, kind, group = issuer_key(ref)
    if not is_ours(ref):
        return (f"{kind} {name} is left to the controller of {group}",)
    if case.issuer.ready:
        return ()
    return (f"waits for {kind} {name}, which is not ready: {case.issuer.detail}",)


def _issuer_effect(case: IssuerCase, effects: Sequence[CertificateEffect]) -> IssuerEffect | None:
    """What the change means for an issuer; None where it means nothing."""
    issued = {
        (effect.namespace, effect.secret): effect.name
        for effect in effects
        if effect.action in (ISSUE, REISSUE)
    }
    maker = issued.get(case.ca_secret, "") if case.ca_secret is not None else ""
    breaks = case.was_ready and not case.outlook.ready
    if case.object == UNCHANGED and not (maker or case.new_ca or breaks):
        return None
    now = {f"{e.namespace}/{e.name}" for e in effects if e.action in (ISSUE, REISSUE)}
    return IssuerEffect(
        kind=case.kind,
        namespace=case.namespace,
        name=case.name,
        object=case.object,
        fields=case.fields,
        ready=case.outlook.ready,
        detail=case.outlook.detail,
        new_ca=f"Certificate {maker}" if maker else "its Secret" if case.new_ca else "",
        signs_later=tuple(sorted(name for name in case.signs if name not in now)),
        signs_now=tuple(sorted(name for name in case.signs if name in now)),
    )
