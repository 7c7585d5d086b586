"""What a Certificate needs next. Pure: facts and a time in, a plan out.

Two phases, told apart by the condition Issuing. At rest, here: does the Secret still fit, is it time
to renew, does something need tidying? While issuing: see `issuance`. The first rule comes before
everything: nothing is ever created for a Certificate that is being deleted.
"""

from datetime import datetime, timedelta

from certwright.api import conditions
from certwright.api.reasons import INCORRECT_CERTIFICATE, ISSUING, RENEWING, WINDOW_ERROR
from certwright.pki import match
from certwright.pki.errors import PKIError
from certwright.plan import budget, conflicts, keystore_passwords, target_secret
from certwright.plan.actions import WARNING, Event, Plan
from certwright.plan.gates import seen_through_gates
from certwright.plan.issuance import issue
from certwright.plan.policies import TRIGGER, Violation, evaluate, go_time
from certwright.plan.situation import Situation, backoff, is_issuing
from certwright.plan.world import CertificateWorld, Policy


def plan_certificate(world: CertificateWorld, policy: Policy, now: datetime) -> Plan:
    """Decide what a Certificate needs next.

    `now` is aware UTC. Planning again on the world that the plan leads to ends in a plan without
    actions; a crash after any action leads back to the same end.
    """
    situation = Situation(seen_through_gates(world, policy), policy, now)
    alive = world.certificate.metadata.deletion_timestamp is None
    if not situation.draft.check("certificate is not being deleted", alive):
        situation.draft.say("is being deleted; nothing is created for it any more")
        return situation.draft.plan()
    budget.settle(situation)
    if is_issuing(world.certificate):
        began = conditions.find(world.certificate.status.conditions, ISSUING)
        issue(situation, began.last_transition_time if began else None)
    else:
        _rest(situation)
    return situation.draft.plan()


def _rest(situation: Situation) -> None:
    violation, trace = evaluate(TRIGGER, situation.view())
    situation.draft.trace += trace
    owner = conflicts.judge(situation, violation)
    if violation is not None and situation.runs("trigger") and _may_issue(situation, owner):
        _begin(situation, violation)
        return
    situation.judge_readiness()
    is_mine = owner == situation.certificate.metadata.name and situation.runs("issuing")
    if is_mine and (violation is None or violation.reason != INCORRECT_CERTIFICATE):
        _repair_secret(situation)
    situation.forget_next_keys()
    situation.prune_requests()


def _begin(situation: Situation, violation: Violation) -> None:
    """Start an issuance, and take its first steps in the same pass."""
    draft, reason, message = situation.draft, violation.reason, violation.message
    if reason == WINDOW_ERROR:
        text = f"Renewing certificate without satisfying renewal windows due to {message}"
        draft.events.append(Event(WINDOW_ERROR, text, "certificates-trigger", WARNING))
        due = situation.certificate.status.renewal_time or situation.now
        reason, message = (
            RENEWING,
            f"Renewing certificate without satisfying renewal windows at: {go_time(due)}",
        )
    situation.judge_readiness()
    draft.set_condition(ISSUING, "True", reason, message)
    draft.events.append(Event("Issuing", message, "certificates-trigger"))
    issue(situation, situation.now)


def _may_issue(situation: Situation, owner: str) -> bool:
    """Whether this Certificate owns its Secret's name, and neither a failure nor a loop holds it back."""
    draft = situation.draft
    if not draft.check(
        "no other certificate has the same secretName",
        owner == situation.certificate.metadata.name,
        f'spec.secretName "{situation.spec.secret_name}" belongs to Certificate "{owner}"',
    ):
        draft.say(f'will not be issued: its secretName is taken by Certificate "{owner}"', "you")
        return False
    until = _backoff_until(situation)
    waiting = until is not None and until > situation.now
    detail = f"next try at {go_time(until)}" if until is not None and waiting else ""
    if not draft.check("no failed issuance is being backed off from", not waiting, detail):
        draft.wake(until)
        draft.say(f"failed to be issued; {detail}", "the backoff")
        return False
    return not budget.holds_back(situation, "trigger")


def _backoff_until(situation: Situation) -> datetime | None:
    """When the next try is due after a failure; None if there was none, or the spec was edited since."""
    status, policy = situation.certificate.status, situation.policy
    if status.last_failure_time is None or policy.minimum_backoff <= timedelta(0):
        return None
    for request in situation.requests_of(situation.next_revision):
        try:
            if match.request_mismatches(request, situation.spec):
                return None
        except PKIError:
            return None
    return status.last_failure_time + backoff(status.failed_issuance_attempts or 0, policy)


def _repair_secret(situation: Situation) -> None:
    """Bring the Secret's metadata and formats back in line, without touching key and certificate."""
    secret, owner = situation.world.secret, situation.policy.owner_references
    if secret is None:
        return
    violation = target_secret.drift(situation.certificate, secret, owner=owner)
    detail = violation.message if violation else ""
    in_line = situation.draft.check("secret carries the metadata it should", violation is None, detail)
    if violation is None or in_line or not conflicts.may_repair(situation, violation):
        return
    missing = keystore_passwords.missing(situation)
    if missing:
        situation.draft.say(f"has a Secret that cannot be brought up to date: {missing}", "you")
    else:
        situation.draft.after.append(target_secret.apply_again(situation.certificate, secret, owner=owner))
