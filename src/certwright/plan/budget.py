"""How many requests a Certificate may make within an hour: no loop, whatever drives it, makes more.

Looks at facts only. When requests were made is read from the requests that are there (each carries the
times of those before it), and from what this process remembers; that the budget is used up, from the
condition RateLimited, which is written before anything else and outlives both.
"""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.certmanager import CertificateCondition, CertificateRequest
from certwright.api.reasons import ISSUING, RATE_LIMITED, TOO_MANY_REQUESTS
from certwright.plan.actions import WARNING, Check, Event
from certwright.plan.policies import go_time
from certwright.plan.situation import Situation

HOUR = timedelta(hours=1)


def settle(situation: Situation) -> None:
    """Take the condition back when its hour is over, and have somebody look then."""
    if not situation.runs("trigger") and not situation.runs("request-manager"):
        return
    until = _held_until(situation)
    if until is None:
        situation.draft.drop_condition(RATE_LIMITED)
    else:
        situation.draft.wake(until)


def holds_back(situation: Situation, part: str) -> bool:
    """Whether no request may be made now. The first time, that is said in a condition and an event.

    `part` is the controller `certificates-PART` that would go on otherwise.
    """
    draft, limit = situation.draft, limit_of(situation)
    until = _held_until(situation)
    if until is None and limit and len(recent_requests(situation)) >= limit:
        until = situation.now + HOUR
        message = _message(situation, limit, until)
        draft.set_condition(RATE_LIMITED, "True", TOO_MANY_REQUESTS, message)
        draft.events.append(Event(TOO_MANY_REQUESTS, message, f"certificates-{part}", WARNING))
    detail = f"nothing is requested before {go_time(until)}" if until else ""
    check = Check("the requests of the last hour are within bounds", until is None, detail)
    if check not in draft.trace:
        draft.trace.append(check)
    if until is None:
        return False
    draft.wake(until)
    draft.say(f"is held back: {limit} requests were made within an hour; {detail}", "you")
    return True


def limit_of(situation: Situation) -> int:
    """How many requests may be made within an hour; 0 for any number."""
    text = situation.certificate.metadata.annotations.get(ann.REQUESTS_PER_HOUR, "").strip()
    return int(text) if text.isascii() and text.isdecimal() else situation.policy.requests_per_hour


def recent_requests(situation: Situation) -> list[datetime]:
    """When requests were made for this Certificate during the last hour, as far as is known."""
    merged = Counter(situation.world.recent.requests)
    for request in situation.world.requests:
        merged |= Counter(_told_by(request))
    since, until = situation.now - HOUR, situation.now + HOUR  # other clocks may be ahead, within reason
    return sorted(moment for moment in merged.elements() if since < moment <= until)


def annotation(situation: Situation) -> dict[str, str]:
    """The annotation by which a new request tells of those before it; none if there are none."""
    times = recent_requests(situation)[-limit_of(situation) :] if limit_of(situation) else []
    if not times:
        return {}
    return {ann.RECENT_REQUESTS: ",".join(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in times)}


def _told_by(request: CertificateRequest) -> list[datetime]:
    """When a request and those that it knows of were made. What cannot be read is not counted."""
    metadata = request.metadata
    times = [metadata.creation_timestamp] if metadata.creation_timestamp is not None else []
    for text in metadata.annotations.get(ann.RECENT_REQUESTS, "").split(","):
        with suppress(ValueError):
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                times.append(moment)
    return times


def _held_until(situation: Situation) -> datetime | None:
    """The end of the hour without requests that the condition tells of; None if there is none, or it is over.

    A condition that was written under another limit counts no more: raising the limit lifts it.
    """
    limit = limit_of(situation)
    condition = conditions.find(situation.draft.conditions, RATE_LIMITED)
    if condition is None or condition.status != "True" or condition.last_transition_time is None:
        return None
    if not limit or not condition.message.startswith(_opening(limit)):
        return None
    until = condition.last_transition_time + HOUR
    return until if situation.now < until else None


def _opening(limit: int) -> str:
    return f"No more than {limit} requests are made within an hour:"


def _message(situation: Situation, limit: int, until: datetime) -> str:
    """What was counted, what asked for it, and what to do. Written once an hour, so it may name a time."""
    failed = [check.detail for check in situation.draft.trace if not check.passed and check.detail]
    asked = conditions.find(situation.certificate.status.conditions, ISSUING)
    cause = failed[-1] if failed else _asked(asked)
    writers = situation.world.secret.owned.pair_writers if situation.world.secret else ()
    text = f"{_opening(limit)} the last was asked for because: {cause.rstrip('.')}."
    if writers:
        text += f" The key or the certificate in the Secret was written by {' and '.join(writers)}."
    return (
        f"{text} Nothing is requested before {go_time(until)}. Find out who keeps changing it; the "
        f"annotation {ann.REQUESTS_PER_HOUR} sets another limit (0: none)."
    )


def _asked(issuing: CertificateCondition | None) -> str:
    if issuing is None:
        return "its requests are gone each time"
    return f"the condition {ISSUING} says {issuing.reason or 'True'}: {issuing.message or 'no message'}"
