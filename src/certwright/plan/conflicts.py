"""Others that write the same Secret: another Certificate, or a writer from outside. Seen, said, not fought.

Says so in the condition SecretConflict, and decides whether this Certificate may write the Secret; what is
written, and when something has to be, is decided elsewhere.
"""

from datetime import datetime

from certwright.api import annotations as ann
from certwright.api import conditions
from certwright.api.reasons import (
    DUPLICATE_SECRET_NAME,
    INVALID_CERTIFICATE,
    INVALID_KEY_PAIR,
    MISSING_DATA,
    OUTSIDE_WRITER,
    SECRET_CONFLICT,
    SECRET_MISMATCH,
)
from certwright.plan.actions import WARNING, Event
from certwright.plan.budget import HOUR, recent_requests
from certwright.plan.policies import Violation, go_time
from certwright.plan.situation import Situation

_OF_THE_PAIR = frozenset({MISSING_DATA, INVALID_KEY_PAIR, INVALID_CERTIFICATE, SECRET_MISMATCH})
_ONCE_TOO_OFTEN = 3
"""A Secret that was overwritten this often within an hour is not overwritten by mistake."""


def judge(situation: Situation, violation: Violation | None) -> str:
    """Set or end the condition SecretConflict; return which Certificate may write the Secret, by name."""
    owner = _owner(situation)
    if not situation.runs("trigger"):
        return owner
    if owner != situation.certificate.metadata.name:
        text = (
            f'spec.secretName "{situation.spec.secret_name}" belongs to Certificate "{owner}", so nothing is '
            "issued for this one. Give each of them a secretName of its own."
        )
        _set(situation, "trigger", DUPLICATE_SECRET_NAME, text)
        return owner
    until = _outsider_until(situation)
    if until is None:
        situation.draft.drop_condition(SECRET_CONFLICT)
        _look_for_outsiders(situation, violation)
    else:
        situation.draft.wake(until)
    return owner


def may_repair(situation: Situation, drift: Violation) -> bool:
    """Whether the Secret may be brought back in line once more, or somebody keeps undoing it.

    An edit of the Certificate is always carried over: only what was repaired for the same spec counts.
    """
    limit, metadata = situation.policy.repairs_per_hour, situation.certificate.metadata
    seen = conditions.find(situation.draft.conditions, SECRET_CONFLICT)
    until = _outsider_until(situation)
    if until is None or seen is None or seen.observed_generation != metadata.generation:
        since = situation.now - HOUR
        repairs = [
            moment
            for generation, moment in situation.world.recent.repairs
            if generation == metadata.generation and moment > since
        ]
        if not limit or len(repairs) < limit:
            return True
        until = situation.now + HOUR
        writers = situation.world.secret.owned.others if situation.world.secret else ()
        text = (
            f'Secret "{situation.spec.secret_name}" was brought back in line {limit} times within an hour '
            f"and is changed again each time: {drift.message}. {_written_by(writers)} "
            f"It is left as it is until {go_time(until)} or the next edit of this Certificate."
        )
        situation.draft.drop_condition(SECRET_CONFLICT)
        _set(situation, "issuing", OUTSIDE_WRITER, text)
    situation.draft.wake(until)
    detail = f"somebody keeps undoing it; left as it is until {go_time(until)}"
    situation.draft.check("nobody else takes back what is written", passed=False, detail=detail)
    return False


def _look_for_outsiders(situation: Situation, violation: Violation | None) -> None:
    """Say it when somebody else keeps writing the key or the certificate."""
    secret = situation.world.secret
    if secret is None or violation is None or violation.reason not in _OF_THE_PAIR:
        return
    if not secret.owned.pair_writers or len(recent_requests(situation)) < _ONCE_TOO_OFTEN:
        return
    text = (
        f'Secret "{situation.spec.secret_name}" was issued {_ONCE_TOO_OFTEN} times within an hour, and its '
        f"key or certificate is overwritten again. {_written_by(secret.owned.pair_writers)} "
        "Have only one of the two write it."
    )
    _set(situation, "trigger", OUTSIDE_WRITER, text)
    situation.draft.wake(situation.now + HOUR)


def _written_by(managers: tuple[str, ...]) -> str:
    if not managers:
        return "Its metadata does not tell who writes it: a webhook, perhaps."
    return f"Field managers that write it: {', '.join(managers)}."


def _outsider_until(situation: Situation) -> datetime | None:
    """Until when the condition tells of an outside writer; None if it does not, or its hour is over."""
    seen = conditions.find(situation.draft.conditions, SECRET_CONFLICT)
    if seen is None or seen.reason != OUTSIDE_WRITER or seen.last_transition_time is None:
        return None
    until = seen.last_transition_time + HOUR
    return until if situation.now < until else None


def _set(situation: Situation, part: str, reason: str, message: str) -> None:
    draft = situation.draft
    seen = conditions.find(draft.conditions, SECRET_CONFLICT)
    if seen is not None and seen.reason != reason:
        draft.drop_condition(SECRET_CONFLICT)  # another conflict begins at another time
    if draft.set_condition(SECRET_CONFLICT, "True", reason, message):
        draft.events.append(Event(reason, message, f"certificates-{part}", WARNING))


def _owner(situation: Situation) -> str:
    """The name of the Certificate that may write spec.secretName."""
    candidates = [situation.certificate, *situation.world.rivals]
    if len(candidates) > 1 and situation.world.secret is not None:
        named = situation.world.secret.metadata.annotations.get(ann.CERTIFICATE_NAME)
        if named is not None and any(c.metadata.name == named for c in candidates):
            return named
    oldest = min(
        candidates,
        key=lambda c: (c.metadata.creation_timestamp or situation.now, c.metadata.name),
    )
    return oldest.metadata.name
