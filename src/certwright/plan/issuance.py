"""An issuance under way: the next private key, the request, its outcome, the Secret. Pure.

Runs while the condition Issuing is True, and at its start in the pass that sets it. The world alone
says how far it is: a Secret that holds the request's certificate is stored, whoever stored it.
"""

import hashlib
from datetime import datetime

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import CertificateRequest, CertificateRequestCondition
from certwright.api.reasons import (
    APPROVED,
    DENIED,
    FAILED,
    INVALID_CERTIFICATE,
    INVALID_REQUEST,
    ISSUED,
    ISSUING,
    READY,
)
from certwright.pki import certificate as x509
from certwright.pki import match
from certwright.pki.errors import PKIError
from certwright.plan import budget, keystore_passwords, next_key, target_secret
from certwright.plan.actions import WARNING, CreateRequest, Event, StoreTemporary
from certwright.plan.names import copied_annotations, request_name, unstable_request_name
from certwright.plan.policies import USABLE_PAIR, evaluate, go_list, go_time
from certwright.plan.situation import Situation, backoff, is_issuing, request_facts, revision_of


def issue(situation: Situation, since: datetime | None) -> None:
    """Plan the next steps of an issuance that began at `since` (None if that was not written down)."""
    requests = situation.requests_of(situation.next_revision)
    for request in requests:
        if _is_stored(situation, request) and situation.runs("issuing"):
            _finish(situation, request)
            return
    if is_issuing(situation.certificate):
        situation.judge_readiness()
    for request in situation.world.requests:
        if revision_of(request) is None:
            situation.delete_request(request)
    if not requests and situation.runs("request-manager") and budget.holds_back(situation, "request-manager"):
        return  # before a key is made for nothing
    key_name, fresh = next_key.choose(situation)
    if not key_name:
        return  # and the draft says why
    usable = [] if fresh else _usable(situation, requests, key_name, since)
    if len(usable) > 1:
        names = go_list([r.metadata.name for r in usable])
        situation.draft.say(f"has several requests for revision {situation.next_revision}: {names}", "you")
    elif usable:
        _follow(situation, usable[0])
    else:
        _request(situation, key_name, requests)


def _is_stored(situation: Situation, request: CertificateRequest) -> bool:
    """Whether the Secret holds this request's certificate already, together with its key."""
    secret, issued = situation.world.secret, request.status.certificate
    if secret is None or not issued or secret.key is None:
        return False
    if secret.digests.get("tls.crt") != hashlib.sha256(issued).digest():
        return False
    facts = request_facts(request)
    return facts is not None and facts.public_key.spki_sha256 == secret.key.spki_sha256


def _finish(situation: Situation, request: CertificateRequest) -> None:
    """The Secret is complete: one status write says so, then what is left over goes."""
    draft = situation.draft
    draft.check("secret holds the issued certificate", passed=True)
    text = "The certificate has been successfully issued"
    draft.end_condition(ISSUING, ISSUED, text)
    draft.set("revision", situation.next_revision)
    draft.set("last_failure_time", None)
    draft.set("failed_issuance_attempts", None)
    situation.judge_readiness(current=request)
    draft.events.append(Event("Issuing", text, "certificates-issuing"))
    situation.forget_next_keys()
    situation.prune_requests()


def _usable(
    situation: Situation, requests: list[CertificateRequest], key_name: str, since: datetime | None
) -> list[CertificateRequest]:
    """The requests that this issuance can go on with; the others are deleted."""
    usable = []
    for request in requests:
        why = _unusable(situation, request, key_name, since)
        if situation.draft.check(f"request {request.metadata.name} is usable", not why, why):
            usable.append(request)
        else:
            situation.delete_request(request)
    return usable


