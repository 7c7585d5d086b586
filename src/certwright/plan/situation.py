"""One Certificate's world during one decision: facts derived from it, and the draft of the plan.

Shared by the phases (at rest, issuing); it holds what both need and decides nothing by itself.
"""

from datetime import datetime, timedelta

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import Certificate, CertificateRequest
from certwright.api.reasons import ISSUING, READY, WINDOW_ERROR
from certwright.api.references import is_ours, issuer_key
from certwright.pki import csr
from certwright.pki.errors import PKIError
from certwright.pki.keys import PublicKey
from certwright.pki.renewal import Renewal
from certwright.plan import renewal_spread
from certwright.plan.actions import WARNING, DeleteRequest, DeleteSecret, Event, ForgetKey
from certwright.plan.draft import Draft
from certwright.plan.policies import READINESS, View, Violation, evaluate, go_time
from certwright.plan.world import CertificateWorld, Policy


class Situation:
    """The world, the policy and the moment (aware UTC) of one decision; `now` is cut to whole seconds."""

    def __init__(self, world: CertificateWorld, policy: Policy, now: datetime) -> None:
        self.world = world
        self.policy = policy
        self.moment = now
        self.now = now.replace(microsecond=0)
        self.certificate = world.certificate
        self.spec = world.certificate.spec
        self.draft = Draft(world.certificate, self.now, server_side_apply=policy.server_side_apply)
        self.next_revision = (world.certificate.status.revision or 0) + 1

    @property
    def issuer_name(self) -> str:
        """The issuer of the spec in words; one of a foreign group with its group."""
        name, kind, group = issuer_key(self.spec.issuer_ref)
        return f"{kind} {name}" if is_ours(self.spec.issuer_ref) else f"{kind} {name} of {group}"

    def runs(self, part: str) -> bool:
        """Whether the controller `certificates-PART` is on."""
        return self.policy.runs(f"certificates-{part}")

    def requests_of(self, revision: int) -> list[CertificateRequest]:
        """The requests made for a revision."""
        return [r for r in self.world.requests if revision_of(r) == revision]

    def view(self, current: CertificateRequest | None = None) -> View:
        """What the checks see; `current` stands in for the request of the current revision."""
        request = self._current_request() if current is None else current
        return View(self.certificate, self.world.secret, request, self.now, self.renewal())

    def renewal(self) -> Renewal | None:
        """When the certificate in the Secret is due for renewal; None if there is no certificate."""
        facts = self.world.secret.certificate if self.world.secret else None
        return renewal_spread.due(self.certificate, facts, self.policy, self.now) if facts else None

    def _current_request(self) -> CertificateRequest | None:
        """The request of the current revision; of several, rather the one that the stored key is for."""
        revision = self.certificate.status.revision
        requests = self.requests_of(revision) if revision is not None else []
        if len(requests) > 1:
            key = self.world.secret.key if self.world.secret else None
            requests.sort(key=lambda request: (not _is_for(request, key), request.metadata.name))
        return requests[0] if requests else None

    def judge_readiness(self, current: CertificateRequest | None = None) -> None:
        """Set Ready and the times that follow from the stored certificate."""
        draft = self.draft
        violation, trace = evaluate(READINESS, self.view(current))
        draft.trace += [check for check in trace if check not in draft.trace]
        facts = self.world.secret.certificate if self.world.secret else None
        when = self.renewal()
        if when is not None and when.error:
            violation = Violation(WINDOW_ERROR, f"Could not calculate renewal time: {when.error}")
        renews_at = when.at if when else None
        if not self.runs("readiness"):
            draft.wake(renews_at)
            return
        draft.set("not_before", facts.not_before if facts else None)
        draft.set("not_after", facts.not_after if facts else None)
        draft.set("renewal_time", renews_at)
        if violation is not None or facts is None:
            self._not_ready(violation or Violation("MissingData", "the Secret holds no certificate"))
            return
        draft.set_condition(READY, "True", "Ready", "Certificate is up to date and has not expired")
        draft.wake(renews_at)
        draft.wake(facts.not_after + timedelta(seconds=1))
        renews = f"renews at {go_time(renews_at)}" if renews_at else "is not renewed"
        if not draft.waiting_for:  # what keeps it from being renewed is more of a piece of news
            draft.say(f"is ready, valid until {go_time(facts.not_after)}, and {renews}")

    def _not_ready(self, violation: Violation) -> None:
        changed = self.draft.set_condition(READY, "False", violation.reason, violation.message)
        if changed and violation.reason == WINDOW_ERROR:
            event = Event(WINDOW_ERROR, violation.message, "certificates-readiness", WARNING)
            self.draft.events.append(event)
        if not self.draft.summary:
            self.draft.say(f"is not ready: {violation.message}")

    def delete_request(self, request: CertificateRequest, part: str = "request-manager") -> None:
        """Delete a request after the status write, once, unless it is on its way out already.

        `part` is the controller whose business it is.
        """
        action = DeleteRequest(request.metadata.name, request.metadata.uid)
        if not self.runs(part):
            return
        if request.metadata.deletion_timestamp is None and action not in self.draft.after:
            self.draft.after.append(action)

    def forget_next_keys(self) -> None:
        """No issuance is under way any more: whatever key was prepared for it goes."""
        if not self.runs("key-manager"):
            return
        self.draft.set("next_private_key_secret_name", None)
        for secret in self.world.next_keys:
            if secret.metadata.deletion_timestamp is None:
                self.draft.after.append(DeleteSecret(secret.metadata.name, secret.metadata.uid))
        if self.world.held_key is not None:
            self.draft.after.append(ForgetKey())

    def prune_requests(self) -> None:
        """Keep the requests of the newest revisions only, as revisionHistoryLimit says, while Ready.

        That of the current revision stays, since the checks compare the spec with it.
        """
        if not conditions.has(self.draft.conditions, READY):
            return
        limit = self.spec.revision_history_limit or 1
        numbered = [(n, r) for r in self.world.requests if (n := revision_of(r)) is not None]
        numbered.sort(key=lambda pair: pair[0])
        current = self.draft.fields.get("revision", self.certificate.status.revision)
        for revision, request in numbered[: max(0, len(numbered) - limit)]:
            if revision != current:
                self.delete_request(request, "revision-manager")


def is_issuing(certificate: Certificate) -> bool:
    """Whether an issuance is under way: condition Issuing=True."""
    return conditions.has(certificate.status.conditions, ISSUING)


def revision_of(request: CertificateRequest) -> int | None:
    """The revision a request was made for, or None if its annotation is missing or not a number."""
    text = request.metadata.annotations.get(ann.REVISION, "")
    return int(text) if text.isdecimal() and str(int(text)) == text else None


def request_facts(request: CertificateRequest) -> csr.RequestFacts | None:
    """What the CSR of a request says, or None if it cannot be decoded."""
    try:
        return csr.parse_request(request.spec.request)
    except PKIError:
        return None


def _is_for(request: CertificateRequest, key: PublicKey | None) -> bool:
    facts = request_facts(request)
    return facts is not None and key is not None and facts.public_key.spki_sha256 == key.spki_sha256


def backoff(attempts: int, policy: Policy) -> timedelta:
    """The delay after a number of failed attempts: doubling from the minimum up to the maximum."""
    minimum, maximum = policy.minimum_backoff, policy.maximum_backoff
    if attempts <= 1:
        return minimum
    if attempts > 64:  # past any maximum, and further doubling would overflow
        return max(minimum, maximum)
    return max(minimum, min(maximum, minimum * (1 << (attempts - 1))))