def _unusable(
    situation: Situation, request: CertificateRequest, key_name: str, since: datetime | None
) -> str:
    facts = request_facts(request)
    if facts is None:
        return "its CSR cannot be decoded"
    try:
        paths = match.request_mismatches(request, situation.spec)
    except PKIError as error:  # of the spec, or of a name in the CSR
        return f"it cannot be compared with the spec: {error}"
    if paths:
        return f"it differs from the spec: {go_list(paths)}"
    key = next_key.known(situation)
    if key is not None and facts.public_key.spki_sha256 != key.spki_sha256:
        return "it was made for another private key"
    if request.metadata.annotations.get(ann.PRIVATE_KEY_SECRET_NAME) != key_name:
        return "it was made for a private key of another name"  # its signer would look for that one
    return "it failed in an earlier attempt" if _is_of_the_past(situation, request, since) else ""


def _is_of_the_past(situation: Situation, request: CertificateRequest, since: datetime | None) -> bool:
    """Whether a request came to its end in an earlier attempt than the one that began at `since`.

    Who starts an attempt by hand may leave out when: then an end that was counted as a failure is past.
    """
    ended = _final_time(request)
    if ended is None:
        return False
    if since is not None:
        return ended < since
    counted = situation.certificate.status.last_failure_time
    return counted is not None and ended <= counted


def _request(situation: Situation, key_name: str, previous: list[CertificateRequest]) -> None:
    """Ask for a certificate, once every earlier request of this revision is really gone."""
    for request in previous:
        situation.delete_request(request)
    going = next((r for r in previous if r.metadata.deletion_timestamp is not None), None)
    if going is not None:
        held_by = go_list(going.metadata.finalizers)
        name = going.metadata.name
        situation.draft.say(f"waits until CertificateRequest {name} is gone", f"finalizers {held_by}")
        return
    if not situation.runs("request-manager"):
        situation.draft.say("waits for a CertificateRequest that is not made here", "somebody else")
        return
    if budget.holds_back(situation, "request-manager"):
        return
    metadata, revision = situation.certificate.metadata, situation.next_revision
    name = (
        request_name(metadata.name, revision)
        if situation.policy.stable_request_names
        else unstable_request_name(situation.certificate, revision, key_name)
    )
    annotations = copied_annotations(metadata.annotations, situation.policy.copied_annotation_prefixes)
    annotations.pop(ann.RECENT_REQUESTS, None)
    text = f'Created new CertificateRequest resource "{name}"'
    create = CreateRequest(
        name,
        key_name,
        dict(metadata.labels),
        annotations
        | budget.annotation(situation)
        | {
            ann.REVISION: str(revision),
            ann.PRIVATE_KEY_SECRET_NAME: key_name,
            ann.CERTIFICATE_NAME: metadata.name,
        },
        events=(Event("Requested", text, "certificates-request-manager"),),
    )
    situation.draft.after.append(create)
    situation.draft.say(f"is being issued: request {name} is made", situation.issuer_name)


def _follow(situation: Situation, request: CertificateRequest) -> None:
    """Act on the state of the one request of this issuance. Denied and invalid beat issued."""
    if request.metadata.deletion_timestamp is not None:
        _request(situation, "", [request])
        return
    if not situation.runs("issuing"):
        next_key.outlive_this_process(situation)
        text = f"waits: what becomes of CertificateRequest {request.metadata.name} is not followed here"
        situation.draft.say(text, "somebody else")
        return
    for type_ in (DENIED, INVALID_REQUEST):
        condition = conditions.find(request.status.conditions, type_)
        if condition is not None and condition.status == "True":
            _fail(situation, condition.reason or type_, condition.message)
            return
    ready = conditions.find(request.status.conditions, READY)
    if ready is not None and ready.reason == FAILED:
        _fail(situation, FAILED, ready.message)
    elif ready is not None and ready.reason == ISSUED:
        _store(situation, request)
    else:
        _await(situation, request, ready)


def _await(
    situation: Situation, request: CertificateRequest, ready: CertificateRequestCondition | None
) -> None:
    """Nothing to do but wait; a key that must outlive this process is stored now."""
    if ready is not None or not situation.world.signs_in_process:
        next_key.outlive_this_process(situation)
    if ready is not None:
        _serve_meanwhile(situation, request)
    draft, name = situation.draft, request.metadata.name
    approved = conditions.has(request.status.conditions, APPROVED)
    if not draft.check(f"request {name} is approved", approved):
        draft.say(f"waits for CertificateRequest {name} to be approved", "an approver")
        return
    detail = ready.message if ready is not None else "the issuer has not answered yet"
    draft.check(f"request {name} is issued", passed=False, detail=detail)
    draft.say(f"waits for CertificateRequest {name} to be signed: {detail}", situation.issuer_name)


def _serve_meanwhile(situation: Situation, request: CertificateRequest) -> None:
    """Have a temporary certificate stored, if one is wished for and there is nothing that could serve.

    Its key is the next private key, which is durable before: the actions of a plan are done in order.
    """
    wish = situation.certificate.metadata.annotations.get(ann.ISSUE_TEMPORARY_CERTIFICATE)
    if wish != "true":
        return
    violation, _ = evaluate(USABLE_PAIR, situation.view())
    detail = violation.message if violation else ""
    if situation.draft.check("a certificate serves until the new one is there", violation is None, detail):
        return
    if keystore_passwords.missing(situation):
        return
    text = "A temporary certificate is stored, signed by nobody to trust, until the real one is issued"
    event = Event("Issuing", text, "certificates-issuing")
    situation.draft.after.append(
        StoreTemporary(request=request.metadata.name, now=situation.now, events=(event,))
    )


def _store(situation: Situation, request: CertificateRequest) -> None:
    """Verify what the issuer returned and have it stored together with the key."""
    try:
        facts = x509.parse_certificate(request.status.certificate)
    except PKIError as error:
        _fail(situation, INVALID_CERTIFICATE, f"the issued certificate cannot be decoded: {error}")
        return
    asked = request_facts(request)
    if asked is None or facts.public_key.spki_sha256 != asked.public_key.spki_sha256:
        _fail(situation, INVALID_CERTIFICATE, "the issued certificate is for another key than requested")
        return
    if situation.now > facts.not_after:
        _fail(situation, INVALID_CERTIFICATE, f"the issued certificate expired at {go_time(facts.not_after)}")
        return
    situation.draft.check("issued certificate fits the request", passed=True)
    missing = keystore_passwords.missing(situation)
    if missing:
        next_key.outlive_this_process(situation)
        situation.draft.say(f"is issued and cannot be stored: {missing}", "you")
        return
    existing = situation.world.secret
    situation.draft.after.append(
        target_secret.apply_issued(
            situation.certificate,
            request,
            facts,
            existing_type=existing.type if existing else "",
            owner=situation.policy.owner_references,
        )
    )
    situation.draft.say("is issued and being stored")


def _fail(situation: Situation, reason: str, message: str) -> None:
    """End this attempt. The target Secret stays as it is; the backoff starts."""
    draft = situation.draft
    attempts = (situation.certificate.status.failed_issuance_attempts or 0) + 1
    text = f"The certificate request has failed to complete and will be retried: {message}"
    retry_at = situation.now + backoff(attempts, situation.policy)
    draft.check("issuance succeeded", passed=False, detail=message)
    draft.set_condition(ISSUING, "False", reason, text)
    draft.set("last_failure_time", situation.now)
    draft.set("failed_issuance_attempts", attempts)
    draft.events.append(Event(reason, text, "certificates-issuing", WARNING))
    draft.wake(retry_at)
    draft.say(f"failed to be issued: {message}; next try at {go_time(retry_at)}", "the backoff")
    situation.forget_next_keys()


def _final_time(request: CertificateRequest) -> datetime | None:
    """When a request failed, was denied or was found invalid; None if it did not."""
    for condition in request.status.conditions:
        if condition.type == READY and condition.reason == FAILED and request.status.failure_time:
            return request.status.failure_time
        if condition.type in {DENIED, INVALID_REQUEST} and condition.status == "True":
            return condition.last_transition_time
    return None
